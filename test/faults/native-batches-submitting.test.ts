// Symptom: the process that runs a batch is killed while it submits lines to a provider that is down. It is not known whether
// the provider has them: a new owner looks there first, and submits them if they are not there.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '#simulator/simulator.ts';
import { ended, endLeases, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import {
  closeProviders,
  expectLedgerEqualsBatchBill,
  lineIds,
  type NativeProviders,
  nativeConfiguration,
  nativeLines,
  numbered,
  startNativeProviders,
} from '#test/support/native-batches.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 20;
/** Longer than workers/batches/native/search-chunk.ts waits for what a dead process sent. */
const IN_FLIGHT_MS = 20_000;
const LIMIT_MS = 60_000;

let vendors: NativeProviders;
let broker: TestBroker;
let batch: Awaited<ReturnType<typeof ended>>;

const chunks = () => broker.database.selectFrom('native_chunks').selectAll().execute();

beforeAll(async () => {
  vendors = await startNativeProviders();
  broker = await startBroker({ configuration: nativeConfiguration(vendors), batches: 1 });
  const { port } = vendors.anthropic;
  await vendors.anthropic.close();
  const client = sdk(broker);
  const { id } = await submit(client, nativeLines('anthropic', numbered(LINES)));
  await waitFor('the lines to be written down', async () => (await chunks()).length === 1);
  await broker.batches[0]!.kill();
  await endLeases(broker);
  // What the dead process sent has had the time in which it could still arrive.
  const longAgo = Date.now() - IN_FLIGHT_MS;
  await broker.database.updateTable('native_chunks').set({ created_at: longAgo }).execute();
  vendors.anthropic = await startSimulator({ tokens: 6, batchMs: 300, name: 'anthropic', port });
  await broker.startBatches();
  batch = await ended(client, id, LIMIT_MS);
}, LIMIT_MS * 2);
afterAll(async () => {
  await broker?.stop();
  await closeProviders(vendors);
});

test('what the client received: every line once', async () => {
  expect(batch).toMatchObject({ status: 'completed', request_counts: { total: LINES, completed: LINES, failed: 0 } });
  const output = await results(sdk(broker), batch.output_file_id);
  expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(lineIds(LINES).sort());
});

test('what was billed: every line once, at the batch’s price', async () => {
  expect(vendors.anthropic.stats()).toMatchObject({ calls: 0, batchLines: LINES });
  await booksClosed(broker);
  expectLedgerEqualsBatchBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: it takes the same path, and nothing is left behind', async () => {
  const client = sdk(broker);
  const next = await ended(client, (await submit(client, nativeLines('anthropic', numbered(3)))).id);
  expect(next.request_counts).toEqual({ total: 3, completed: 3, failed: 0 });
  expect(vendors.anthropic.stats()).toMatchObject({ calls: 0, batchLines: LINES + 3 });
  expect(await chunks()).toEqual([]);
});
