// A batch of embeddings: the vectors of the lines are returned with their ids, and the tokens are counted and billed.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, results, sdk, upload } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

const LINES = 30;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders();
  const configuration = providerConfiguration(vendors, { protocols: ['openai-chat', 'openai-embeddings'] });
  broker = await startBroker({ configuration, together: true });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('every line gets its vectors', async () => {
  const client = sdk(broker);
  const url = '/v1/embeddings';
  const lines = Array.from({ length: LINES }, (_, index) => {
    const input = index % 2 === 0 ? `Text ${index}` : [`Text ${index}`, 'and another'];
    return JSON.stringify({ custom_id: `e-${index}`, method: 'POST', url, body: { model: 'solo', input } });
  });
  const broken = { custom_id: 'broken', method: 'POST', url, body: { model: 'solo' } };
  const { id } = await client.batches.create({
    input_file_id: await upload(client, [...lines, JSON.stringify(broken)].join('\n')),
    endpoint: url,
    completion_window: '24h',
  });
  const done = await ended(client, id);
  expect(done).toMatchObject({
    status: 'completed',
    request_counts: { total: LINES + 1, completed: LINES, failed: 1 },
    usage: { output_tokens: 0 },
  });
  expect(done.usage!.input_tokens).toBeGreaterThan(0);
  const found = await results(client, done.output_file_id);
  for (const line of found) {
    const index = Number(line.custom_id.slice(2));
    const body = line.response!.body as { data: { embedding: number[]; index: number }[] };
    expect(body.data.map((item) => item.index)).toEqual(index % 2 === 0 ? [0] : [0, 1]);
    expect(body.data.every((item) => item.embedding.length > 0)).toBe(true);
  }
  const [failed] = await results(client, done.error_file_id);
  expect(failed).toMatchObject({ custom_id: 'broken', response: { status_code: 400 } });
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});
