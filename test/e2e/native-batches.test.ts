// Lines through their providers' own batch APIs: every line once, at half the price, in the client's protocol.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { chatLine, ended, type ResultLine, results, sdk, submit } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
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
  type ProviderName,
  QUICK,
  startNativeProviders,
} from '#test/support/native-batches.ts';
import { waitFor } from '#test/support/wait.ts';

const LINES = 300;

let vendors: NativeProviders;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startNativeProviders();
  const configuration = nativeConfiguration(vendors, { ...QUICK, chunk_lines: 120 });
  broker = await startBroker({ configuration, batches: 1 });
});
afterAll(async () => {
  await broker?.stop();
  await closeProviders(vendors);
});

const idsOf = (output: readonly ResultLine[]) => output.map(({ custom_id }) => custom_id).sort();

async function expectBooksRight(): Promise<void> {
  await booksClosed(broker);
  expectLedgerEqualsBatchBill(await ledgerRows(broker), vendors);
}

/** The providers' batches run at the same time; afterwards the ledger is checked once. */
async function withEach(fault: string | null, run: (vendor: ProviderName) => Promise<void>): Promise<void> {
  for (const simulator of Object.values(vendors)) {
    simulator.clearStats();
    simulator.change({ batchFault: fault });
  }
  await Promise.all(PROVIDERS.map(run));
  await expectBooksRight();
}

describe('a batch at each provider', () => {
  test('returns every line once, at half the price', async () => {
    await withEach(null, async (vendor) => {
      const client = sdk(broker);
      const done = await ended(client, (await submit(client, nativeLines(vendor, numbered(LINES)))).id);
      expect(done).toMatchObject({
        status: 'completed',
        request_counts: { total: LINES, completed: LINES, failed: 0 },
        error_file_id: null,
      });
      const output = await results(client, done.output_file_id);
      expect(idsOf(output)).toEqual(lineIds(LINES).sort());
      for (const { response } of output) {
        expect(response).toMatchObject({
          status_code: 200,
          body: { object: 'chat.completion', choices: [{ finish_reason: 'stop' }], usage: { completion_tokens: 6 } },
        });
      }
      // No line ran as an ordinary call, and a line costs half as much as one.
      expect(vendors[vendor].stats()).toMatchObject({ calls: 0, batchLines: LINES });
    });
    for (const vendor of PROVIDERS) {
      const rows = (await ledgerRows(broker)).filter(({ provider }) => provider === vendor);
      expect(rows).toHaveLength(LINES);
      for (const { state, outcome, inputTokens, outputTokens, costPicoUsd } of rows) {
        expect([state, outcome]).toEqual(['settled', 'ok']);
        expect(costPicoUsd * 2n).toBe(BigInt(inputTokens) * 2_500_000n + BigInt(outputTokens) * 10_000_000n);
      }
    }
    expect(await broker.database.selectFrom('native_chunks').selectAll().execute()).toEqual([]);
  });

  test('retries failed lines if another call can succeed, and returns the other failures', async () => {
    const prompts = ['Hi.', '[[sim fault=400]] no', '[[sim fault=500 times=1]] once', '[[sim fault=429 times=1]] wait'];
    await withEach(null, async (vendor) => {
      const client = sdk(broker);
      const done = await ended(client, (await submit(client, nativeLines(vendor, prompts))).id);
      expect(done.request_counts).toEqual({ total: 4, completed: 3, failed: 1 });
      expect(idsOf(await results(client, done.output_file_id))).toEqual(['line-0', 'line-2', 'line-3']);
      const [refused] = await results(client, done.error_file_id);
      expect(refused).toMatchObject({ custom_id: 'line-1', response: { status_code: 400, body: { error: {} } } });
      expect(vendors[vendor].stats()).toMatchObject({ calls: 2, batchLines: 4 });
    });
  });

  test('is taken back when it expires there half done', async () => {
    await withEach('expire', async (vendor) => {
      const client = sdk(broker);
      const done = await ended(client, (await submit(client, nativeLines(vendor, numbered(40)))).id);
      expect(done).toMatchObject({ status: 'completed', request_counts: { total: 40, completed: 40, failed: 0 } });
      expect(idsOf(await results(client, done.output_file_id))).toEqual(lineIds(40).sort());
      expect(vendors[vendor].stats()).toMatchObject({ calls: 20, batchLines: 20 });
    });
  });

  test('is found and not sent again if the response to its creation was lost', async () => {
    await withEach('lost', async (vendor) => {
      const client = sdk(broker);
      const done = await ended(client, (await submit(client, nativeLines(vendor, numbered(20)))).id);
      expect(done.request_counts).toEqual({ total: 20, completed: 20, failed: 0 });
      expect(vendors[vendor].stats()).toMatchObject({ calls: 0, batchLines: 20 });
    });
  });

  test('is cancelled at the provider too, and what was finished by then counts', async () => {
    await withEach('stall@5', async (vendor) => {
      const client = sdk(broker);
      const { id } = await submit(client, nativeLines(vendor, numbered(20)));
      await vendors[vendor].until(({ batchLines }) => batchLines === 5);
      await client.batches.cancel(id);
      const done = await ended(client, id);
      expect(done).toMatchObject({ status: 'cancelled', request_counts: { total: 20, completed: 5 } });
      expect(await results(client, done.output_file_id)).toHaveLength(5);
      const rest = await results(client, done.error_file_id);
      expect(rest.map(({ error }) => error?.code)).toEqual(Array.from({ length: 15 }, () => 'batch_cancelled'));
    });
  });
});

