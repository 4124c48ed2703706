// Files that are not valid batches: each gets errors with line numbers, and nothing of it runs.

import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatLine, chatLines, ended, sdk, submit } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  broker = await startBroker({
    configuration: {
      ...providerConfiguration(vendors),
      server: { body_limit_bytes: 20_000 },
      files: { max_bytes: 300_000 },
      batches: { max_lines: 500, max_bytes: 200_000 },
    },
    together: true,
  });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const good = (id: string) => chatLine({ customId: id });
const altered = (change: object) => JSON.stringify({ ...JSON.parse(good('b')), ...change });

const FAULTY = [
  { name: 'no lines at all', text: '\n \n', faults: [['empty_file', null]] },
  { name: 'no bytes at all', text: '', faults: [['empty_file', null]] },
  { name: 'not JSON', text: `${good('a')}\nhello\n${good('c')}`, faults: [['invalid_json_line', 2]] },
  { name: 'JSON, but no object', text: `${good('a')}\n[1]`, faults: [['invalid_json_line', 2]] },
  { name: 'UTF-16', text: Buffer.from(good('a'), 'utf16le'), faults: [['invalid_json_line', 1]] },
  {
    name: 'UTF-16 with its mark',
    text: Buffer.from(`\uFEFF${good('a')}`, 'utf16le'),
    faults: [['invalid_json_line', 1]],
  },
  {
    name: 'cut off in the last line',
    text: `${good('a')}\n${good('b').slice(0, -9)}`,
    faults: [['invalid_json_line', 2]],
  },
  { name: 'Latin-1', text: Buffer.from(good('\u00e9'), 'latin1'), faults: [['invalid_json_line', 1]] },
  {
    name: 'a custom_id twice',
    text: [good('a'), good('b'), good('a')].join('\n'),
    faults: [['duplicate_custom_id', 3]],
  },
  { name: 'no custom_id', text: altered({ custom_id: undefined }), faults: [['missing_required_parameter', 1]] },
  { name: 'another method', text: altered({ method: 'GET' }), faults: [['invalid_method', 1]] },
  { name: 'another url', text: altered({ url: '/v1/embeddings' }), faults: [['url_mismatch', 1]] },
  { name: 'a custom_id that is no text', text: altered({ custom_id: 7 }), faults: [['missing_required_parameter', 1]] },
  { name: 'no body', text: altered({ body: null }), faults: [['missing_required_parameter', 1]] },
  { name: 'an unknown model', text: chatLine({ customId: 'a', model: 'nope' }), faults: [['model_not_found', 1]] },
  {
    name: 'one line too large',
    text: [good('a'), chatLine({ customId: 'b', prompt: 'x'.repeat(20_000) }), good('c')].join('\n'),
    faults: [['line_too_large', 2]],
  },
  {
    name: 'the same mistake in every line',
    text: 'x\n'.repeat(300),
    faults: Array.from({ length: 100 }, (_, index) => ['invalid_json_line', index + 1]),
  },
  { name: 'too many lines', text: chatLines(501), faults: [['too_many_tasks', null]] },
  {
    name: 'several faults, each with its line',
    text: ['{', good('a'), good('a'), altered({ method: 'PUT' })].join('\n'),
    faults: [
      ['invalid_json_line', 1],
      ['duplicate_custom_id', 3],
      ['invalid_method', 4],
    ],
  },
];

test.each(FAULTY)('$name', async ({ text, faults }) => {
  const client = sdk(broker);
  const batch = await submit(client, text);
  expect(batch.status).toBe('validating');
  const failed = await ended(client, batch.id);
  expect(failed).toMatchObject({
    status: 'failed',
    failed_at: expect.any(Number),
    output_file_id: null,
    error_file_id: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    errors: { object: 'list' },
  });
  expect(failed.errors!.data!.map(({ code, line }) => [code, line])).toEqual(faults);
  expect(failed.errors!.data!.every(({ message }) => (message ?? '').length > 10)).toBe(true);
  expect(vendors.primary.stats().calls).toBe(0);
  const events = await broker.database
    .selectFrom('events_outbox')
    .selectAll()
    .where('subject_id', '=', batch.id)
    .execute();
  expect(events.map(({ type }) => type)).toEqual(['batch.failed']);
});

