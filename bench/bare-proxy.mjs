// Measures the cost of Node itself: Fastify receives a request and undici forwards it, and nothing else. No key, no limits, no
// records: the lower bound for any gateway in Node.
//
//   node bench/bare-proxy.mjs PORT UPSTREAM_PORT
import Fastify from 'fastify';
import { Pool } from 'undici';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const upstream = new Pool(`http://127.0.0.1:${upstreamPort}`, { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
const app = Fastify({ bodyLimit: 64 * 1024 * 1024 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/v1/chat/completions', (request, reply) => {
  reply.hijack();
  const { raw } = reply;
  const parts = [];
  let head = null;
  const call = {
    method: 'POST',
    path: request.url,
    headers: { 'content-type': 'application/json' },
    body: request.body,
  };
  upstream.dispatch(call, {
    onRequestStart() {},
    onResponseStart(_controller, status, headers) {
      head = [status, { 'content-type': headers['content-type'] }];
      // Streams are forwarded as they come; other answers are sent in one write.
      if (headers['content-length'] === undefined) raw.writeHead(...head);
    },
    onResponseData(_controller, part) {
      if (raw.headersSent) raw.write(part);
      else parts.push(part);
    },
    onResponseEnd() {
      if (!raw.headersSent) raw.writeHead(...head);
      raw.end(Buffer.concat(parts));
    },
    onResponseError(_controller, error) {
      raw.destroy(error);
    },
  });
});
await app.listen({ port, host: '127.0.0.1' });
