// Anthropic's Message Batches with the official SDK, and batches of every other endpoint, with a chat provider.
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, results, sdk, upload } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;
let client: Anthropic;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 6 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), together: true });
  client = new Anthropic({ baseURL: broker.url, apiKey: TEST_KEY, maxRetries: 0 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const request = (custom_id: string, content: string, more: object = {}) => ({
  custom_id,
  params: { model: 'solo', max_tokens: 100, messages: [{ role: 'user' as const, content }], ...more },
});

const over = (id: string) =>
  waitFor(
    `the end of ${id}`,
    async () => {
      const batch = await client.messages.batches.retrieve(id);
      return batch.processing_status === 'ended' ? batch : null;
    },
    30_000,
  );

async function resultsOf(id: string) {
  const found: Record<string, { type: string }> = {};
  for await (const line of await client.messages.batches.results(id)) found[line.custom_id] = line.result;
  return found;
}

test('a message batch runs from its requests to its results', async () => {
  const created = await client.messages.batches.create({
    requests: [
      request('good', 'Hello'),
      request('refused', '[[sim fault=400]] no'),
      request('shapeless', 'x', { messages: 'none' }),
      request('unknown-model', 'x', { model: 'nope' }),
    ],
  });
  expect(created).toMatchObject({
    type: 'message_batch',
    processing_status: 'in_progress',
    request_counts: { processing: 4, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    ended_at: null,
    results_url: null,
  });
  expect(created.id).toMatch(/^msgbatch_/);
  const batch = await over(created.id);
  expect(batch).toMatchObject({
    request_counts: { processing: 0, succeeded: 1, errored: 3, canceled: 0, expired: 0 },
    ended_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    results_url: `${broker.url}/v1/messages/batches/${created.id}/results`,
  });
  const found = await resultsOf(created.id);
  expect(found.good).toMatchObject({ type: 'succeeded', message: { type: 'message', role: 'assistant' } });
  for (const id of ['refused', 'shapeless', 'unknown-model']) {
    expect(found[id]).toMatchObject({
      type: 'errored',
      error: { type: 'error', error: { message: expect.any(String) } },
    });
  }
  expect(found['unknown-model']).toMatchObject({ error: { error: { type: 'not_found_error' } } });

  const files = await sdk(broker).files.list();
  expect(files.data).toEqual([]);
  expect((await client.messages.batches.list({ limit: 5 })).data.map(({ id }) => id)).toEqual([created.id]);
  expect(await client.messages.batches.delete(created.id)).toEqual({ id: created.id, type: 'message_batch_deleted' });
  await expect(client.messages.batches.retrieve(created.id)).rejects.toMatchObject({ status: 404 });
});

test('a cancelled batch reports each request that did not run', async () => {
  const requests = Array.from({ length: 300 }, (_, index) => request(`r-${index}`, `[[sim first=500]] ${index}`));
  const { id } = await client.messages.batches.create({ requests });
  await expect(client.messages.batches.delete(id)).rejects.toMatchObject({ status: 400 });
  expect(await client.messages.batches.cancel(id)).toMatchObject({ processing_status: 'canceling' });
  const batch = await over(id);
  const kinds = Object.values(await resultsOf(id)).map(({ type }) => type);
  expect(kinds).toHaveLength(300);
  expect(batch.request_counts.canceled).toBe(kinds.filter((kind) => kind === 'canceled').length);
  expect(batch.request_counts.canceled).toBeGreaterThan(0);
});

test('an invalid message batch is refused at once, in Anthropic’s format', async () => {
  const create = (requests: object[]) =>
    client.messages.batches.create({ requests: requests as never }).catch((error: unknown) => error);
  const refusal = { status: 400, error: { type: 'error', error: { type: 'invalid_request_error' } } };
  expect(await create([])).toMatchObject(refusal);
  expect(await create([request('not an id', 'x')])).toMatchObject(refusal);
  expect(await create([request('a', 'x'), request('a', 'y')])).toMatchObject(refusal);
  expect(await create([{ custom_id: 'a' }])).toMatchObject(refusal);
});

test.each([
  ['/v1/responses', { input: 'Hello' }, { object: 'response' }],
  ['/v1/messages', { max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }] }, { type: 'message' }],
])('a batch of %s', async (endpoint, body, answer) => {
  const openai = sdk(broker);
  const text = JSON.stringify({ custom_id: 'a', method: 'POST', url: endpoint, body: { model: 'solo', ...body } });
  const { id } = await openai.batches.create({
    input_file_id: await upload(openai, text),
    endpoint: endpoint as '/v1/responses',
    completion_window: '24h',
  });
  const done = await ended(openai, id);
  expect(done).toMatchObject({ status: 'completed', request_counts: { total: 1, completed: 1 } });
  expect(done.usage!.output_tokens).toBeGreaterThan(0);
  const [line] = await results(openai, done.output_file_id);
  expect(line).toMatchObject({ custom_id: 'a', response: { status_code: 200, body: answer } });
});

test('a batch may be far larger than one request, and each of its requests has the usual bounds', async () => {
  // 250,000 objects and lists in total, which no single body may have; it ends at once, because none of them is a request.
  const many = Array.from({ length: 500 }, (_, at) => request(`r${at}`, 'x', { messages: Array(500).fill({}) }));
  const created = await client.messages.batches.create({ requests: many as never });
  expect(created.request_counts.processing).toBe(500);
  await client.messages.batches.cancel(created.id);
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`);
  for (const [requests, said] of [
    [[request('a', 'x'), request('b', 'x', { messages: deep })], /levels deep/],
    [[request('a', 'x'), request('a', 'x')], /used more than once/],
    [[], /at least one/],
    [{ a: 1 }, /must be a list/],
    [[7], /requests\.0.*must be an object/],
  ] as const) {
    await expect(client.messages.batches.create({ requests: requests as never })).rejects.toThrow(said);
  }
});
