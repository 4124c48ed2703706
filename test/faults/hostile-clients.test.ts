// Symptom: one malformed upload ended the API process with all its streams; names of megabytes were kept, bodies of `[{},{},…]`
// blocked the event loop for seconds, and 300 MiB were read from a client without a key. Cause: clients' data was used before
// it was bounded. Fix: src/api/guard, json-bounds.ts, request-names.ts, body-quota.ts.
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const BODY_LIMIT = 2_000_000;
const BODY_MS = 1_500;
const WRONG_KEYS = 5;
const CONNECTIONS = 100;
const WAITING_BYTES = 300_000;

let vendors: Providers;
let broker: TestBroker;
let pid: number | undefined;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({
    configuration: {
      ...providerConfiguration(vendors),
      server: {
        body_limit_bytes: BODY_LIMIT,
        body_ms: BODY_MS,
        wrong_keys_per_minute: WRONG_KEYS,
        connections_per_address: CONNECTIONS,
        waiting_bytes_per_key: WAITING_BYTES,
        websockets: false,
      },
      files: { bytes_per_key: 3_000 },
    },
  });
  pid = broker.apis[0]!.child.pid;
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const messages = [{ role: 'user', content: 'Hello.' }];
const chat = { model: 'solo', messages };
const errorOf = ({ text }: Answer) => JSON.parse(text) as { error: { message: string; code: string | null } };

/** Sends raw bytes over a separate connection; returns everything received until it is closed. */
function speak(bytes: string | Buffer, then?: (socket: Socket, said: () => string) => void): Promise<string> {
  const { hostname, port } = new URL(broker.url);
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (piece: Buffer) => {
      said += piece.toString();
      then?.(socket, () => said);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });
}

const head = (headers: Record<string, string | number>, path = '/v1/chat/completions') =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

