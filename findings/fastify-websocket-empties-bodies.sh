#!/bin/bash
# What      An ordinary POST that also offers HTTP/2 (`Upgrade: h2c`, as java.net.http.HttpClient does for http:// URLs), to a
#           Fastify application with and without @fastify/websocket.
# Versions  fastify 5.6.1, @fastify/websocket 11.3.7 (npm); the same on Node 20.20.2 and 24.21.0
# Expected  The plugin changes nothing for ordinary routes: a server that does not support h2c answers with HTTP/1.1 (RFC 9110,
#           section 7.8).
# Seen      2026-11-28: the plugin listens for `upgrade`, so Node passes it every request that offers an upgrade before the body
#           is read; the body is lost, and Fastify answers 400. Workaround: the server's `shouldUpgradeCallback`, true for
#           `websocket` only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --no-audit --no-fund --loglevel=error fastify@5.6.1 @fastify/websocket@11.3.7 > /dev/null

cat > try.mjs <<'JS'
import { request } from 'node:http';
import websocket from '@fastify/websocket';
import Fastify from 'fastify';

async function post(withPlugin, more) {
  const app = Fastify();
  if (withPlugin) await app.register(websocket);
  app.post('/echo', async (incoming) => ({ received: incoming.body }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const body = JSON.stringify({ a: 1 });
  const headers = { 'content-type': 'application/json', 'content-length': body.length, ...more };
  const answer = await new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: app.server.address().port, path: '/echo', method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (piece) => (text += piece));
      response.on('end', () => resolve(`${response.statusCode} ${JSON.parse(text).code ?? text}`));
    });
    call.on('error', reject);
    call.end(body);
  });
  app.server.closeAllConnections();
  await app.close();
  return answer;
}

const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' };
console.log(`without the plugin, HTTP/2 offered:  ${await post(false, offer)}`);
console.log(`with the plugin, nothing offered:    ${await post(true, {})}`);
console.log(`with the plugin, HTTP/2 offered:     ${await post(true, offer)}`);
process.exit(0);
JS

node try.mjs | tee seen.txt
diff seen.txt - <<'SEEN'
without the plugin, HTTP/2 offered:  200 {"received":{"a":1}}
with the plugin, nothing offered:    200 {"received":{"a":1}}
with the plugin, HTTP/2 offered:     400 FST_ERR_CTP_INVALID_CONTENT_LENGTH
SEEN
echo "as seen on 2026-11-28"
