// A worker dies after the last frame of a response and before the ledger has its outcome. The client has everything; the job
// goes to another worker, which finds that the request has ended and closes its ledger entry.
//
// Symptom: in chaos runs, requests were broken for their client but `ok` in the ledger. Cause: the outcome was written first,
// and after a death before the last frame another worker continued the request. Fix: the last frame is written first.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const keys = createKeyspace('sluice');
let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

/** Deletes the row and adds the job again. */
async function leaveJob(requestId: string): Promise<void> {
  await requestRow(broker, requestId);
  await booksClosed(broker);
  await broker.database.deleteFrom('requests').where('request_id', '=', requestId).execute();
  const producer = createQueueProducer(broker.redis.client, keys, () => undefined);
  await producer.enqueue('primary', 'interactive', { requestId, step: 0 });
  await producer.close();
}

/** As if its worker had died before it wrote the outcome. */
async function leaveOpen(requestId: string): Promise<void> {
  await broker.redis.client.hset(keys.request(requestId).record, 'owner', 'worker_dead');
  await leaveJob(requestId);
}

test.each([
  { what: 'an answer', prompt: 'Fine.', outcome: 'ok' },
  { what: 'a failure', prompt: '[[sim fault=400]] Refused.', outcome: 'upstream_bad_request' },
  { what: 'a stream that broke', prompt: '[[sim fault=cut@5]] Broken.', outcome: 'upstream_stream_cut', stream: true },
])(
  'the outcome of $what is written by the next worker, without another call',
  async ({ prompt, outcome, stream = false }) => {
    const answer = await ask(broker.url, { prompt, stream, headers: { 'idempotency-key': prompt } });
    const requestId = answer.headers['x-request-id']!;
    await requestRow(broker, requestId);
    const { calls } = vendors.primary.stats();
    await leaveOpen(requestId);
    const { length } = await ledgerRows(broker, requestId);
    expect(await requestRow(broker, requestId)).toMatchObject({ outcome, attempts: BigInt(length) });
    expect(vendors.primary.stats().calls).toBe(calls);
    expect(await ledgerRows(broker, requestId)).not.toEqual([]);
  },
);

// Symptom: of 100,000 requests on a machine that was too busy, one had a cost of 0 in `requests`, while its attempt and its budget had
// the right one. Cause: its lease had become a job before its worker answered; the worker took that job, took its own request for one
// of a dead worker, and wrote a second outcome, without the last attempt, which reached the database first. Fix: only the books of a
// worker that died are closed by another.
test('a job that is left over writes nothing while the worker that has closed the books is alive', async () => {
  const answer = await ask(broker.url, { prompt: 'Late job.', headers: { 'idempotency-key': 'late job' } });
  const requestId = answer.headers['x-request-id']!;
  await leaveJob(requestId);
  const queue = `${keys.queuePrefix('primary')}:primary-interactive`;
  await waitFor('the end of the job', async () => {
    const lists = ['wait', 'active', 'prioritized', 'delayed', requestId].map((name) => `${queue}:${name}`);
    return (await broker.redis.client.exists(...lists)) === 0;
  });
  await booksClosed(broker);
  expect(
    await broker.database.selectFrom('requests').where('request_id', '=', requestId).selectAll().execute(),
  ).toEqual([]);
});
