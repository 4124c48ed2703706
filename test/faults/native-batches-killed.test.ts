// Symptom: the process that runs batches is killed while providers have its lines, once while they are processed and once while
// results arrive. Another process finds the providers' batches in SQL and continues with them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, endLeases, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
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
  PROVIDERS,
  QUICK,
  startNativeProviders,
} from '#test/support/native-batches.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 300;
const LIMIT_MS = 90_000;

let vendors: NativeProviders;
let broker: TestBroker;
const lines: ResultLine[][] = [];

async function replaceProcess(): Promise<void> {
  await broker.batches.at(-1)!.kill();
  await endLeases(broker);
  await broker.startBatches();
}

beforeAll(async () => {
  vendors = await startNativeProviders({ batchMs: 4_000 });
  const configuration = nativeConfiguration(vendors, { ...QUICK, chunk_lines: 100 });
  broker = await startBroker({ configuration, batches: 1 });
  const client = sdk(broker);
  const ids = await Promise.all(
    PROVIDERS.map(async (vendor) => (await submit(client, nativeLines(vendor, numbered(LINES)))).id),
  );
  await Promise.all(
    Object.values(vendors).map((vendor) => vendor.until(({ batchLines }) => batchLines > 20, LIMIT_MS)),
  );
  await replaceProcess();
  await waitFor(
    'the first results',
    async () => {
      const batches = await Promise.all(ids.map((id) => client.batches.retrieve(id)));
      return batches.some(({ request_counts: counts }) => counts!.completed > 0);
    },
    LIMIT_MS,
  );
  await replaceProcess();
  for (const id of ids) {
    const { output_file_id: output } = await ended(client, id, LIMIT_MS);
    lines.push(await results(client, output));
  }
}, LIMIT_MS * 2);
afterAll(async () => {
  await broker?.stop();
  await closeProviders(vendors);
});

test('what the client received: every line once', () => {
  for (const output of lines) expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(lineIds(LINES).sort());
});

test('what was billed: every line once, by the provider’s batch, as in the ledger', async () => {
  for (const vendor of Object.values(vendors)) expect(vendor.stats()).toMatchObject({ calls: 0, batchLines: LINES });
  await booksClosed(broker);
  expectLedgerEqualsBatchBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: the last process runs it, and nothing is left behind', async () => {
  for (const vendor of Object.values(vendors)) vendor.change({ batchMs: 0 });
  const client = sdk(broker);
  const next = await ended(client, (await submit(client, nativeLines('openai', numbered(3)))).id);
  expect(next.request_counts).toEqual({ total: 3, completed: 3, failed: 0 });
  await waitFor('no chunk to be left', async () => {
    const left = await broker.database.selectFrom('native_chunks').select('id').execute();
    return left.length === 0;
  });
});