test('a batch with several models is sent to each of their providers', async () => {
  for (const simulator of Object.values(vendors)) simulator.clearStats();
  for (const simulator of Object.values(vendors)) simulator.change({ batchFault: null });
  const client = sdk(broker);
  const text = PROVIDERS.flatMap((model) => [1, 2].map((n) => chatLine({ customId: `${model}-${n}`, model }))).join(
    '\n',
  );
  const done = await ended(client, (await submit(client, text)).id);
  expect(done.request_counts).toEqual({ total: 6, completed: 6, failed: 0 });
  for (const simulator of Object.values(vendors)) expect(simulator.stats()).toMatchObject({ calls: 0, batchLines: 2 });
  await expectBooksRight();
});

test('a client of Anthropic’s batches can use OpenAI’s', async () => {
  vendors.openai.clearStats();
  const headers = { 'x-api-key': TEST_KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
  const requests = ['a', 'b'].map((id) => ({
    custom_id: id,
    params: { model: 'openai', max_tokens: 50, messages: [{ role: 'user', content: `Line ${id}.` }] },
  }));
  const url = `${broker.url}/v1/messages/batches`;
  const created = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ requests }) });
  const { id } = (await created.json()) as { id: string };
  await waitFor('its end', async () => {
    const batch = (await (await fetch(`${url}/${id}`, { headers })).json()) as { processing_status: string };
    return batch.processing_status === 'ended';
  });
  const text = await (await fetch(`${url}/${id}/results`, { headers })).text();
  for (const line of text.trimEnd().split('\n')) {
    expect(JSON.parse(line)).toMatchObject({
      result: { type: 'succeeded', message: { type: 'message', role: 'assistant' } },
    });
  }
  expect(vendors.openai.stats()).toMatchObject({ calls: 0, batchLines: 2 });
  await expectBooksRight();
});

test('a provider that refuses batches gets ordinary calls', async () => {
  vendors.openai.clearStats();
  vendors.openai.change({ batchFault: 'fail' });
  const client = sdk(broker);
  const done = await ended(client, (await submit(client, nativeLines('openai', numbered(10)))).id);
  expect(done.request_counts).toEqual({ total: 10, completed: 10, failed: 0 });
  expect(vendors.openai.stats()).toMatchObject({ calls: 10, batchLines: 0 });
  vendors.openai.change({ batchFault: null });
  await expectBooksRight();
});

test('a key’s budget counts the cost of the lines, and nothing stays reserved', async () => {
  const { id: keyId, secret } = await broker.createKey('spender', { budgets: { total: '100000000000000' } });
  const client = sdk(broker, secret);
  await ended(client, (await submit(client, nativeLines('openai', numbered(30)))).id);
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('key_id', '=', keyId).execute();
  const cost = rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
  expect(rows).toHaveLength(30);
  const budget = await broker.redis.client.hgetall(createKeyspace('sluice').budget(`${keyId}:total`));
  expect(budget).toEqual({ spent: String(cost), held: '0' });
});
