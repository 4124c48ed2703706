// Deadlines, fairness and costs of batches: how the provider is shared, and what happens to late lines.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseUsd } from '#src/contracts/money.ts';
import { chatLines, ended, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  broker = await startBroker({
    configuration: { ...providerConfiguration(vendors), workers: { batch_slots: 16 }, batches: { open_lines: 60 } },
    batches: 1,
  });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const slow = (firstMs: number) => (index: number) => `[[sim first=${firstMs}]] ${index}`;

test('a batch that runs out of time expires: finished lines are kept, the rest is reported as not run', {
  timeout: 40_000,
}, async () => {
  const client = sdk(broker);
  const batch = await submit(client, chatLines(400, slow(500)), '1m');
  // A minute is the shortest window, and too long for a test: its end is moved to a few seconds from now.
  await waitFor('it to run', async () => (await client.batches.retrieve(batch.id)).status === 'in_progress');
  await broker.batches[0]!.stop();
  const soon = Date.now() + 4_000;
  await broker.database.updateTable('batches').set({ expires_at: soon }).where('id', '=', batch.id).execute();
  await broker.startBatches();
  const done = await ended(client, batch.id);
  expect(done).toMatchObject({ status: 'expired', expired_at: expect.any(Number), completed_at: null });
  const output = await results(client, done.output_file_id);
  const error = await results(client, done.error_file_id);
  expect(output.length).toBeGreaterThan(0);
  expect(new Set(error.map((line) => line.error?.code))).toEqual(new Set(['batch_expired']));
  expect(error.every((line) => line.response === null)).toBe(true);
  expect(new Set([...output, ...error].map((line) => line.custom_id)).size).toBe(400);
  expect(output.length + error.length).toBe(400);
  expect(done.request_counts).toEqual({ total: 400, completed: output.length, failed: 0 });
  await booksClosed(broker);
});

test('two keys of equal weight progress alike, a third of weight three faster', {
  timeout: 60_000,
}, async () => {
  const settings = [{}, {}, { batchWeight: 3 }];
  const clients = await Promise.all(
    settings.map(async (each, index) => sdk(broker, (await broker.createKey(`fair-${index}`, each)).secret)),
  );
  const batches = await Promise.all(clients.map((client) => submit(client, chatLines(2_000, slow(20)))));
  const done = () =>
    Promise.all(
      batches.map(async ({ id }, index) => (await clients[index]!.batches.retrieve(id)).request_counts!.completed),
    );
  const counts = await waitFor(
    'half of the favoured one',
    async () => {
      const now = await done();
      return now[2]! >= 1_000 ? now : null;
    },
    50_000,
  );
  expect(counts[0]! / counts[1]!).toBeGreaterThan(0.7);
  expect(counts[0]! / counts[1]!).toBeLessThan(1.4);
  const favour = (2 * counts[2]!) / (counts[0]! + counts[1]!);
  expect(favour).toBeGreaterThan(2);
  expect(favour).toBeLessThan(4.5);
  await Promise.all(batches.map(({ id }, index) => clients[index]!.batches.cancel(id)));
  await Promise.all(batches.map(({ id }, index) => ended(clients[index]!, id)));
  await booksClosed(broker);
});

test('a budget is enforced: lines run until it is spent, the others are refused', async () => {
  const limit = parseUsd('0.012');
  const { secret, id: keyId } = await broker.createKey('poor', { budgets: { total: limit.toString() } });
  const client = sdk(broker, secret);
  const text = chatLines(60).replaceAll('"model":"solo"', '"model":"solo","max_tokens":500');
  const done = await ended(client, (await submit(client, text)).id);
  expect(done.status).toBe('completed');
  const refused = await results(client, done.error_file_id);
  expect(refused.length).toBeGreaterThan(0);
  for (const line of refused) {
    expect(line).toMatchObject({ response: { status_code: 402, body: { error: { code: 'insufficient_quota' } } } });
  }
  expect(done.request_counts!.completed).toBeGreaterThan(0);
  await booksClosed(broker);
  const spent = await broker.database
    .selectFrom('requests')
    .select('cost_pico_usd')
    .where('key_id', '=', keyId)
    .execute();
  const cost = spent.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
  expect(cost).toBeGreaterThan(0n);
  expect(cost).toBeLessThanOrEqual(limit);
});

test('the ledger equals the providers’ bill, however the batches ended', async () => {
  await booksClosed(broker);
  const rows = (await ledgerRows(broker)).filter((row) => row.outcome === 'ok');
  const billed = new Set(rows.map((row) => row.requestId));
  const providersView = {
    ...vendors,
    bill: () => vendors.bill().filter((entry) => billed.has(entry.clientRequestId!.split('.')[0]!)),
  };
  expectLedgerEqualsBill(rows, providersView);
});

test.each([
  ['service_tier: flex', { more: { service_tier: 'flex' } }, 'batch'],
  ['the header', { headers: { 'x-sluice-lane': 'batch' } }, 'batch'],
  [
    'the header before the body',
    { headers: { 'x-sluice-lane': 'interactive' }, more: { service_tier: 'flex' } },
    'interactive',
  ],
  ['nothing', {}, 'interactive'],
])('the lane of a single request is selected by %s', async (_name, wanted, lane) => {
  const answer = await ask(broker.url, { prompt: 'Hello', ...wanted });
  expect(answer.status).toBe(200);
  expect(await requestRow(broker, answer.headers['x-request-id']!)).toMatchObject({ lane });
});
