// Limits are used up for longer than the client will wait: it is refused immediately, with the time after which a retry makes
// sense. Requests with enough time wait and are answered.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

/** Much less than the minute after which a window is empty again. */
const SHORT = { 'x-sluice-deadline-ms': '5000' };
const WINDOW_S = 62;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  const one = { limits: { rpm: 1 } };
  Object.assign(configuration.models!, {
    few: { deployments: [deployment('primary', 'few', one)] },
    small: { deployments: [deployment('primary', 'small', { limits: { tpm: 1_010 } })] },
    'few-and-more': {
      deployments: [deployment('primary', 'few-and-more', one), deployment('secondary', 'few-and-more', { tier: 2 })],
    },
  });
  broker = await startBroker({ configuration });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

function expectToldWhen({ headers }: Answer): void {
  const seconds = Number(headers['retry-after']);
  expect(seconds).toBeGreaterThan(5);
  expect(seconds).toBeLessThanOrEqual(WINDOW_S);
  expect(Number(headers['retry-after-ms'])).toBeLessThanOrEqual(seconds * 1_000);
}

test.each([
  ['requests per minute', 'few'],
  ['tokens per minute', 'small'],
])('what the client received: an error of a deployment whose %s are used up', async (limit, model) => {
  expect((await ask(broker.url, { model, prompt: 'I am the first.', headers: SHORT })).status).toBe(200);
  const before = vendors.primary.stats().calls;
  for (const stream of [true, false]) {
    const answer = await ask(broker.url, { model, stream, prompt: 'I am too many.', headers: SHORT });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text).error).toMatchObject({
      code: 'capacity_exhausted',
      type: 'server_error',
      message: expect.stringContaining(limit.split(' ')[0]!),
    });
    expectToldWhen(answer);
  }
  expect(vendors.primary.stats().calls).toBe(before);
});

test('what the client received: the next provider’s answer, if there is one', async () => {
  const answers = [];
  for (const prompt of ['First.', 'Second.', 'Third.']) {
    answers.push(await ask(broker.url, { model: 'few-and-more', prompt, headers: SHORT }));
  }
  expect(answers.map(({ headers }) => headers['x-sluice-provider'])).toEqual(['primary', 'secondary', 'secondary']);
});

test('what the client received: 429 if its own key is used up', async () => {
  const { secret } = await broker.createKey('one a minute', { limits: { requestsPerMinute: 1 } });
  const first = await ask(broker.url, { key: secret, prompt: 'Mine.', headers: SHORT });
  expect(first).toMatchObject({ status: 200, headers: { 'x-ratelimit-limit-requests': '1' } });
  const second = await ask(broker.url, { key: secret, model: 'pair', prompt: 'Mine too.', headers: SHORT });
  expect(second.status).toBe(429);
  expect(JSON.parse(second.text).error).toMatchObject({ code: 'rate_limit_exceeded', type: 'requests' });
  expectToldWhen(second);
  expect(await ask(broker.url, { prompt: 'Somebody else’s.', headers: SHORT })).toMatchObject({ status: 200 });
});

test('what the client received: 429 at once if its project or organisation is used up', async () => {
  const create = async (kind: string, body: object) => {
    const { json } = await admin<{ id: string }>(broker, 'POST', '/accounts', { kind, name: kind, ...body });
    return json.id;
  };
  const organisation = await create('organisation', { limits: { rpm: 2 } });
  const project = await create('project', { organisation, limits: { rpm: 1 } });
  const keyOf = async (id: string) => {
    const { json } = await admin<{ key: string }>(broker, 'POST', '/keys', { name: 'below', project: id });
    return json.key;
  };
  const [one, other] = [await keyOf(project), await keyOf(project)];
  const first = await ask(broker.url, { key: one, prompt: 'Mine.', headers: SHORT });
  expect(first).toMatchObject({
    status: 200,
    headers: { 'x-ratelimit-limit-requests': '1', 'x-ratelimit-remaining-requests': '0' },
  });
  const second = await ask(broker.url, { key: other, prompt: 'Ours.', headers: SHORT });
  expect(second.status).toBe(429);
  expect(JSON.parse(second.text).error.message).toContain('The project of this key is at its limit');
  expectToldWhen(second);
  const third = await keyOf(await create('project', { organisation }));
  expect(await ask(broker.url, { key: third, prompt: 'Elsewhere.', headers: SHORT })).toMatchObject({ status: 200 });
  const last = await ask(broker.url, { key: third, prompt: 'Too many.', headers: SHORT });
  expect(last.status).toBe(429);
  expect(last.text).toContain('The organisation of this key');
});

test('what the client received: 402 if its budget is used up', async () => {
  const { secret } = await broker.createKey('poor', { budgets: { total: '100000000' } });
  const answer = await ask(broker.url, { key: secret, prompt: 'A thousand tokens, please.' });
  expect(answer).toMatchObject({ status: 402, headers: { 'x-should-retry': 'false' } });
  expect(JSON.parse(answer.text).error).toMatchObject({ code: 'insufficient_quota' });
});

test('what was billed: the calls that were made', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.every(({ outcome }) => outcome === 'ok')).toBe(true);
  expectLedgerEqualsBill(rows, vendors);
});

test('what happens to the next request: refused requests do not delay it', async () => {
  expect((await ask(broker.url, { prompt: 'And then?', headers: SHORT })).status).toBe(200);
  expect(await broker.redis.client.keys('{sluice}:room:*')).toEqual([]);
});
