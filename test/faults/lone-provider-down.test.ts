// The only provider of a model is down for some seconds. Its circuit opens; new requests wait and do not fail; it is probed
// about once a second, and after its recovery all of them are answered.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const CIRCUIT = { failures: 3, cooldown_ms: 4_000, max_cooldown_ms: 4_000 };
const WAITING = 40;
const DOWN_MS = 3_000;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors, {
    circuit: CIRCUIT,
    retries: { max: 0, base_ms: 10, max_ms: 50 },
  });
  broker = await startBroker({ configuration, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const isOpen = async () => (await broker.redis.client.hlen('{sluice}:open-circuits')) > 0;
let probed: string[] = [];

test('what the clients received: an answer, except those whose calls opened the circuit', async () => {
  vendors.primary.faults.replace([{ fault: '503' }]);
  for (let count = 0; count < CIRCUIT.failures; count++) await ask(broker.url, { prompt: `finds out ${count}` });
  await waitFor('the circuit to open', isOpen);
  const before = vendors.primary.stats().calls;
  const openedAtMs = Date.now();
  const waiting = Array.from({ length: WAITING }, (_, index) => ask(broker.url, { prompt: `waits ${index}` }));
  await waitFor('the provider to have been down for a while', () => Date.now() - openedAtMs > DOWN_MS, DOWN_MS * 2);
  const calls = vendors.primary.stats().calls - before;
  // One probe per second, each of which finds that it is still down.
  expect(calls).toBeGreaterThan(0);
  expect(calls).toBeLessThanOrEqual(DOWN_MS / 1_000 + 2);
  vendors.primary.faults.clear();
  const answers = await Promise.all(waiting);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(WAITING - calls);
  expect(answers.filter(({ status }) => status !== 200).length).toBeLessThanOrEqual(calls);
  probed = answers.filter(({ status }) => status === 200).map(({ headers }) => headers['x-request-id']!);
  // The request that closed the circuit has notified its own client first.
  await waitFor('the circuit to close', async () => !(await isOpen()));
}, 40_000);

test('what the timeline shows: that they waited for a circuit breaker', async () => {
  const timelines = await Promise.all(probed.map(async (id) => (await requestRow(broker, id)).timeline));
  expect(timelines.filter((timeline) => timeline.includes('"kind":"circuit"')).length).toBeGreaterThan(WAITING / 2);
});

test('what was billed: the calls that were made', async () => {
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
});

// Symptom: a refused key was tried again and again while earlier streams were ending. Cause: each of them closed the circuit
// when it ended well. Fix: a call counts for the time at which it started.
test('a stream that ends well does not close the circuit of a provider that has refused the key since the stream began', async () => {
  const streams = Array.from({ length: 5 }, (_, index) =>
    openAnswer(broker.url, { model: 'pair', prompt: `[[sim tokens=${40 + index} pace=20]] Slowly.`, stream: true }),
  );
  await waitFor('all to stream', () => streams.every(({ bytes }) => bytes > 0));
  vendors.primary.faults.replace([{ fault: '401' }]);
  const before = vendors.primary.stats().calls;
  const statuses = [(await ask(broker.url, { model: 'pair', prompt: 'Finds out.' })).status];
  await waitFor('the circuit to open', isOpen);
  for (const { ended } of streams) {
    expect((await ended).text).toContain('[DONE]');
    statuses.push((await ask(broker.url, { model: 'pair', prompt: 'Goes elsewhere.' })).status);
  }
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(vendors.primary.stats().calls - before).toBe(1);
  expect(await isOpen()).toBe(true);
});
