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

/** As if its worker had died before it wrote the outcome: the row is deleted, and the job is added again. */
async function leaveOpen(requestId: string): Promise<void> {
  await requestRow(broker, requestId);
  await booksClosed(broker);
  await broker.database.deleteFrom('requests').where('request_id', '=', requestId).execute();
  const producer = createQueueProducer(broker.redis.client, createKeyspace('sluice'), () => undefined);
  await producer.enqueue('primary', 'interactive', { requestId, step: 0 });
  await producer.close();
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
