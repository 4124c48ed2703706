# One image, every process: `sluice api`, `sluice worker`, `sluice batches`, `sluice simulate` (see docker-compose.yml).
# The base is pinned by digest; a newer one is a change to this line. Another base with Node 24 and npm: --build-arg BASE=….
ARG BASE=node:24.19.0-bookworm-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df

FROM ${BASE} AS build
WORKDIR /sluice
COPY package.json package-lock.json ./
COPY simulator/package.json ./simulator/
COPY scripts/admin-types/package.json ./scripts/admin-types/
# The npm package "node" adds Node 24 to older versions; the image already has it.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/build-console.mjs ./scripts/
COPY src ./src
COPY simulator ./simulator
COPY workers ./workers
COPY console ./console
RUN node scripts/build.mjs

FROM ${BASE} AS dependencies
WORKDIR /sluice
COPY package.json package-lock.json ./
# Without the workspaces: they are only needed to build.
RUN npm ci --omit=dev --ignore-scripts --workspaces=false && npm cache clean --force
RUN npm sbom --omit=dev --package-lock-only --workspaces=false --sbom-format=cyclonedx > sbom.cdx.json

FROM ${BASE}
LABEL org.opencontainers.image.title="sluice" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production SLUICE_DATA=/data HOST=0.0.0.0 PORT=8080
# The URL that HEALTHCHECK requests; empty: none. For worker, batches and webhooks with --health-port 9090: http://127.0.0.1:9090/healthz.
ENV SLUICE_HEALTH_URL=http://127.0.0.1:8080/healthz
WORKDIR /sluice
COPY --from=dependencies /sluice/node_modules ./node_modules
COPY --from=dependencies /sluice/sbom.cdx.json ./
COPY --from=build /sluice/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
# /data/files too: a volume mounted there gets its owner from the image. Nothing else is written, so the root can be read-only.
RUN mkdir -p /data/files && chown -R 1000:1000 /data
USER 1000:1000
# Only the clients' port 8080 is public: administration and metrics listen on loopback (server.admin).
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const url = process.env.SLUICE_HEALTH_URL; if (url) fetch(url).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM reaches the process itself, without a shell or npm in between.
ENTRYPOINT ["node", "bin/sluice.mjs"]
CMD ["api"]
