// An API process dies after it has written a request and before it has queued it: a record without a worker. Its client has no
// response; when it returns with its idempotency key, the request is queued again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('sluice');
const WANTED = { prompt: 'Once.', headers: { 'idempotency-key': 'once' } };

let vendors: Providers;
let broker: TestBroker;
let requestId: string;
let again: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), apis: 2, workers: 0 });
  const [doomed, other] = broker.apis;
  const first = openAnswer(String(doomed!.details.url), WANTED);
  requestId = await waitFor('the record', findRecord);
  await doomed!.kill();
  await first.ended;
  // Then its pending commands are done: the last one may or may not have been the one that queues the job.
  await waitFor('Redis to miss it', async () => (await producers()) === 1);
  await loseJob();
  await broker.startWorker();
  again = await ask(String(other!.details.url), WANTED);
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

async function findRecord(): Promise<string | undefined> {
  const prefix = keyspace.recordPrefix(0);
  const [record] = await broker.redis.client.keys(`${prefix}*`);
  return record?.slice(prefix.length);
}

/** As if it had never been queued. */
async function loseJob(): Promise<void> {
  const producer = createQueueProducer(broker.redis.client, keyspace, () => undefined);
  expect(await producer.remove('primary', 'interactive', { requestId, step: 0 })).toBe(true);
  expect(await producer.depth('primary', 'interactive')).toEqual({ waiting: 0, active: 0, delayed: 0 });
  await producer.close();
}

/** Connections that API processes write with: one each. */
async function producers(): Promise<number> {
  const clients = String(await broker.redis.client.client('LIST'));
  return clients.split('\n').filter((line) => line.includes('name=sluice-producer')).length;
}

test('what the client received when it reconnected: the answer to its request', () => {
  expect({ status: again.status, requestId: again.headers['x-request-id'] }).toEqual({ status: 200, requestId });
});

test('what was billed: one call', async () => {
  await booksClosed(broker);
  expect(await requestRow(broker, requestId)).toMatchObject({ outcome: 'ok' });
  const rows = await ledgerRows(broker);
  expect(rows).toHaveLength(1);
  expectLedgerEqualsBill(rows, vendors);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(String(broker.apis[1]!.details.url), { prompt: 'And then?' })).status).toBe(200);
});