describe('invalid uploads', () => {
  const part = (name: string, more = '') => `--b\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const purpose = `${part('purpose')}batch\r\n`;
  const file = (name = 'a.jsonl') => part('file', `; filename="${name}"`);

  test.each([
    ['cut in its part', `${file()}x`],
    ['cut in another part', `${part('other', '; filename="b"')}x`],
    ['cut in a part’s head', `${purpose}--b\r\ncontent-disposition: form-da`],
    ['without an end', `${purpose}${file()}{}\r\n`],
    ['without anything', ''],
    ['with a name of kilobytes', `${purpose}${file('x'.repeat(3_000))}{}\r\n--b--\r\n`],
    ['with a name that has control characters', `${purpose}${file('a\u0001b')}{}\r\n--b--\r\n`],
    [
      'with hundreds of fields',
      `${Array.from({ length: 500 }, (_, at) => `${part(`f${at}`)}x\r\n`).join('')}--b--\r\n`,
    ],
    ['with two files', `${purpose}${file()}{}\r\n${file()}{}\r\n--b--\r\n`],
    ['cut behind its file', `${purpose}${file()}{}\r\n--b\r\ncontent-disposition: form-da`],
    ['larger than the key’s files may be together', `${purpose}${file()}${'x'.repeat(4_000)}\r\n--b--\r\n`],
  ])('%s: a 400', async (_name, body) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    expect((await ask(broker.url, { path: '/v1/files', body: Buffer.from(body), headers })).status).toBe(400);
  });

  test('nothing of them is stored', async () => {
    const kept = await readdir(join(broker.directory, 'files')).catch(() => []);
    expect(kept.filter((name) => name.startsWith('file-'))).toEqual([]);
  });

  test('the process that received them keeps running, and so do its streams', async () => {
    const stream = openAnswer(broker.url, { prompt: '[[sim pace=40]] A story.', stream: true });
    await waitFor('the stream', () => (stream.bytes > 0 ? true : null));
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    await ask(broker.url, { path: '/v1/files', body: Buffer.from(`${file()}x`), headers });
    const { text } = await stream.ended;
    expect(text).toContain('[DONE]');
    expect(broker.apis[0]!.child).toMatchObject({ pid, exitCode: null });
  });
});

describe('names beyond the bounds', () => {
  const long = 'x'.repeat(300);
  test.each<[string, object, RegExp]>([
    ['a model of 300 characters', { body: { ...chat, model: long } }, /'model': it must have at most 256/],
    ['a model with a NUL', { body: { ...chat, model: 'a\u0000b' } }, /'model': it must not contain control/],
    ['an alternative', { body: { ...chat, models: [long] } }, /'models\.0'/],
    ['a hundred alternatives', { body: { ...chat, models: Array(100).fill('pair') } }, /at most 32 names/],
    ['a preference', { body: { ...chat, provider: { order: [long] } } }, /provider\.order/],
    ['an idempotency key that is no ASCII', { body: chat, headers: { 'idempotency-key': 'ä' } }, /visible ASCII/],
    ['a provider that cannot be one', { body: chat, headers: { vendor: '../x' } }, /name of a provider/],
    ['a Messages model', { path: '/v1/messages', body: { ...chat, model: long, max_tokens: 5 } }, /at most 256/],
    ['a Responses model', { path: '/v1/responses', body: { model: 'a\u0007', input: 'x' } }, /control/],
    [
      'a previous response',
      { path: '/v1/responses', body: { model: 'solo', input: 'x', previous_response_id: long } },
      /at most 128/,
    ],
    [
      'a model in an address',
      { path: `/v1beta/models/${'y'.repeat(600)}:generateContent`, body: { contents: [] } },
      /characters|404|Unknown/,
    ],
  ])('%s: refused, and named', async (_name, wanted, says) => {
    const answer = await ask(broker.url, wanted);
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).toMatch(says);
  });

  test.each([
    '/v1/responses/a%00b',
    '/v1/conversations/a%00b',
    '/v1/files/a%00b',
    '/v1/batches/a%0ab',
    '/v1/files?after=a%00',
  ])('a control character in %s: a 400 without a query', async (path) => {
    const answer = await fetch(`${broker.url}${path}`, { headers: { authorization: `Bearer ${TEST_KEY}` } });
    expect(answer.status).toBe(400);
  });
});

describe('bodies larger than they look', () => {
  const members = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]));
  test.each([
    ['many members', '/v1/chat/completions', { ...chat, ...members(1_001) }],
    ['many members of extra_body', '/v1/chat/completions', { ...chat, extra_body: members(1_001) }],
    ['many members of Messages', '/v1/messages', { ...chat, max_tokens: 5, extra_body: members(1_001) }],
    ['many members around a batch', '/v1/messages/batches', { ...members(1_001), requests: [] }],
  ])('%s: a 400', async (_name, path, body) => {
    const answer = await ask(broker.url, { path, body });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/1000 members/);
  });

  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  test.each([
    [
      'many objects',
      '/v1/chat/completions',
      `{"model":"solo","messages":[${'{},'.repeat(300_000)}{}]}`,
      /objects and arrays/,
    ],
    ['deep tools', '/v1/chat/completions', `{"model":"solo","messages":[],"tools":[${nested(5_000)}]}`, /levels deep/],
    [
      'deep content of Messages',
      '/v1/messages',
      `{"model":"solo","max_tokens":5,"messages":[${nested(5_000)}]}`,
      /levels deep/,
    ],
    ['a deep conversation', '/v1/conversations', `{"items":[${nested(5_000)}]}`, /levels deep/],
    [
      'many files',
      '/v1/chat/completions',
      JSON.stringify({
        model: 'solo',
        messages: [
          {
            role: 'user',
            content: Array.from({ length: 500 }, (_, at) => ({ type: 'file', file: { file_id: `file-${at}` } })),
          },
        ],
      }),
      /at most 100 files/,
    ],
    [
      'many references',
      '/v1/responses',
      JSON.stringify({
        model: 'solo',
        input: Array.from({ length: 10_001 }, (_, at) => ({ type: 'item_reference', id: `msg_${at}aaaaaaaa` })),
      }),
      /more than 10000 items/,
    ],
  ])('%s: a 400 with the reason', async (_name, path, body, says) => {
    const answer = await ask(broker.url, { path, body });
    expect({ status: answer.status, message: errorOf(answer).error.message }).toEqual({
      status: 400,
      message: expect.stringMatching(says),
    });
  });

  const plain = Buffer.from(JSON.stringify(chat));
  test.each([
    ['gzip', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['zstd', zstdCompressSync(plain)],
  ])('%s is decoded', async (encoding, body) => {
    expect((await ask(broker.url, { body, headers: { 'content-encoding': encoding } })).status).toBe(200);
  });

  test.each([
    ['stands for more than a body may have', 'gzip', gzipSync(Buffer.alloc(50_000_000, ' ')), 413],
    ['is not what it says', 'gzip', plain, 400],
    ['is cut', 'gzip', gzipSync(plain).subarray(0, 40), 400],
    ['has an unknown encoding', 'lzma', plain, 415],
    ['has two', 'gzip, br', plain, 415],
  ])('one that %s: %s', async (_name, encoding, body, status) => {
    expect((await ask(broker.url, { body, headers: { 'content-encoding': encoding } })).status).toBe(status);
  });
});

describe('before the key is checked', () => {
  test('the body is not read: the connection is closed after the 401', async () => {
    let sent = 0;
    const said = await speak(head({ 'content-length': 300_000_000, 'content-type': 'application/json' }), (socket) => {
      const more = () => {
        sent += 65_536;
        if (sent < 100_000_000 && socket.writable) socket.write(Buffer.alloc(65_536), more);
      };
      more();
    });
    expect(said).toMatch(/^HTTP\/1.1 401 [\s\S]*connection: close/i);
    expect(sent).toBeLessThan(20_000_000);
  });

  test.each(['/nothing', '/readyz', '/v1/models'])('nor is the body of an unsupported request: %s', async (path) => {
    const headers = { 'transfer-encoding': 'chunked', 'content-type': 'application/json' };
    const said = await speak(`${head(headers, path)}5\r\n{"a":\r\n`);
    expect(said).toMatch(/^HTTP\/1.1 40[45] [\s\S]*connection: close/i);
  });

  test('`Expect: 100-continue` waits for the key', async () => {
    const headers = { expect: '100-continue', 'content-length': 2, 'content-type': 'application/json' };
    expect(await speak(head(headers), (socket) => socket.end())).toMatch(/^HTTP\/1.1 401/);
    const known = { ...headers, authorization: `Bearer ${TEST_KEY}`, connection: 'close' };
    const said = await speak(head(known), (socket, heard) => {
      if (heard() === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('{}');
    });
    expect(said).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 400/);
  });

  test('a WebSocket gets 426 if there are none, with and without a key: Codex continues over HTTP at once', async () => {
    const upgrade =
      'host: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    const said = await speak(`GET /v1/responses HTTP/1.1\r\n${upgrade}`, (socket) => socket.end());
    expect(said).toMatch(/^HTTP\/1.1 426 [\s\S]*upgrade_unsupported/);
  });

  // Symptom: invalid HTTP, and headers of megabytes, were answered in a format that no SDK can read (`{"error":"Bad
  // Request"}`), even in the middle of a stream. Cause: Fastify's own handler below its routes. Fix: `answerBroken`
  // (guard/receive.ts).
  test.each([
    ['garbage', '\u0000\u0001\u0002garbage\r\n\r\n', 400, 'invalid_request_error'],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'invalid_request_error'],
    [
      'two lengths',
      head({ 'content-length': 3 }).replace('\r\n\r\n', '\r\ncontent-length: 4\r\n\r\nabcd'),
      400,
      'invalid_request_error',
    ],
    [
      'a chunk without a length',
      `${head({ 'transfer-encoding': 'chunked', authorization: `Bearer ${TEST_KEY}` })}zz\r\n`,
      400,
      'invalid_request_error',
    ],
    ['headers of a megabyte', head({ 'x-long': 'x'.repeat(1_000_000) }), 431, 'invalid_request_error'],
    [
      'the same at Anthropic’s address',
      head({ 'x-long': 'x'.repeat(1_000_000) }, '/v1/messages'),
      431,
      'request_too_large',
    ],
  ])('%s: an error that SDKs can read', async (_name, bytes, status, type) => {
    const said = await speak(bytes);
    const [top, body] = said.split('\r\n\r\n') as [string, string];
    expect(top).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*x-request-id: req_[\\s\\S]*connection: close`));
    expect(JSON.parse(body)).toMatchObject({ error: { type, message: expect.stringMatching(/HTTP request|headers/) } });
  });

  // Symptom: a 400 without a body. Cause: Node answers it itself. Fix: `requireHost` (guard/receive.ts).
  test.each(['/v1/chat/completions', '/v1/messages'])('no Host header at %s: the same', async (path) => {
    const [top, body] = (await speak(head({ 'content-length': 0 }, path).replace('host: x\r\n', ''))).split('\r\n\r\n');
    expect(top).toMatch(/^HTTP\/1.1 400 [\s\S]*connection: close/);
    const { type, error } = JSON.parse(body!) as { type?: string; error: object };
    expect(type).toBe(path === '/v1/messages' ? 'error' : undefined);
    expect(error).toMatchObject({ type: 'invalid_request_error', message: expect.stringContaining('no Host header') });
  });

  test('an unknown expectation still gets a response', async () => {
    expect(await speak(head({ expect: '200-ok', 'content-length': 0 }))).toMatch(
      /^HTTP\/1.1 401 [\s\S]*invalid_api_key/,
    );
  });

  test('a body that arrives byte by byte is ended', async () => {
    const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-length': 100, 'content-type': 'application/json' };
    expect(await speak(`${head(headers)}{"mod`)).toMatch(/^HTTP\/1.1 408 [\s\S]*request_timeout/);
  });

  test('connections above the limit of an address are closed', async () => {
    const { hostname, port } = new URL(broker.url);
    const sockets = Array.from({ length: CONNECTIONS + 20 }, () => connect(Number(port), hostname));
    let closed = 0;
    for (const socket of sockets)
      socket
        .on('error', () => undefined)
        .once('close', () => {
          closed += 1;
        });
    await waitFor('the surplus to be closed', () => (closed >= 20 ? true : null));
    for (const socket of sockets) socket.destroy();
    await waitFor('the others', () => (closed === sockets.length ? true : null));
  });

  test('an address that guesses keys has to wait; valid keys still work', async () => {
    await ask(broker.url, { prompt: 'Hello.' });
    const guesses = [];
    for (let at = 0; at < WRONG_KEYS + 3; at += 1)
      guesses.push((await ask(broker.url, { key: `sk-guess-${at}` })).status);
    expect(guesses.at(0)).toBe(401);
    expect(guesses.at(-1)).toBe(429);
    expect((await ask(broker.url, { prompt: 'Hello again.' })).status).toBe(200);
    expect((await fetch(`${broker.url}/healthz`)).status).toBe(200);
  });
});

describe('fair use of Redis', () => {
  test('waiting bodies have a quota per key, which is freed when they end', async () => {
    // There is no worker: accepted requests wait.
    await broker.workers[0]!.stop();
    const wanted = { prompt: 'x'.repeat(140_000), headers: { prefer: 'respond-async' } };
    expect([(await ask(broker.url, wanted)).status, (await ask(broker.url, wanted)).status]).toEqual([202, 202]);
    const third = await ask(broker.url, wanted);
    expect({ status: third.status, ...errorOf(third).error }).toMatchObject({
      status: 429,
      message: expect.stringMatching(/bytes/),
    });
    expect(third.headers['retry-after']).toBeDefined();
    await broker.startWorker();
    await waitFor('room', async () => ((await ask(broker.url, wanted)).status === 202 ? true : null));
    await waitFor('all to end', async () => ((await broker.redis.client.zcard('{sluice}:bodies')) === 0 ? true : null));
    expect(await broker.redis.client.hget('{sluice}:body-bytes', '*')).toBe('0');
  });

  test('while Redis is nearly full, new requests are refused with the reason', async () => {
    const { client } = broker.redis;
    const refused = await waitFor('a refusal', async () => {
      // What it uses falls as buffers are given back: the bound follows it.
      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
      await client.config('SET', 'maxmemory', String(Math.round(used * 1.02)));
      const answer = await ask(broker.url, { prompt: 'Hello.' });
      return answer.status === 503 ? answer : null;
    });
    expect(errorOf(refused).error.message).toMatch(/nearly full|no writes|not available/);
    await client.config('SET', 'maxmemory', '0');
    await waitFor('room', async () => ((await ask(broker.url, { prompt: 'Hello.' })).status === 200 ? true : null));
  });
});

test('pages of other origins may call, and read the headers that they need', async () => {
  const origin = 'https://app.example';
  const preflight = await fetch(`${broker.url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
  expect({ status: preflight.status, origin: preflight.headers.get('access-control-allow-origin') }).toEqual({
    status: 204,
    origin: '*',
  });
  expect((await fetch(`${broker.url}/v1/chat/completions`, { method: 'OPTIONS' })).status).toBe(204);
  for (const stream of [false, true]) {
    const { headers } = await ask(broker.url, { prompt: 'Hello.', stream, headers: { origin } });
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(headers['access-control-expose-headers']).toContain('x-request-id');
  }
  expect((await ask(broker.url, { path: '/v1/nowhere', body: chat })).status).toBe(404);
});

test.each(['0x100000', '1e5', ' ', '5.0'])('a deadline of "%s" is refused', async (deadline) => {
  const { status } = await ask(broker.url, { prompt: 'Hello.', headers: { 'x-sluice-deadline-ms': deadline } });
  expect(status).toBe(400);
});

test('what was billed: only what was answered', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.every(({ outcome }) => outcome === 'ok')).toBe(true);
  expectLedgerEqualsBill(rows, vendors);
});

test('bytes after a streamed request do not appear in its answer', async () => {
  const body = JSON.stringify({
    ...chat,
    stream: true,
    messages: [{ role: 'user', content: '[[sim tokens=30 pace=20]]' }],
  });
  const headers = {
    authorization: `Bearer ${TEST_KEY}`,
    'content-length': body.length,
    'content-type': 'application/json',
  };
  let hasAdded = false;
  const said = await speak(`${head(headers)}${body}`, (socket, heard) => {
    if (hasAdded || !heard().includes('data: ')) return;
    hasAdded = true;
    socket.write('\u0000\u0001 no request\r\n\r\n');
  });
  expect(said.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test('what happens to the next request: it is answered, by the same process', async () => {
  expect((await ask(broker.url, { prompt: 'And now?' })).status).toBe(200);
  expect(broker.apis[0]!.child).toMatchObject({ pid, exitCode: null });
});
