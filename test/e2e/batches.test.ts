// The Files and Batch APIs with the official SDK, from upload to download, with processes as deployed.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLine, chatLines, ended, results, sdk, submit, upload } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 6 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), batches: 1 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('a batch runs from upload to download', async () => {
  const client = sdk(broker);
  const text = chatLines(300);
  const file = await client.files.retrieve(await upload(client, text));
  expect(file).toMatchObject({ object: 'file', bytes: text.length, filename: 'input.jsonl', purpose: 'batch' });
  expect(await (await client.files.content(file.id)).text()).toBe(text);

  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { project: 'test' },
  });
  expect(batch).toMatchObject({
    object: 'batch',
    status: 'validating',
    errors: null,
    output_file_id: null,
    error_file_id: null,
    in_progress_at: null,
    completed_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    metadata: { project: 'test' },
    expires_at: batch.created_at + 86_400,
  });

  const done = await ended(client, batch.id);
  expect(done).toMatchObject({
    status: 'completed',
    model: 'solo',
    request_counts: { total: 300, completed: 300, failed: 0 },
    error_file_id: null,
  });
  expect(done.usage!.total_tokens).toBe(done.usage!.input_tokens + done.usage!.output_tokens);
  const lines = await results(client, done.output_file_id);
  expect(lines.map((line) => line.custom_id).sort()).toEqual(
    Array.from({ length: 300 }, (_, index) => `line-${index}`).sort(),
  );
  for (const line of lines) {
    expect(line).toMatchObject({ error: null, response: { status_code: 200, body: { object: 'chat.completion' } } });
    expect(line.id).toMatch(/^batch_req_/);
    expect(line.response!.request_id).toMatch(/^req_/);
  }
  const output = await client.files.retrieve(done.output_file_id!);
  expect(output).toMatchObject({ purpose: 'batch_output', expires_at: expect.any(Number) });
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
  const event = await broker.database
    .selectFrom('events_outbox')
    .selectAll()
    .where('subject_id', '=', batch.id)
    .execute();
  expect(event.map(({ type, payload }) => [type, payload])).toEqual([
    ['batch.completed', JSON.stringify({ id: batch.id })],
  ]);
});

test('single lines fail, and the batch completes anyway', async () => {
  const client = sdk(broker);
  const text = [
    chatLine({ customId: 'good' }),
    chatLine({ customId: 'refused', prompt: '[[sim fault=400]] no' }),
    chatLine({ customId: 'streamed', more: { stream: true } }),
    chatLine({ customId: 'shapeless', more: { messages: [] } }),
  ].join('\n');
  const done = await ended(client, (await submit(client, text)).id);
  expect(done).toMatchObject({ status: 'completed', request_counts: { total: 4, completed: 1, failed: 3 } });
  const failed = await results(client, done.error_file_id);
  expect(Object.fromEntries(failed.map((line) => [line.custom_id, line.response!.status_code]))).toEqual({
    refused: 400,
    streamed: 400,
    shapeless: 400,
  });
  for (const line of failed) {
    expect(line).toMatchObject({ error: null, response: { body: { error: { message: expect.any(String) } } } });
  }
});

test('completed with every line failed has no output file', async () => {
  const client = sdk(broker);
  const text = chatLine({ customId: 'only', prompt: '[[sim fault=400]] no' });
  const done = await ended(client, (await submit(client, text)).id);
  expect(done).toMatchObject({ status: 'completed', output_file_id: null, error_file_id: expect.any(String) });
});

