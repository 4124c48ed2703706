// Symptom: a provider does not finish its batches before the deadline. One provider cancels them on request, another does not
// respond for a long time. Their lines are withdrawn in time and run as ordinary calls; the cost at the silent provider is an
// estimate in the ledger until it reports.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, type LedgerRow, ledgerRows } from '#test/support/ledger.ts';
import {
  closeProviders,
  expectLedgerEqualsBatchBill,
  lineIds,
  type NativeProviders,
  nativeConfiguration,
  nativeLines,
  numbered,
  QUICK,
  startNativeProviders,
} from '#test/support/native-batches.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 30;
const LIMIT_MS = 90_000;
/** 30 lines at one a second, half as much again for safety: of the minute that there is, 13 s are the provider's. */
const SLOW = { ...QUICK, lines_per_second: 1, cancel_ms: 5_000 };

let vendors: NativeProviders;
let broker: TestBroker;
let endedAtMs: number;
let rowsAtEnd: LedgerRow[];
const batches: Awaited<ReturnType<typeof ended>>[] = [];

beforeAll(async () => {
  vendors = await startNativeProviders({ batchMs: 2_000 });
  vendors.openai.change({ batchFault: 'stall@10' });
  vendors.gemini.change({ batchFault: 'stuck@5' });
  broker = await startBroker({ configuration: nativeConfiguration(vendors, SLOW), batches: 1 });
  const client = sdk(broker);
  const ids = await Promise.all(
    (['openai', 'gemini'] as const).map(
      async (vendor) => (await submit(client, nativeLines(vendor, numbered(LINES)), '1m')).id,
    ),
  );
  for (const id of ids) batches.push(await ended(client, id, LIMIT_MS));
  endedAtMs = Date.now();
  await booksClosed(broker);
  rowsAtEnd = await ledgerRows(broker);
}, LIMIT_MS);
afterAll(async () => {
  await broker?.stop();
  await closeProviders(vendors);
});

test('what the client received: every line, well before the deadline', async () => {
  for (const batch of batches) {
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: LINES, completed: LINES, failed: 0 } });
    expect(endedAtMs).toBeLessThan(batch.expires_at! * 1_000 - 20_000);
    const output = await results(sdk(broker), batch.output_file_id);
    expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(lineIds(LINES).sort());
  }
});

test('what was billed: the lines that the first batch had finished were not run again', () => {
  expect(vendors.openai.stats()).toMatchObject({ calls: LINES - 10, batchLines: 10 });
  const states = rowsAtEnd.filter(({ provider }) => provider === 'openai').map(({ state }) => state);
  expect(states).toEqual(Array.from({ length: LINES }, () => 'settled'));
});

test('what was billed: the silent provider’s part is first an estimate, and then what it reports', async () => {
  expect(vendors.gemini.stats()).toMatchObject({ calls: LINES, batchLines: 5 });
  const open = rowsAtEnd.filter(({ state }) => state === 'unsettled');
  expect(open).toHaveLength(LINES);
  for (const { provider, costPicoUsd } of open) {
    expect(provider).toBe('gemini');
    expect(costPicoUsd).toBeGreaterThan(0n);
  }
  const settled = await waitFor(
    'it to say what it did',
    async () => {
      const rows = await ledgerRows(broker);
      return rows.every(({ state }) => state === 'settled') ? rows : null;
    },
    LIMIT_MS,
  );
  expectLedgerEqualsBatchBill(settled, vendors);
});

test('what happens to the next request: it uses the provider’s batch again', async () => {
  vendors.gemini.change({ batchFault: null, batchMs: 0 });
  const client = sdk(broker);
  const next = await ended(client, (await submit(client, nativeLines('gemini', numbered(3)))).id);
  expect(next.request_counts).toEqual({ total: 3, completed: 3, failed: 0 });
  expect(vendors.gemini.stats()).toMatchObject({ calls: LINES, batchLines: 8 });
  expect(await broker.database.selectFrom('native_chunks').selectAll().execute()).toEqual([]);
});
