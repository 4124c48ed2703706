// Bodies over real sockets: their bytes, and the errors for those that do not arrive as announced.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decompressBodies } from '#src/api/guard/decompress.ts';
import { receiveBytes } from '#src/api/guard/receive.ts';

const LIMIT = 4 * 1024 * 1024;
const body = randomBytes(LIMIT - 5);

let app: FastifyInstance;
let port: number;
let received: Buffer[] = [];
let failed: string[] = [];

beforeAll(async () => {
  app = Fastify({ bodyLimit: LIMIT, forceCloseConnections: true });
  decompressBodies(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', receiveBytes);
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    failed.push(error.code);
    return reply.code(error.statusCode ?? 500).send(error.code);
  });
  app.post('/', async (request) => {
    received.push(request.body as Buffer);
    return '';
  });
  app.post('/short', { bodyLimit: 10 }, async () => '');
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as AddressInfo).port;
});
afterAll(() => app.close());

async function send(bytes: Buffer, headers: Record<string, string> = {}, isChunked = false, path = '/') {
  received = [];
  failed = [];
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
  };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: isChunked ? (pieces() as unknown as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes),
    ...(isChunked ? { duplex: 'half' } : {}),
  });
  return { status: answer.status, text: await answer.text() };
}

describe('the received bytes are those that were sent', () => {
  test.each<[string, Buffer, boolean]>([
    ['with its length', body, false],
    ['in chunks', body, true],
    ['a small one', Buffer.from('{}'), false],
    ['a small one in chunks', Buffer.from('{}'), true],
    ['as long as is allowed', Buffer.concat([body, Buffer.from('12345')]), false],
  ])('%s', async (_name, bytes, isChunked) => {
    expect(await send(bytes, {}, isChunked)).toMatchObject({ status: 200 });
    expect(received.map((one) => one.equals(bytes))).toEqual([true]);
  });

  test('compressed', async () => {
    const zeros = Buffer.alloc(LIMIT - 1);
    expect(await send(gzipSync(zeros), { 'content-encoding': 'gzip' })).toMatchObject({ status: 200 });
    expect(received[0]!.equals(zeros)).toBe(true);
  });
});

test('no memory is allocated for announced bytes that do not arrive', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const sockets = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets)
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${LIMIT}\r\n\r\n{`);
  const connections = () => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections).toBeGreaterThanOrEqual(sockets.length);
  // An answer to a later request: the first bytes of all earlier ones have been read.
  await send(Buffer.from('{}'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * LIMIT);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => failed.length).toBe(sockets.length);
});

describe('refused', () => {
  const large = Buffer.alloc(LIMIT + 1);
  test.each<[string, Buffer, Record<string, string>, boolean, string]>([
    ['more than is allowed, announced', large, {}, false, '/'],
    ['more than is allowed, in chunks', large, {}, true, '/'],
    ['more than is allowed, compressed', gzipSync(large), { 'content-encoding': 'gzip' }, false, '/'],
    ['more than the route allows', Buffer.alloc(11), {}, false, '/short'],
  ])('%s', async (_name, bytes, headers, isChunked, path) => {
    // A client may not be able to read the answer while it writes.
    await send(bytes, headers, isChunked, path).catch(() => undefined);
    expect(failed).toEqual(['FST_ERR_CTP_BODY_TOO_LARGE']);
    expect(received).toEqual([]);
  });

  test('a body that breaks off', async () => {
    received = [];
    failed = [];
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{');
    await once(socket, 'connect');
    setTimeout(() => socket.destroy(), 20);
    await expect.poll(() => failed).toEqual(['ECONNRESET']);
    expect(received).toEqual([]);
  });
});
