// Symptom: during a large batch, three workers are killed one after the other, and the provider is down for some seconds. Lines
// of dead workers are taken over; lines that cannot reach the provider wait for it. SLUICE_TEST_BATCH_LINES=100000 runs a
// longer test.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLines, ended, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import { attemptOf, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { volume } from '#test/support/runs.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = Number(process.env.SLUICE_TEST_BATCH_LINES ?? volume(2_000, 5_000));
const WORKERS = 3;
const DOWN_MS = 6_000;
const REFUSED_EVERY = 100;
const LIMIT_MS = 120_000 + LINES * 4;

let vendors: Providers;
let broker: TestBroker;
let output: ResultLine[];
let error: ResultLine[];
let batch: Awaited<ReturnType<typeof ended>>;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4, keptRequests: 0 });
  broker = await startBroker({
    workers: WORKERS,
    batches: 1,
    configuration: { ...providerConfiguration(vendors), batches: { max_lines: LINES } },
  });
  const client = sdk(broker);
  const prompt = (index: number) => (index % REFUSED_EVERY === 7 ? `[[sim fault=400]] ${index}` : `Line ${index}`);
  const { id } = await submit(client, chatLines(LINES, prompt));
  const done = (share: number) =>
    waitFor(
      `${share} of the lines`,
      async () => {
        const { request_counts: counts } = await client.batches.retrieve(id);
        return counts!.completed + counts!.failed >= LINES * share;
      },
      LIMIT_MS,
    );
  for (let killed = 0; killed < WORKERS; killed++) {
    // First: meanwhile the others finish a good part of the batch.
    await broker.startWorker();
    await done(0.15 * (killed + 1));
    await broker.workers[killed]!.kill();
    if (killed === 1) await takeDown();
  }
  batch = await ended(client, id, LIMIT_MS);
  output = await results(client, batch.output_file_id);
  error = await results(client, batch.error_file_id);
}, LIMIT_MS);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

/** Half of its time it refuses, the other half it does not even answer. */
async function takeDown(): Promise<void> {
  for (const fault of ['503', 'reset']) {
    vendors.primary.faults.replace([fault]);
    await new Promise((resolve) => setTimeout(resolve, DOWN_MS / 2));
  }
  vendors.primary.faults.clear();
}

test('what the client received: every line once, with correct counts', () => {
  const refused = LINES / REFUSED_EVERY;
  expect(batch).toMatchObject({
    status: 'completed',
    request_counts: { total: LINES, completed: LINES - refused, failed: refused },
  });
  expect(output).toHaveLength(LINES - refused);
  expect(error).toHaveLength(refused);
  expect(new Set(error.map((line) => line.response!.status_code))).toEqual(new Set([400]));
  const ids = new Set([...output, ...error].map((line) => line.custom_id));
  expect(ids.size).toBe(LINES);
});

test('what was billed: everything that the provider served is in the ledger, to the picodollar', async () => {
  await booksClosed(broker, 60_000);
  const rows = await ledgerRows(broker);
  const costs = new Map(rows.map((row) => [`${row.requestId}.${row.attempt}`, row]));
  expect(costs.size).toBe(rows.length);
  const settled = rows.filter((row) => row.state === 'settled' && row.costPicoUsd > 0n);
  const billed = vendors
    .bill()
    .map((entry) => [`${entry.clientRequestId!.split('.')[0]}.${attemptOf(entry)}`, entry] as const);
  expect(billed.filter(([id]) => !costs.has(id))).toEqual([]);
  const wrong = billed.filter(([id, entry]) => {
    const row = costs.get(id)!;
    return row.state === 'settled' && row.costPicoUsd !== entry.costPicoUsd;
  });
  expect(wrong).toEqual([]);
  const served = new Set(billed.map(([id]) => id));
  expect(settled.filter((row) => !served.has(`${row.requestId}.${row.attempt}`))).toEqual([]);
  // Calls whose end is unknown, because their worker was killed: they have an estimate.
  const unsettled = rows.filter((row) => row.state !== 'settled');
  expect(unsettled.every((row) => row.costPicoUsd > 0n)).toBe(true);
  expect(unsettled.length).toBeLessThanOrEqual(WORKERS * 512);
});

test('what happens to the next request: it is answered, and nothing is left in Redis', async () => {
  const client = sdk(broker);
  expect(await ended(client, (await submit(client, chatLines(3))).id)).toMatchObject({ status: 'completed' });
  await booksClosed(broker);
  const records = () => broker.redis.client.keys('{sluice:r0}:req:*');
  await waitFor('the records to go', async () => (await records()).length === 0);
});
