# One image, every process: `sluice api`, `sluice worker`, `sluice simulate` (see docker-compose.yml).
# Node 24 runs the TypeScript as it stands: nothing is built. Bases are pinned by digest; a newer one is a change to this file.
FROM node:24.19.0-bookworm-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df AS dependencies
WORKDIR /sluice
COPY package.json package-lock.json ./
COPY simulator/package.json ./simulator/
# The npm package "node" puts Node 24 beside older ones; the image has it already.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24.19.0-bookworm-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df
ENV NODE_ENV=production SLUICE_DATA=/data HOST=0.0.0.0 PORT=8080
WORKDIR /sluice
COPY --from=dependencies /sluice/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY simulator ./simulator
COPY workers ./workers
# /data/files too: a volume mounted there takes its owner from the image.
RUN mkdir -p /data/files && chown -R node:node /data
USER node
# Only clients' port 8080 is for others: administration and metrics listen on loopback (server.admin).
VOLUME /data
EXPOSE 8080
# SIGTERM reaches the process itself: no shell, no npm in between.
ENTRYPOINT ["node", "bin/sluice.mjs"]
CMD ["api"]
