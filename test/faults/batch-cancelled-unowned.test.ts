// Symptom: the process that ran a batch was killed, the batch was cancelled before another process had taken it over, and the
// second try of a line continued at the provider. Cause: the new owner only looked for first tries. Fix: it looks for the last
// try.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLine, ended, endLeases, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const LIMIT_MS = 40_000;
/** One call and one retry fail; the second try would take a minute. */
const PROMPT = '[[sim fault=500 times=2 first=60000]] at last';

let vendors: Providers;
let broker: TestBroker;
let batch: Awaited<ReturnType<typeof ended>>;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), batches: 1 });
  const client = sdk(broker);
  const { id } = await submit(client, chatLine({ customId: 'unlucky', prompt: PROMPT }));
  await vendors.primary.until((stats) => stats.calls === 3 && stats.inFlight === 1);
  await broker.batches[0]!.kill();
  await client.batches.cancel(id);
  await endLeases(broker);
  await broker.startBatches();
  batch = await ended(client, id, LIMIT_MS);
}, LIMIT_MS * 2);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the client received: the line was cancelled', async () => {
  expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 1, completed: 0, failed: 0 } });
  const [line] = await results(sdk(broker), batch.error_file_id);
  expect(line).toMatchObject({ custom_id: 'unlucky', response: null, error: { code: 'batch_cancelled' } });
});

test('what was billed: the call was ended, nothing continues', async () => {
  await vendors.primary.until((stats) => stats.inFlight === 0);
  expect(vendors.primary.stats().calls).toBe(3);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: nothing is left of this one', async () => {
  const records = () => broker.redis.client.keys('{sluice:r0}:req:*');
  await waitFor('the records to go', async () => (await records()).length === 0);
});
