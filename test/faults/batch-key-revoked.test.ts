// Symptom: a key is revoked while a large batch of it is running. Running lines are stopped, the others are recorded as not
// run; no later lines are billed, and batches of other keys continue.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Batch } from '#src/batches/batch.ts';
import { createBatchStore } from '#src/batches/batch-store.ts';
import { chatLines, ended, sdk, submit } from '#test/support/batches.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 3_000;

let vendors: Providers;
let broker: TestBroker;
let batch: Batch;
let otherStatus: string;
let callsAtEnd: number;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4, firstTokenMs: 50 });
  const configuration = {
    ...providerConfiguration(vendors),
    workers: { batch_slots: 16 },
    batches: { open_lines: 100 },
  };
  broker = await startBroker({ configuration, batches: 1 });
  const revoked = await broker.createKey('revoked');
  const client = sdk(broker, revoked.secret);
  const other = sdk(broker);
  const { id } = await submit(client, chatLines(LINES));
  const { id: otherId } = await submit(other, chatLines(300));
  await waitFor('some lines', async () => (await client.batches.retrieve(id)).request_counts!.completed > 50);
  const answer = await fetch(`${broker.url}/admin/keys/${revoked.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  expect(answer.ok).toBe(true);
  await expect(client.batches.retrieve(id)).rejects.toMatchObject({ status: 401 });
  const store = createBatchStore(broker.database);
  batch = await waitFor(
    'its end',
    async () => {
      const found = (await store.find(revoked.id, id))!;
      return found.cancelledAtMs === null ? null : found;
    },
    30_000,
  );
  callsAtEnd = vendors.primary.stats().calls;
  otherStatus = (await ended(other, otherId)).status;
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the owner would find: finished lines, and the rest as cancelled', () => {
  const { totals } = batch;
  expect(batch.status).toBe('cancelled');
  expect(totals.completed).toBeGreaterThan(50);
  expect(totals.notRun).toBeGreaterThan(0);
  expect(totals.completed + totals.failed + totals.notRun).toBe(LINES);
  expect(batch.outputFileId).not.toBeNull();
});

test('what was billed: the calls until then', async () => {
  await booksClosed(broker);
  // Those that were broken off are booked as estimates.
  const rows = (await ledgerRows(broker)).filter((row) => row.outcome === 'ok');
  const answered = new Set(rows.map(({ requestId }) => requestId));
  const bill = () => vendors.bill().filter((entry) => answered.has(entry.clientRequestId?.split('.')[0] ?? ''));
  expectLedgerEqualsBill(rows, { ...vendors, bill });
  expect(callsAtEnd).toBeLessThan(LINES);
});

test('what happens to others: their batches continue', () => {
  expect(otherStatus).toBe('completed');
});
