#!/bin/bash
# What      A route that streams an answer and fails half-way, called over a socket and by Fastify's `inject` (light-my-request).
# Versions  fastify 5.12.8 with light-my-request 6.8.1 (npm), Node 20.20.2
# Expected  Both return the status and the bytes sent before the failure, and report that the end is missing, so that a test with
#           `inject` sees what a client sees.
# Seen      2026-11-28: over a socket 200, the first event, then a broken connection. `inject` rejects with "response destroyed
#           before completion" and returns neither status nor bytes. With `payloadAsStream: true` it returns both. Tests of
#           streams that may break need that option, or a socket.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --no-audit --no-fund --loglevel=error fastify@5.12.8 light-my-request@6.8.1 > /dev/null

cat > try.mjs <<'JS'
import { Readable } from 'node:stream';
import Fastify from 'fastify';

async function* events() {
  yield 'data: one\n\n';
  await new Promise((resolve) => setTimeout(resolve, 50));
  throw new Error('the provider went away');
}
const app = Fastify();
app.get('/stream', (_, reply) => reply.type('text/event-stream').send(Readable.from(events())));
await app.listen({ port: 0, host: '127.0.0.1' });

async function read(stream) {
  let text = '';
  try {
    for await (const piece of stream) text += Buffer.from(piece).toString();
    return `${JSON.stringify(text)}, whole`;
  } catch {
    return `${JSON.stringify(text)}, broken`;
  }
}
const answer = await fetch(`http://127.0.0.1:${app.server.address().port}/stream`);
console.log(`socket:                 ${answer.status} ${await read(answer.body)}`);
const injected = await app.inject('/stream').then(({ statusCode, body }) => `${statusCode} ${body}`, (error) => `rejects: ${error.message}`);
console.log(`inject:                 ${injected}`);
const streamed = await app.inject({ url: '/stream', payloadAsStream: true });
console.log(`inject, as a stream:    ${streamed.statusCode} ${await read(streamed.stream())}`);
await app.close();
JS

node try.mjs | tee seen.txt
diff seen.txt - <<'SEEN'
socket:                 200 "data: one\n\n", broken
inject:                 rejects: response destroyed before completion
inject, as a stream:    200 "data: one\n\n", broken
SEEN
echo "as seen on 2026-11-28"