test('a byte order mark, blank lines and Windows line ends are accepted', async () => {
  const client = sdk(broker);
  const text = `\uFEFF${good('a')}\r\n\r\n${good('b')}\r\n`;
  expect(await ended(client, (await submit(client, text)).id)).toMatchObject({
    status: 'completed',
    request_counts: { total: 2, completed: 2, failed: 0 },
  });
});

describe('refused at once', () => {
  const post = (body: object) =>
    fetch(`${broker.url}/v1/batches`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).then(async (answer) => ({ status: answer.status, ...((await answer.json()) as { error: object }).error }));
  const wish = { input_file_id: 'file-none', endpoint: '/v1/chat/completions', completion_window: '24h' };

  test.each([
    ['no endpoint', { ...wish, endpoint: undefined }, { code: 'missing_required_parameter', param: 'endpoint' }],
    ['an unknown endpoint', { ...wish, endpoint: '/v1/audio' }, { param: 'endpoint' }],
    ['a window that is none', { ...wish, completion_window: 'soon' }, { param: 'completion_window' }],
    ['a window of a month', { ...wish, completion_window: '30d' }, { param: 'completion_window' }],
    ['no such file', wish, { param: 'input_file_id' }],
    ['metadata that is too long', { ...wish, metadata: { a: 'x'.repeat(513) } }, { param: 'metadata.a' }],
  ])('%s', async (_name, body, error) => {
    expect(await post(body)).toMatchObject({ status: 400, type: 'invalid_request_error', ...error });
  });

  const uploadForm = async (fields: Record<string, string>, name: string | null, text = 'x') => {
    const form = new FormData();
    if (name !== null) form.append('file', new Blob([text]), name);
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    const answer = await fetch(`${broker.url}/v1/files`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}` },
      body: form,
    });
    return { status: answer.status, ...((await answer.json()) as { error: object }).error };
  };

  test.each([
    ['a name that is not .jsonl', { purpose: 'batch' }, 'a.txt', { param: null, code: null }],
    ['no purpose', {}, 'a.jsonl', { param: 'purpose', code: 'missing_required_parameter' }],
    ['a purpose that is none', { purpose: 'fun' }, 'a.jsonl', { param: 'purpose' }],
    ['no file', { purpose: 'batch' }, null, { param: 'file' }],
  ])('an upload with %s', async (_name, fields, name, error) => {
    const client = sdk(broker);
    const before = (await client.files.list()).data.length;
    expect(await uploadForm(fields, name)).toMatchObject({ status: 400, type: 'invalid_request_error', ...error });
    expect((await client.files.list()).data.length).toBe(before);
  });

  test('a file that is too large', async () => {
    const text = 'x'.repeat(200_001);
    expect(await uploadForm({ purpose: 'batch' }, 'a.jsonl', text)).toMatchObject({
      status: 400,
      message: 'File is too large.',
    });
    expect(await uploadForm({ purpose: 'evals' }, 'a.jsonl', text)).toMatchObject({ status: 200 });
    expect(await uploadForm({ purpose: 'evals' }, 'a.jsonl', text + text)).toMatchObject({ status: 400 });
  });

  test('the content of files of some purposes cannot be downloaded', async () => {
    const client = sdk(broker);
    const file = await client.files.create({ file: new File(['x'], 'a.txt'), purpose: 'user_data' });
    await expect(client.files.content(file.id)).rejects.toMatchObject({ status: 400 });
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  });
});

test('an upload that breaks off leaves nothing', async () => {
  const client = sdk(broker);
  const files = () => readdirSync(join(broker.directory, 'files')).filter((name) => !name.startsWith('.'));
  const before = files();
  const listed = (await client.files.list()).data.length;
  const { hostname, port } = new URL(broker.url);
  const socket = connect(Number(port), hostname);
  const head = [
    'POST /v1/files HTTP/1.1',
    'host: sluice',
    `authorization: Bearer ${TEST_KEY}`,
    'content-type: multipart/form-data; boundary=b',
    'content-length: 100000',
  ];
  const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n';
  socket.write(`${head.join('\r\n')}\r\n\r\n${part}${'x'.repeat(50_000)}`);
  await waitFor('the file to be begun', () => files().length > before.length);
  socket.destroy();
  await waitFor('the file to be gone', () => files().length === before.length);
  expect((await client.files.list()).data.length).toBe(listed);
});
