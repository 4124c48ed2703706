// A request kills every worker that runs it (a bug triggered by a certain response, or memory). It is abandoned after three of
// them, its client gets an error, and the workers continue with other requests.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

const VICTIMS = 3;
const TAKEOVER_LIMIT_MS = 30_000;
const REAP_LIMIT_MS = 40_000;

let vendors: Providers;
let broker: TestBroker;
let given: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
  const answer = ask(broker.url, { prompt: '[[sim fault=silence]] I am poison.' });
  for (let victims = 1; victims <= VICTIMS; victims++) {
    await vendors.primary.until((stats) => stats.faults.silence === victims, TAKEOVER_LIMIT_MS);
    const victim = broker.workers.at(-1)!;
    await broker.startWorker();
    await victim.kill();
  }
  given = await answer;
}, 90_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the client received: an error that its request was abandoned', async () => {
  expect(given).toMatchObject({ status: 500, ending: 'whole' });
  expect(JSON.parse(given.text).error).toMatchObject({ code: 'worker_lost', type: 'server_error' });
  expect(await requestRow(broker, given.headers['x-request-id']!)).toMatchObject({ outcome: 'worker_lost' });
});

test('what was billed: an estimate for each call whose end is unknown', { timeout: REAP_LIMIT_MS }, async () => {
  await booksClosed(broker, REAP_LIMIT_MS);
  const rows = await ledgerRows(broker);
  expect(rows.map(({ attempt, state }) => `${attempt} ${state}`)).toEqual([
    '1 unsettled',
    '2 unsettled',
    '3 unsettled',
  ]);
  expect(rows.every(({ costPicoUsd }) => costPicoUsd > 0n)).toBe(true);
});

test('what happens to the next request: the last worker answers it, and the abandoned one is not retried', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  expect(vendors.primary.stats().calls).toBe(VICTIMS + 1);
  expect(broker.workers.at(-1)!.child.exitCode).toBe(null);
});