test('responses that the provider breaks off are retried under another request id', async () => {
  const client = sdk(broker);
  const text = chatLine({ customId: 'unlucky', prompt: '[[sim fault=500 times=3]] once more' });
  const done = await ended(client, (await submit(client, text)).id);
  expect(done.request_counts).toEqual({ total: 1, completed: 1, failed: 0 });
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('cancelling ends a running batch; an ended one cannot be cancelled', async () => {
  const client = sdk(broker);
  const batch = await submit(
    client,
    chatLines(400, (index) => `[[sim first=400]] ${index}`),
  );
  await waitFor('some lines to be done', async () => {
    const { request_counts: counts } = await client.batches.retrieve(batch.id);
    return counts!.completed > 0;
  });
  expect(await client.batches.cancel(batch.id)).toMatchObject({
    status: 'cancelling',
    cancelling_at: expect.any(Number),
  });
  const done = await ended(client, batch.id);
  const output = await results(client, done.output_file_id);
  const error = await results(client, done.error_file_id);
  expect(done).toMatchObject({ status: 'cancelled', cancelled_at: expect.any(Number) });
  expect(done.request_counts!.completed).toBe(output.length);
  expect(new Set([...output, ...error].map((line) => line.custom_id)).size).toBe(400);
  expect(output.length + error.length).toBe(400);
  expect(new Set(error.map((line) => line.error?.code))).toEqual(new Set(['batch_cancelled']));

  const refusal = await client.batches.cancel(batch.id).catch((caught: unknown) => caught);
  expect(refusal).toMatchObject({ status: 409, type: 'invalid_request_error', code: null, param: null });
  expect((refusal as { headers: Headers }).headers.get('x-should-retry')).toBe('false');
  await booksClosed(broker);
});

test('the content of a file in a prompt reaches the provider, in a call and in a batch', async () => {
  const client = sdk(broker);
  const file = await client.files.create({ file: new File(['%PDF-1.4 Hello'], 'a.pdf'), purpose: 'user_data' });
  const content = (id: string) => [
    { type: 'text' as const, text: 'Read this.' },
    { type: 'file' as const, file: { file_id: id } },
  ];
  const sent = () =>
    vendors.primary
      .requests()
      .map(({ body }) => (JSON.parse(body) as { messages: { content: unknown }[] }).messages[0]!.content);
  const expected = [
    { type: 'text', text: 'Read this.' },
    {
      type: 'file',
      file: {
        filename: 'a.pdf',
        file_data: `data:application/pdf;base64,${Buffer.from('%PDF-1.4 Hello').toString('base64')}`,
      },
    },
  ];
  await client.chat.completions.create({ model: 'solo', messages: [{ role: 'user', content: content(file.id) }] });
  expect(sent().at(-1)).toEqual(expected);
  const text = chatLine({ customId: 'a', more: { messages: [{ role: 'user', content: content(file.id) }] } });
  await ended(client, (await submit(client, text)).id);
  expect(sent().at(-1)).toEqual(expected);
  const unknown = content('file-of-the-provider');
  await client.chat.completions.create({ model: 'solo', messages: [{ role: 'user', content: unknown }] });
  expect(sent().at(-1)).toEqual(unknown);
});

test('batches and files are listed, newest first, in pages', async () => {
  const { secret } = await broker.createKey('lister');
  const client = sdk(broker, secret);
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await submit(client, chatLines(1))).id);
  const listed = [];
  for await (const batch of client.batches.list({ limit: 2 })) listed.push(batch.id);
  expect(listed).toEqual(made.reverse());
  const files = await client.files.list({ purpose: 'batch', limit: 2 });
  expect(files).toMatchObject({ has_more: true });
  expect(files.data).toHaveLength(2);
  await Promise.all(made.map((id) => ended(client, id)));
});

test('another key can access neither file nor batch', async () => {
  const client = sdk(broker);
  const other = sdk(broker, (await broker.createKey('other')).secret);
  const batch = await submit(client, chatLines(1));
  await expect(other.batches.retrieve(batch.id)).rejects.toMatchObject({ status: 404 });
  await expect(other.batches.cancel(batch.id)).rejects.toMatchObject({ status: 404 });
  await expect(other.files.retrieve(batch.input_file_id)).rejects.toMatchObject({ status: 404 });
  await expect(other.files.content(batch.input_file_id)).rejects.toMatchObject({ status: 404 });
  await expect(other.files.delete(batch.input_file_id)).rejects.toMatchObject({ status: 404 });
  await expect(
    other.batches.create({
      input_file_id: batch.input_file_id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    }),
  ).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  await ended(client, batch.id);
});
