// Symptom: Redis loses its data during a batch: all of it (a flush, a lost disk), or the last second (a crash before fsync),
// for example a job without its request or a request without its job. Input and results are not in Redis: lost lines are found
// and run again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { chatLines, ended, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 200;
const SLOTS = 8;
const LIMIT_MS = 60_000;
const { queuePrefix } = createKeyspace('sluice');

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4, firstTokenMs: 100 });
  broker = await startBroker({
    batches: 1,
    configuration: { ...providerConfiguration(vendors), workers: { batch_slots: SLOTS }, batches: { open_lines: 100 } },
  });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

async function runWith(accident: () => Promise<void>) {
  const client = sdk(broker);
  const { id } = await submit(client, chatLines(LINES));
  await waitFor('some lines', async () => (await client.batches.retrieve(id)).request_counts!.completed >= 40);
  await accident();
  const batch = await ended(client, id, LIMIT_MS);
  return { batch, lines: await results(client, batch.output_file_id) };
}

function expectEveryLineOnce(lines: readonly ResultLine[]): void {
  expect(lines).toHaveLength(LINES);
  expect(new Set(lines.map((line) => line.custom_id)).size).toBe(LINES);
}

test('everything lost: every line has its result once', { timeout: LIMIT_MS * 1.5 }, async () => {
  const { client } = broker.redis;
  const { batch, lines } = await runWith(async () => void (await client.flushall()));
  expect(batch).toMatchObject({
    status: 'completed',
    request_counts: { total: LINES, completed: LINES, failed: 0 },
  });
  expectEveryLineOnce(lines);
  await booksClosed(broker, LIMIT_MS);
  // Ledger messages in Redis are lost with it; the rows in the database are right.
  const billed = new Map(vendors.bill().map((entry) => [entry.clientRequestId, entry.costPicoUsd]));
  for (const row of await ledgerRows(broker)) {
    expect(billed.get(`${row.requestId}.${row.attempt}`)).toBe(row.costPicoUsd);
  }
});

test('all jobs and some requests lost: the others get their jobs again', { timeout: LIMIT_MS * 1.5 }, async () => {
  const { client } = broker.redis;
  const callsBefore = vendors.primary.stats().calls;
  const { batch, lines } = await runWith(async () => {
    const jobs = await client.keys(`${queuePrefix('primary')}:primary-batch:*`);
    const requests = await client.keys('{sluice:r0}:req:*');
    expect(jobs.length).toBeGreaterThan(0);
    await client.del(...jobs, ...requests.filter((_, index) => index % 4 === 0));
  });
  expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
  expectEveryLineOnce(lines);
  // Up to as many requests as there are slots were in progress in a worker, which could not record them.
  expect(vendors.primary.stats().calls - callsBefore).toBeLessThanOrEqual(LINES + 2 * SLOTS);
});

test('what happens to the next request: it is answered', async () => {
  const client = sdk(broker);
  expect(await ended(client, (await submit(client, chatLines(3))).id)).toMatchObject({ status: 'completed' });
});
