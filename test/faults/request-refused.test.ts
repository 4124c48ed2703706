// Requests that are refused before anything is queued: each with its status, its code, and a message that says what to do.
// Nothing is billed, no provider is called, and the connection stays open.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, type Wanted } from '#test/support/client.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

const BODY_LIMIT = 10_000;

let vendors: Providers;
let broker: TestBroker;
let restrictedKey: string;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = { ...providerConfiguration(vendors), server: { body_limit_bytes: BODY_LIMIT } };
  broker = await startBroker({ configuration });
  restrictedKey = (await broker.createKey('restricted', { models: ['pair'] })).secret;
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

interface Row {
  name: string;
  wanted: Wanted;
  status: number;
  code: string | null;
  param?: string;
  /** The message contains at least this. */
  says: RegExp;
}

const messages = [{ role: 'user', content: 'Hello.' }];

const ROWS: Row[] = [
  {
    name: 'a body over the limit',
    wanted: { prompt: 'x'.repeat(BODY_LIMIT) },
    status: 413,
    code: 'request_too_large',
    says: /10000 bytes/,
  },
  {
    name: 'another content type',
    wanted: { headers: { 'content-type': 'text/plain' } },
    status: 415,
    code: 'unsupported_media_type',
    says: /application\/json/,
  },
  {
    name: 'malformed JSON',
    wanted: { body: '{"model": "solo", ' },
    status: 400,
    code: null,
    says: /parse the JSON body/,
  },
  { name: 'an empty body', wanted: { body: '' }, status: 400, code: null, says: /empty/ },
  {
    name: 'bytes that are not UTF-8',
    wanted: { body: Buffer.from('{"model": "\xe9"}', 'latin1') },
    status: 400,
    code: null,
    says: /UTF-8/,
  },
  { name: 'JSON that is no object', wanted: { body: '[]' }, status: 400, code: 'invalid_value', says: /object/ },
  {
    name: 'no model',
    wanted: { body: { messages } },
    status: 400,
    code: 'missing_required_parameter',
    param: 'model',
    says: /model/,
  },
  {
    name: 'no messages',
    wanted: { body: { model: 'solo' } },
    status: 400,
    code: 'missing_required_parameter',
    param: 'messages',
    says: /messages/,
  },
  {
    name: 'an unknown model',
    wanted: { model: 'gpt-99' },
    status: 404,
    code: 'model_not_found',
    param: 'model',
    says: /'gpt-99'.*GET \/v1\/models/,
  },
  {
    name: 'an unknown provider',
    wanted: { headers: { vendor: 'nobody' } },
    status: 400,
    code: 'invalid_value',
    param: 'vendor',
    says: /'nobody'.*primary, secondary/,
  },
  {
    name: 'a provider that does not have the model',
    wanted: { headers: { vendor: 'secondary' } },
    status: 400,
    code: 'invalid_value',
    param: 'vendor',
    says: /No deployment of 'solo'/,
  },
  {
    name: 'a deadline that is none',
    wanted: { headers: { 'x-sluice-deadline-ms': 'soon' } },
    status: 400,
    code: 'invalid_value',
    param: 'x-sluice-deadline-ms',
    says: /milliseconds/,
  },
  {
    name: 'an unknown lane',
    wanted: { headers: { 'x-sluice-lane': 'fast' } },
    status: 400,
    code: 'invalid_value',
    param: 'x-sluice-lane',
    says: /interactive, batch/,
  },
  { name: 'no key', wanted: { headers: { authorization: '' } }, status: 401, code: 'invalid_api_key', says: /Bearer/ },
  { name: 'a wrong key', wanted: { key: 'sk-wrong' }, status: 401, code: 'invalid_api_key', says: /unknown or/ },
];

test.each(ROWS)('what the client received: $name', async ({ wanted, status, code, param, says }) => {
  for (const stream of [false, true]) {
    const answer = await ask(broker.url, { stream, ...wanted });
    expect(answer).toMatchObject({
      status,
      ending: 'whole',
      headers: { 'x-request-id': expect.stringMatching(/^req_/) },
    });
    const { error } = JSON.parse(answer.text);
    expect(error).toEqual({
      message: expect.stringMatching(says),
      type: 'invalid_request_error',
      param: param ?? null,
      code,
    });
  }
});

test.each([
  ['/v1/chat/completions', 'POST', (body: { error: { code: string } }) => body.error.code],
  ['/v1/messages', 'POST', (body: { type: string }) => body.type],
])('what the client received: an error for a method that %s does not support', async (path, allowed, read) => {
  const answer = await fetch(`${broker.url}${path}`, { method: 'PUT' });
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe(allowed);
  expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
  // In the format of the protocol of the path.
  expect(read((await answer.json()) as never)).toBe(path.endsWith('messages') ? 'error' : 'method_not_allowed');
});

test('what the client received: an error for a model that its key may not use', async () => {
  const answer = await ask(broker.url, { key: restrictedKey, model: 'solo' });
  expect(answer.status).toBe(403);
  expect(JSON.parse(answer.text).error).toMatchObject({ code: 'model_not_allowed', param: 'model' });
});

test('what was billed: nothing, and no provider was called', async () => {
  await booksClosed(broker);
  expect(await ledgerRows(broker)).toEqual([]);
  expect([vendors.primary.stats().calls, vendors.secondary.stats().calls]).toEqual([0, 0]);
  expect(await broker.redis.client.keys('{sluice:r0}:req:*')).toEqual([]);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  expect((await ask(broker.url, { prompt: 'x'.repeat(BODY_LIMIT - 200) })).status).toBe(200);
});
