// The providers' batch APIs as the broker uses them: what is sent, and how the responses are read. Wire facts:
// docs/reference/openai-batch.md.
import { describe, expect, test } from 'vitest';
import { anthropicMessagesBatch } from '#src/protocols/anthropic-messages/batch.ts';
import type { BatchProtocol, ProviderLine } from '#src/protocols/batch-protocol.ts';
import { geminiGenerateContentBatch } from '#src/protocols/gemini-generate-content/batch.ts';
import { openaiChatBatch, openaiEmbeddingsBatch, openaiResponsesBatch } from '#src/protocols/openai/batch.ts';
import { findBatchProtocol } from '#src/protocols/registry.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const parsed = (body: Buffer | undefined) => JSON.parse(body!.toString()) as unknown;

function chunkOf(protocol: BatchProtocol, ...bodies: Buffer[]) {
  const lines = bodies.map((body, index) => protocol.encodeLine(`req_${index}`, body));
  return { id: 'nb_1', upstreamModel: 'some/model', lines };
}

/** Bodies parsed, so that they can be compared. */
function read(protocol: BatchProtocol, result: unknown) {
  return protocol
    .readResults(json(result))
    .map((line: ProviderLine) => (line.kind === 'answered' ? { ...line, body: parsed(line.body) } : line));
}

test('every provider protocol with batches is found by its name', () => {
  for (const name of [
    'openai-chat',
    'openai-responses',
    'openai-embeddings',
    'anthropic-messages',
    'gemini-generate-content',
  ]) {
    expect(findBatchProtocol(name)?.upstream).toBe(name);
  }
  expect(findBatchProtocol('other')).toBeNull();
});

describe('OpenAI', () => {
  const batch = {
    id: 'batch_1',
    object: 'batch',
    status: 'in_progress',
    created_at: 1_700_000_000,
    input_file_id: 'file-1',
    output_file_id: null,
    error_file_id: null,
    request_counts: { total: 2, completed: 1, failed: 0 },
    metadata: { sluice_chunk: 'nb_1' },
  };

  test.each([
    [openaiChatBatch, '/v1/chat/completions'],
    [openaiResponsesBatch, '/v1/responses'],
    [openaiEmbeddingsBatch, '/v1/embeddings'],
  ])('a line is an envelope around the body, on one line of its own (%#)', (protocol, url) => {
    const line = protocol.encodeLine('req_0', Buffer.from('{\n "model": "m",\r\n "text": "a\\nb"\n}')).toString();
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({
      custom_id: 'req_0',
      method: 'POST',
      url,
      body: { model: 'm', text: 'a\nb' },
    });
  });

  test('the lines are uploaded as a file in the provider’s format', async () => {
    const call = openaiChatBatch.upload!(
      chunkOf(openaiChatBatch, json({ model: 'm', text: 'ä' }), json({ model: 'm' })),
    );
    expect(call).toMatchObject({ method: 'POST', path: '/files' });
    const response = new Response(new Uint8Array(call.body!), { headers: { 'content-type': call.contentType! } });
    const form = await response.formData();
    expect(form.get('purpose')).toBe('batch');
    expect(form.get('expires_after[anchor]')).toBe('created_at');
    const file = form.get('file') as File;
    expect(file.name).toBe('nb_1.jsonl');
    const lines = (await file.text()).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)).toEqual(['req_0', 'req_1']);
    expect(lines[0]).toContain('ä');
  });

  test('the batch is created with the broker’s own id in its metadata', () => {
    const call = openaiChatBatch.create(chunkOf(openaiChatBatch), 'file-1');
    expect(call.path).toBe('/batches');
    expect(parsed(call.body)).toEqual({
      input_file_id: 'file-1',
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { sluice_chunk: 'nb_1' },
    });
  });

  test.each([
    ['runs', {}, { hasEnded: false, lines: 2, fault: null, resultFiles: [] }],
    ['is not validated yet', { request_counts: { total: 0 } }, { hasEnded: false, lines: null }],
    [
      'has failed',
      { status: 'failed', errors: { data: [{ code: 'c', message: 'm' }] } },
      { hasEnded: true, fault: 'c: m' },
    ],
    [
      'has ended',
      { status: 'completed', output_file_id: 'o', error_file_id: 'e' },
      { hasEnded: true, resultFiles: ['o', 'e'] },
    ],
    ['has only failures', { status: 'completed', error_file_id: 'e' }, { hasEnded: true, resultFiles: ['e'] }],
    ['has expired', { status: 'expired', output_file_id: 'o' }, { hasEnded: true, fault: null }],
    ['is another’s', { metadata: null }, { chunkId: null }],
  ])('a batch that %s', (_, change, expected) => {
    expect(openaiChatBatch.readBatch({ ...batch, ...change })).toMatchObject({ id: 'batch_1', ...expected });
  });

  test('its list continues after the last of a page', () => {
    const list = { object: 'list', data: [batch, { ...batch, id: 'batch_2' }], has_more: true };
    expect(openaiChatBatch.readList(list)).toMatchObject({ batches: [{ chunkId: 'nb_1' }, {}], next: 'batch_2' });
    expect(openaiChatBatch.readList({ ...list, has_more: false }).next).toBeNull();
    expect(openaiChatBatch.list('batch_2').path).toBe('/batches?limit=100&after=batch_2');
  });

  test('a result’s body keeps its bytes', () => {
    const line =
      '{"custom_id":"req_0","response":{"status_code":200,"body":{"seed":12345678901234567890}},"error":null}';
    const [result] = openaiChatBatch.readResults(Buffer.from(line));
    expect(result).toMatchObject({ kind: 'answered', id: 'req_0', status: 200 });
    expect((result as { body: Buffer }).body.toString()).toBe('{"seed":12345678901234567890}');
  });

  test('failures are recognised by status, unrun lines by their absence', () => {
    const failed = { custom_id: 'a', response: { status_code: 429, body: { error: { code: 'x' } } }, error: null };
    expect(read(openaiChatBatch, failed)).toEqual([
      { kind: 'answered', id: 'a', status: 429, body: { error: { code: 'x' } } },
    ]);
    const expired = { custom_id: 'b', response: null, error: { code: 'batch_expired' } };
    expect(read(openaiChatBatch, expired)).toEqual([{ kind: 'not-run', id: 'b' }]);
  });

  test.each([
    [{ input: 'one' }, 1],
    [{ input: ['one', 'two'] }, 2],
    [{ input: [1, 2, 3] }, 1],
    [{ input: [[1], [2, 3]] }, 2],
  ])('embeddings count their inputs: %j', (body, count) => {
    expect(openaiEmbeddingsBatch.countUnits!(json(body))).toBe(count);
  });
});

