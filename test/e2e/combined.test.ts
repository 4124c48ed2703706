// An API and a worker in one process, as `sluice start` runs them on a small machine: what passes between them in memory is as
// durable as what passes through Redis, and several such processes work together.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, closedRows, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const CALLS = 30;

let providers: Providers;
let broker: TestBroker;

beforeAll(async () => {
  providers = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(providers), combined: 1 });
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await providers?.close();
});

async function published(): Promise<number> {
  const stats = await broker.redis.client.info('commandstats');
  return Number(/cmdstat_spublish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

test('requests and answers, large ones and streams do not use pub/sub', async () => {
  await ask(broker.url, { prompt: 'The first one.' });
  const before = await published();
  const large = 'long '.repeat(100_000);
  for (let index = 0; index < CALLS; index++) {
    const answer = await ask(broker.url, { prompt: index === 0 ? large : `Number ${index}.`, stream: index % 2 === 1 });
    expect(answer).toMatchObject({ status: 200, ending: 'whole' });
    if (index % 2 === 1) expect(answer.text).toContain('data: [DONE]');
  }
  // Other processes also send messages: that a scope has room, that a configuration has changed.
  expect((await published()) - before).toBeLessThan(CALLS / 2);
});

test('everything is in Redis meanwhile: a client that reconnects gets the same answer', async () => {
  const again = { prompt: 'Once [[sim pace=20]]', stream: true, headers: { 'idempotency-key': 'combined-1' } };
  const first = openAnswer(broker.url, again);
  await waitFor('the first words', () => first.bytes > 0);
  const second = await ask(broker.url, again);
  const { text } = await first.ended;
  expect(second.text).toBe(text);
  expect(providers.bill(first.headers['x-request-id'])).toHaveLength(1);
});

test('of several processes: when one is killed, another answers its requests', async () => {
  const other = await broker.startCombined();
  const [doomed] = broker.apis;
  const wanted = { prompt: 'Slowly [[sim first=3000]]', headers: { 'idempotency-key': 'combined-2' } };
  const first = openAnswer(broker.url, wanted);
  await providers.primary.until((stats) => stats.inFlight === 1, 10_000);
  await doomed!.kill();
  expect((await first.ended).ending).toBe('broken');
  broker.url = String(other.details.url);
  const second = await ask(broker.url, wanted);
  expect(second).toMatchObject({ status: 200, ending: 'whole' });
  const rows = await closedRows(broker, second.headers['x-request-id']!);
  expect(rows.filter(({ state }) => state !== 'unsettled').map(({ outcome }) => outcome)).toEqual(['ok']);
}, 60_000);

test('the next request is answered, and the ledger is right', async () => {
  const next = await ask(broker.url, { prompt: 'And now?' });
  expect(next.status).toBe(200);
  await booksClosed(broker, 40_000);
  const rows = await ledgerRows(broker);
  // The tokens of the killed process are unknown: they are estimated.
  const unsettled = rows.filter(({ state }) => state === 'unsettled');
  expect(unsettled).toHaveLength(1);
  expect(rows).toHaveLength(providers.bill().length);
  expectLedgerEqualsBill(
    rows.filter(({ requestId }) => requestId === next.headers['x-request-id']),
    providers,
    next.headers['x-request-id'],
  );
}, 60_000);

test('SIGTERM: running requests are completed, new ones are refused', async () => {
  const running = openAnswer(broker.url, { prompt: 'To the end [[sim pace=100]]', stream: true });
  await waitFor('the first words', () => running.bytes > 0);
  await broker.apis.at(-1)!.stop();
  const answer = await running.ended;
  expect(answer.ending).toBe('whole');
  expect(answer.text).toContain('data: [DONE]');
});
