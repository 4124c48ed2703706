// Symptom: the process that runs a batch is killed repeatedly, with three workers running. Another process continues at the
// same position: lines have the same request ids, so running requests are found and not started again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLines, ended, endLeases, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { volume } from '#test/support/runs.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = volume(600, 1_000);
const KILLS = 2;
const LIMIT_MS = 120_000;

let vendors: Providers;
let broker: TestBroker;
let output: ResultLine[];
let error: ResultLine[];
let batch: Awaited<ReturnType<typeof ended>>;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4, firstTokenMs: 60 });
  broker = await startBroker({
    workers: 3,
    batches: 1,
    configuration: { ...providerConfiguration(vendors), workers: { batch_slots: 4 }, batches: { open_lines: 100 } },
  });
  const client = sdk(broker);
  const prompts = (index: number) => (index % 50 === 7 ? `[[sim fault=400]] ${index}` : `Line ${index}`);
  const { id } = await submit(client, chatLines(LINES, prompts));
  const done = async () => {
    const { request_counts: counts } = await client.batches.retrieve(id);
    return counts!.completed + counts!.failed;
  };
  for (let kill = 1; kill <= KILLS; kill++) {
    await broker.startBatches();
    await waitFor('a part to be done', async () => (await done()) >= (LINES * kill) / (KILLS + 2), LIMIT_MS);
    await broker.batches.at(-2)!.kill();
    await endLeases(broker);
    await waitFor('it to be taken over', () => broker.batches.at(-1)!.log().includes('batch taken over'), LIMIT_MS);
  }
  batch = await ended(client, id, LIMIT_MS);
  output = await results(client, batch.output_file_id);
  error = await results(client, batch.error_file_id);
}, LIMIT_MS * 2);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the client received: every line once, with correct counts', () => {
  expect(batch).toMatchObject({
    status: 'completed',
    request_counts: { total: LINES, completed: LINES - LINES / 50, failed: LINES / 50 },
  });
  expect(output).toHaveLength(LINES - LINES / 50);
  expect(error).toHaveLength(LINES / 50);
  expect(new Set([...output, ...error].map((line) => line.custom_id)).size).toBe(LINES);
});

test('what was billed: one call for each line, as in the ledger', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expectLedgerEqualsBill(rows, vendors);
  expect(rows).toHaveLength(LINES);
  expect(vendors.primary.stats().calls).toBe(LINES);
});

test('what happens to the next request: the last process runs it, and nothing is left in Redis', async () => {
  const client = sdk(broker);
  expect(await ended(client, (await submit(client, chatLines(3))).id)).toMatchObject({ status: 'completed' });
  await booksClosed(broker);
  const left = await broker.redis.client.keys('{sluice:r0}:req:*');
  // A killed process may have stored results without removing their records: those expire.
  expect(left.length).toBeLessThanOrEqual(KILLS * 100);
});