describe('Anthropic', () => {
  const batch = {
    id: 'msgbatch_1',
    type: 'message_batch',
    processing_status: 'in_progress',
    created_at: '2026-11-20T10:00:00Z',
    request_counts: { processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
  };

  test('the lines are part of the creation', () => {
    const chunk = chunkOf(anthropicMessagesBatch, json({ model: 'm' }), json({ model: 'n' }));
    const call = anthropicMessagesBatch.create(chunk, null);
    expect(call).toMatchObject({ method: 'POST', path: '/v1/messages/batches' });
    expect(parsed(call.body)).toEqual({
      requests: [
        { custom_id: 'req_0', params: { model: 'm' } },
        { custom_id: 'req_1', params: { model: 'n' } },
      ],
    });
  });

  test('its batches have a size and a time, but not Sluice’s name', () => {
    expect(anthropicMessagesBatch.readBatch(batch)).toMatchObject({
      chunkId: null,
      hasEnded: false,
      lines: 3,
      createdAtMs: Date.parse('2026-11-20T10:00:00Z'),
    });
    expect(anthropicMessagesBatch.readBatch({ ...batch, processing_status: 'canceling' })?.hasEnded).toBe(false);
    expect(anthropicMessagesBatch.readBatch({ ...batch, processing_status: 'ended' })?.hasEnded).toBe(true);
    expect(anthropicMessagesBatch.readBatch({ type: 'error' })).toBeNull();
  });

  test('its list continues where the page says', () => {
    const list = { data: [batch], has_more: true, first_id: 'msgbatch_1', last_id: 'msgbatch_1' };
    expect(anthropicMessagesBatch.readList(list).next).toBe('msgbatch_1');
    expect(anthropicMessagesBatch.list('msgbatch_1').path).toBe('/v1/messages/batches?limit=100&after_id=msgbatch_1');
  });

  const error = (type: string) => ({ type: 'error', error: { type, message: 'm' }, request_id: null });
  test.each([
    [
      'succeeded',
      { type: 'succeeded', message: { id: 'msg_1' } },
      { kind: 'answered', status: 200, body: { id: 'msg_1' } },
    ],
    ['errored', { type: 'errored', error: error('invalid_request_error') }, { kind: 'answered', status: 400 }],
    ['overloaded', { type: 'errored', error: error('overloaded_error') }, { kind: 'answered', status: 529 }],
    ['broken', { type: 'errored', error: error('api_error') }, { kind: 'answered', status: 500 }],
    ['canceled', { type: 'canceled' }, { kind: 'not-run' }],
    ['expired', { type: 'expired' }, { kind: 'not-run' }],
  ])('a request that is %s', (_, result, expected) => {
    expect(read(anthropicMessagesBatch, { custom_id: 'a', result })).toEqual([
      expect.objectContaining({ id: 'a', ...expected }),
    ]);
  });
});

describe('Gemini', () => {
  const operation = (state: string, more: object = {}) => ({
    name: 'batches/1',
    metadata: {
      state,
      displayName: 'nb_1',
      createTime: '2026-11-20T10:00:00.5Z',
      batchStats: { requestCount: '2', pendingRequestCount: '2' },
      ...more,
    },
  });

  test('the lines are part of the creation, at the model’s address', () => {
    const call = geminiGenerateContentBatch.create(chunkOf(geminiGenerateContentBatch, json({ contents: [] })), null);
    expect(call.path).toBe('/v1beta/models/some%2Fmodel:batchGenerateContent');
    expect(parsed(call.body)).toEqual({
      batch: {
        displayName: 'nb_1',
        inputConfig: { requests: { requests: [{ request: { contents: [] }, metadata: { key: 'req_0' } }] } },
      },
    });
  });

  test.each([
    ['BATCH_STATE_PENDING', false],
    ['BATCH_STATE_RUNNING', false],
    ['BATCH_STATE_SUCCEEDED', true],
    ['BATCH_STATE_FAILED', true],
    ['BATCH_STATE_CANCELLED', true],
    ['BATCH_STATE_EXPIRED', true],
  ])('%s: has it ended?', (state, hasEnded) => {
    expect(geminiGenerateContentBatch.readBatch(operation(state))).toMatchObject({
      id: 'batches/1',
      chunkId: 'nb_1',
      lines: 2,
      hasEnded,
    });
  });

  test('its list continues where the page says', () => {
    const list = { operations: [operation('BATCH_STATE_RUNNING')], nextPageToken: 'x y' };
    expect(geminiGenerateContentBatch.readList(list)).toMatchObject({ batches: [{ id: 'batches/1' }], next: 'x y' });
    expect(geminiGenerateContentBatch.list('x y').path).toBe('/v1beta/batches?pageSize=100&pageToken=x%20y');
    expect(geminiGenerateContentBatch.readList({})).toEqual({ batches: [], next: null });
  });

  const responses = [
    { metadata: { key: 'a' }, response: { candidates: [] } },
    { metadata: { key: 'b' }, error: { code: 8, message: 'Too many.' } },
    { metadata: { key: 'c' }, error: { code: 1, message: 'Cancelled.' } },
  ];
  const expected = [
    { kind: 'answered', id: 'a', status: 200, body: { candidates: [] } },
    {
      kind: 'answered',
      id: 'b',
      status: 429,
      body: { error: { code: 429, message: 'Too many.', status: 'RESOURCE_EXHAUSTED' } },
    },
    { kind: 'not-run', id: 'c' },
  ];

  test('results are in the metadata', () => {
    const output = { inlinedResponses: { inlinedResponses: responses } };
    expect(read(geminiGenerateContentBatch, operation('BATCH_STATE_SUCCEEDED', { output }))).toEqual(expected);
  });

  test('or in the response, in a list or a nested list', () => {
    const done = operation('BATCH_STATE_SUCCEEDED');
    for (const inlinedResponses of [responses, { inlinedResponses: responses }]) {
      expect(read(geminiGenerateContentBatch, { ...done, done: true, response: { inlinedResponses } })).toEqual(
        expected,
      );
    }
  });

  test('a batch without results has none', () => {
    expect(read(geminiGenerateContentBatch, operation('BATCH_STATE_CANCELLED'))).toEqual([]);
  });
});

test.each([openaiChatBatch, anthropicMessagesBatch, geminiGenerateContentBatch])(
  'an unreadable response is neither a result nor a batch (%#)',
  (protocol) => {
    for (const value of [null, [], 'text', {}, { custom_id: 1 }, { metadata: [] }]) {
      expect(protocol.readResults(json(value))).toEqual([]);
      expect(protocol.readBatch(value)).toBeNull();
      expect(protocol.readList(value)).toEqual({ batches: [], next: null });
    }
    expect(protocol.readResults(Buffer.from('{'))).toEqual([]);
  },
);
