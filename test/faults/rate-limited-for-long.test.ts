// A provider responds with 429 and a wait, which all workers obey: no call is made before it is over, not even for a new
// request. Requests without enough time are refused, or answered by another provider.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

const SHORT = { 'x-sluice-deadline-ms': '5000' };
/** Longer than a worker waits in its slot: the requests go back to the queue and come again. */
const WAIT_MS = 3_000;
const REQUESTS = 20;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  for (const name of ['for-a-minute', 'for-a-while']) {
    configuration.models![name] = { deployments: [deployment('primary', name)] };
  }
  broker = await startBroker({ configuration, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the clients received: the provider’s wait, if it is longer than their deadline', async () => {
  const first = await ask(broker.url, { model: 'for-a-minute', prompt: '[[sim fault=429:60000]]', headers: SHORT });
  const calls = vendors.primary.stats().calls;
  const second = await ask(broker.url, { model: 'for-a-minute', prompt: 'I have just come.', headers: SHORT });
  expect([first.status, second.status]).toEqual([429, 503]);
  for (const { headers } of [first, second]) {
    expect(Number(headers['retry-after'])).toBeGreaterThan(55);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
  }
  expect(JSON.parse(second.text).error.code).toBe('capacity_exhausted');
  expect(vendors.primary.stats().calls).toBe(calls);
});

test('what the clients received: an answer, if there is a second provider', async () => {
  for (const prompt of ['[[sim on=primary fault=429:60000]]', 'I have just come.']) {
    const answer = await ask(broker.url, { model: 'pair', prompt, headers: SHORT });
    expect(answer.headers['x-sluice-provider']).toBe('secondary');
  }
});

test('what the clients received: an answer, if they wait; no worker calls before the time', async () => {
  const before = new Set(vendors.primary.requests().map(({ providerRequestId }) => providerRequestId));
  const model = 'for-a-while';
  const refused = ask(broker.url, { model, prompt: `[[sim fault=429:${WAIT_MS} times=1]]` });
  await vendors.primary.until((stats) => stats.refusals.rate_limited === 3);
  const others = Array.from({ length: REQUESTS }, (_, index) => ask(broker.url, { model, prompt: `Other ${index}.` }));
  const answers = await Promise.all([refused, ...others]);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));

  const [first, ...later] = vendors.primary
    .requests()
    .filter(({ providerRequestId }) => !before.has(providerRequestId))
    .map(({ atMs }) => atMs);
  expect(later.length).toBe(REQUESTS + 1);
  // Clocks and timers of three processes differ by a millisecond or two.
  expect(Math.min(...later) - first!).toBeGreaterThan(WAIT_MS - 20);
});

test('what was billed: nothing for refused calls', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.filter(({ outcome }) => outcome === 'upstream_rate_limited')).toMatchObject(
    Array(3).fill({ costPicoUsd: 0n, state: 'settled' }),
  );
  expectLedgerEqualsBill(rows, vendors);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { model: 'for-a-while', prompt: 'And then?', headers: SHORT })).status).toBe(200);
});
