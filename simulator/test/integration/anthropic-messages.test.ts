// The rules of Anthropic's protocol, streamed and not (docs/reference/anthropic-messages.md sections 2 to 5).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask } from './client.ts';
import {
  askMessages,
  blocksOfEvents,
  type MessageEvent,
  message,
  messageEventsOf,
  textOfEvents,
  VERSION,
} from './messages.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12 });
});
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

const NEW = { 'anthropic-version': '2026-10-21' };
const weather = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const train = { name: 'find_train', input_schema: { type: 'object', properties: {} } };
const manual = { thinking: { type: 'enabled', budget_tokens: 1_024 } };

async function whole(content: unknown, more: object = {}, headers?: Record<string, string>) {
  const { status, text } = await askMessages(simulator, message(content, more), headers);
  expect(status, text).toBe(200);
  return JSON.parse(text);
}

async function streamed(
  content: unknown,
  more: object = {},
  headers?: Record<string, string>,
): Promise<MessageEvent[]> {
  const { pieces, headers: heard } = await askMessages(simulator, message(content, { stream: true, ...more }), headers);
  expect(heard['content-type']).toMatch(/^text\/event-stream/);
  const events = messageEventsOf(pieces);
  expect(events.at(-1)).toEqual({ type: 'message_stop' });
  return events;
}

async function refusal(content: unknown, more: object = {}, headers?: Record<string, string>): Promise<string> {
  const { status, text } = await askMessages(simulator, message(content, more), headers);
  expect(status, text).toBe(400);
  const { type, error } = JSON.parse(text);
  expect({ type, kind: error.type }).toEqual({ type: 'error', kind: 'invalid_request_error' });
  return error.message;
}

const types = (events: readonly MessageEvent[]) =>
  events
    .map(({ type }) => type)
    .filter((type, index, all) => type !== 'content_block_delta' || all[index - 1] !== type);

describe('an answer that is not streamed', () => {
  test('has every member that the types require', async () => {
    expect(await whole('Hello.')).toEqual({
      id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5',
      content: [{ type: 'text', text: expect.any(String) }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
        output_tokens: 12,
        output_tokens_details: { thinking_tokens: 0 },
        service_tier: 'standard',
        inference_geo: 'not_available',
      },
    });
  });

  test('has the members that are null in the new version', async () => {
    const answer = await whole('Hello.', {}, NEW);
    expect(answer).toMatchObject({ container: null, diagnostics: null, usage: { server_tool_use: null } });
    expect(answer.content).toEqual([{ type: 'text', text: expect.any(String), citations: null }]);
  });

  test('has the headers that the provider sends with every response', async () => {
    const { headers } = await askMessages(simulator, message('Hello.'));
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'request-id': simulator.bill.entries()[0]!.providerRequestId,
      'anthropic-ratelimit-requests-limit': expect.stringMatching(/^\d+$/),
      'anthropic-ratelimit-tokens-remaining': expect.stringMatching(/^\d+$/),
      'anthropic-ratelimit-input-tokens-reset': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  test('has tool calls with parsed input', async () => {
    const { content, stop_reason } = await whole('weather train', { tools: [weather, train] });
    expect(stop_reason).toBe('tool_use');
    expect(content).toEqual([
      {
        type: 'tool_use',
        id: expect.stringMatching(/^toolu_/),
        name: 'get_weather',
        input: { city: expect.any(String) },
        caller: { type: 'direct' },
      },
      {
        type: 'tool_use',
        id: expect.stringMatching(/^toolu_/),
        name: 'find_train',
        input: {},
        caller: { type: 'direct' },
      },
    ]);
  });

  test('has the same text in every protocol', async () => {
    const words = (await whole('Hello.', { model: 'any', system: 'Be brief.' })).content[0].text;
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: 'Hello.' },
    ];
    const chat = await ask(simulator, { body: { model: 'any', messages } });
    expect(JSON.parse(chat.text).choices[0].message.content).toBe(words);
    const body = { systemInstruction: { parts: [{ text: 'Be brief.' }] }, contents: [{ parts: [{ text: 'Hello.' }] }] };
    const gemini = await ask(simulator, { path: '/v1beta/models/any:generateContent', body });
    expect(JSON.parse(gemini.text).candidates[0].content.parts[0].text).toBe(words);
  });
});

describe('a stream', () => {
  test('has its events in order, with a ping', async () => {
    const events = await streamed('Hello.');
    expect(types(events)).toEqual([
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[0]!.message).toMatchObject({
      content: [],
      stop_reason: null,
      usage: { input_tokens: 10, output_tokens: 1 },
    });
    expect(events.at(-2)).toEqual({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null },
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 12,
        output_tokens_details: { thinking_tokens: 0 },
      },
    });
  });

  test('has the same blocks as the unstreamed answer', async () => {
    const more = { ...manual, tools: [weather, train] };
    const { content } = await whole('weather train', more);
    expect(blocksOfEvents(await streamed('weather train', more))).toEqual(content);
    const plain = await whole('Hello.');
    expect(textOfEvents(await streamed('Hello.'))).toBe(plain.content[0].text);
  });

  test('begins a tool with empty input and', async () => {
    const events = await streamed('weather train', { tools: [weather, train] });
    const starts = events.filter(({ type }) => type === 'content_block_start');
    expect(starts.map(({ index, content_block: block }) => [index, block!.input])).toEqual([
      [0, {}],
      [1, {}],
    ]);
    const first = events.find(({ type }) => type === 'content_block_delta');
    expect(first!.delta).toEqual({ type: 'input_json_delta', partial_json: '' });
  });

  test('ends a block of thoughts with the signature', async () => {
    const events = (await streamed('[[sim reasoning=3]]', manual)).filter(({ index }) => index === 0);
    expect(events.map(({ type, delta }) => delta?.type ?? type)).toEqual([
      'content_block_start',
      'thinking_delta',
      'thinking_delta',
      'thinking_delta',
      'signature_delta',
      'content_block_stop',
    ]);
  });

  test('with omitted thoughts has only the signature', async () => {
    const thinking = { type: 'enabled', budget_tokens: 1_024, display: 'omitted' };
    const events = (await streamed('[[sim reasoning=3]]', { thinking })).filter(({ index }) => index === 0);
    expect(events.map(({ type, delta }) => delta?.type ?? type)).toEqual([
      'content_block_start',
      'signature_delta',
      'content_block_stop',
    ]);
  });
});

describe('thinking', () => {
  test('comes before the answer, and is part of its output tokens', async () => {
    const { content, usage } = await whole('[[sim reasoning=5]]', manual);
    expect(content).toEqual([
      {
        type: 'thinking',
        thinking: expect.stringMatching(/^.{20}$/),
        signature: expect.stringMatching(/^[\w+/=]{60,}$/),
      },
      { type: 'text', text: expect.any(String) },
    ]);
    expect(usage).toMatchObject({ output_tokens: 17, output_tokens_details: { thinking_tokens: 5 } });
    expect(simulator.bill.totals()).toMatchObject({ outputTokens: 17, reasoningTokens: 5 });
  });

  test('needs no command, and is longer with more effort', async () => {
    const thought = async (effort: string) => {
      const more = { model: 'claude-opus-4-8', thinking: { type: 'adaptive' }, output_config: { effort } };
      return (await whole('Hello.', more)).usage.output_tokens_details.thinking_tokens;
    };
    expect([await thought('low'), await thought('max')]).toEqual([4, 64]);
  });

  test('is always on in some models, and its text is not shown', async () => {
    const { content } = await whole('Hello.', { model: 'claude-opus-5-5' });
    expect(content[0]).toEqual({ type: 'thinking', thinking: '', signature: expect.any(String) });
  });

  test('added by a command to a request without it is billed but not shown', async () => {
    const { content, usage } = await whole('[[sim reasoning=5]]');
    expect(content).toHaveLength(1);
    expect(usage.output_tokens).toBe(17);
  });
});

describe('a thought that is sent back', () => {
  async function think(more: object = {}) {
    const { content } = await whole('weather', { ...manual, tools: [weather], ...more });
    return content as { type: string; id: string; thinking: string; signature: string }[];
  }

  const answerTo = (assistant: readonly object[], id: string, more: object = {}) => ({
    ...message('weather', { ...manual, tools: [weather], ...more }),
    messages: [
      { role: 'user', content: 'weather' },
      { role: 'assistant', content: assistant },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'sunny' }] },
    ],
  });

  async function outcome(body: object): Promise<string> {
    const { status, text } = await askMessages(simulator, body);
    return status === 200 ? JSON.parse(text).stop_reason : JSON.parse(text).error.message;
  }

  const REFUSED = 'messages.1.content.0: Invalid `signature` in `thinking` block';

  test('is accepted unchanged, also by another simulator', async () => {
    const [thought, call] = await think();
    const body = answerTo([thought!, call!], call!.id);
    expect(await outcome(body)).toBe('end_turn');
    const other = await startSimulator({ name: 'other' });
    expect((await askMessages(other, body)).status).toBe(200);
    await other.close();
  });

  test('is accepted with empty text if it was omitted', async () => {
    const thinking = { type: 'enabled', budget_tokens: 1_024, display: 'omitted' };
    const [thought, call] = await think({ thinking });
    expect(await outcome(answerTo([thought!, call!], call!.id, { thinking }))).toBe('end_turn');
  });

  test.each([
    ['with other words', (thought: object) => ({ ...thought, thinking: 'Something else.' })],
    [
      'with another signature',
      (thought: object) => ({ ...thought, signature: 'c2lnbmF0dXJlIG9mIHNvbWVib2R5IGVsc2U=' }),
    ],
  ])('%s is refused', async (_, change) => {
    const [thought, call] = await think();
    expect(await outcome(answerTo([change(thought!), call!], call!.id))).toBe(REFUSED);
  });

  test('is refused from another model; a dated name is the same model', async () => {
    const [thought, call] = await think();
    const body = answerTo([thought!, call!], call!.id);
    expect(await outcome({ ...body, model: 'claude-haiku-4-5' })).toBe(REFUSED);
    expect(await outcome({ ...body, model: 'claude-sonnet-4-5-20250929' })).toBe('end_turn');
  });

  test('is checked even if this request does not think', async () => {
    const [thought, call] = await think();
    const { thinking: _, ...body } = answerTo([{ ...thought, thinking: 'x' }, call!], call!.id) as Record<
      string,
      unknown
    >;
    expect(await outcome(body)).toBe(REFUSED);
  });

  test('may be missing if the model decides how much it thinks', async () => {
    const [, call] = await think();
    const body = { ...answerTo([call!], call!.id), model: 'claude-opus-4-8', thinking: { type: 'adaptive' } };
    expect(await outcome(body)).toBe('end_turn');
  });

  test('is required in the last tool turn if thinking has a budget', async () => {
    const [, call] = await think();
    const message = 'messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.';
    expect(await outcome(answerTo([call!], call!.id))).toContain(message);
    const { thinking: _, ...body } = answerTo([call!], call!.id) as Record<string, unknown>;
    expect(await outcome(body)).toBe('end_turn');
  });
});

describe('what a request can ask for', () => {
  test('fewer tokens', async () => {
    expect(await whole('Hello.', { max_tokens: 5 })).toMatchObject({
      stop_reason: 'max_tokens',
      usage: { output_tokens: 5 },
    });
  });

  test('an end at a stop sequence, which is named', async () => {
    const answer = await whole('Reply with exactly: one two three', { stop_sequences: ['three', 'two'] });
    expect(answer).toMatchObject({ content: [{ text: 'one ' }], stop_reason: 'stop_sequence', stop_sequence: 'two' });
  });

  test('an answer that matches a schema', async () => {
    const schema = {
      type: 'object',
      properties: { done: { type: 'boolean' } },
      required: ['done'],
      additionalProperties: false,
    };
    const { content } = await whole('Hello.', { output_config: { format: { type: 'json_schema', schema } } });
    expect(JSON.parse(content[0].text)).toEqual({ done: expect.any(Boolean) });
  });

  test('a forced tool, and no parallel calls', async () => {
    const tools = [weather, train];
    const forced = await whole('Hello.', { tools, tool_choice: { type: 'tool', name: 'find_train' } });
    expect(forced.content.map(({ name }: { name: string }) => name)).toEqual(['find_train']);
    const single = await whole('weather train', {
      tools,
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    });
    expect(single.content).toHaveLength(1);
  });

  test('images, documents and results that are blocks', async () => {
    const content = [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'a.pdf' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' } },
      { type: 'text', text: 'What is this?' },
    ];
    expect((await whole(content)).usage.input_tokens).toBeGreaterThan(800);
  });
});

describe('the cache', () => {
  const long = 'x'.repeat(400);
  const marked = (ttl?: string) => ({ cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) } });

  test('is written up to the mark', async () => {
    const { usage } = await whole('Hello.', { system: [{ type: 'text', text: long, ...marked('1h') }] });
    expect(usage).toMatchObject({
      input_tokens: 6,
      cache_creation_input_tokens: 108,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 108 },
    });
    expect(simulator.bill.entries()[0]!.usage).toMatchObject({
      inputTokens: 114,
      cacheWriteTokens: 108,
      cachedInputTokens: 0,
    });
  });

  test('is read up to the second-last mark', async () => {
    const system = [{ type: 'text', text: long, ...marked() }];
    const { usage } = await whole([{ type: 'text', text: long, ...marked() }], { system });
    expect(usage).toMatchObject({ input_tokens: 0, cache_creation_input_tokens: 104, cache_read_input_tokens: 108 });
  });

  test('is read as far as a command sets', async () => {
    const events = await streamed('Hello. [[sim cached=8]]', marked());
    expect(events[0]!.message!.usage).toMatchObject({ cache_read_input_tokens: 8, cache_creation_input_tokens: 6 });
    expect(simulator.bill.totals().cachedInputTokens).toBe(8);
  });
});

describe('tokens', () => {
  test('counted are those billed', async () => {
    const body = message('Hello.', { tools: [weather], system: 'Be brief.' });
    const { max_tokens: _, ...counted } = body;
    const { text } = await ask(simulator, { path: '/v1/messages/count_tokens', body: counted, headers: VERSION });
    const { usage } = JSON.parse((await askMessages(simulator, body)).text);
    expect(JSON.parse(text)).toEqual({ input_tokens: usage.input_tokens });
  });

  test('are not reserved for the longest answer, nor counted against the context window', async () => {
    const small = await startSimulator({ tokens: 5, tpm: 100, contextWindow: 50 });
    const { headers } = await askMessages(small, message('Hello.', { max_tokens: 64_000 }));
    expect(headers['anthropic-ratelimit-tokens-remaining']).toBe('85');
    const long = await askMessages(small, message('[[sim tokens=70]]'));
    expect(JSON.parse(long.text).stop_reason).toBe('model_context_window_exceeded');
    await small.close();
  });
});

describe('models', () => {
  const get = async (path: string, headers: Record<string, string>) =>
    JSON.parse((await ask(simulator, { method: 'GET', path, headers })).text);

  test('are listed in the format that the header selects', async () => {
    expect(await get('/v1/models', VERSION)).toMatchObject({
      data: [{ type: 'model', id: 'sim-small', display_name: 'sim-small' }, { id: 'sim-large' }],
      has_more: false,
      first_id: 'sim-small',
      last_id: 'sim-large',
    });
    expect(await get('/v1/models', {})).toMatchObject({ object: 'list' });
    expect(await get('/v1/models/some%2Fmodel', VERSION)).toMatchObject({ type: 'model', id: 'some/model' });
  });

  test('and unknown paths get Anthropic’s not-found error', async () => {
    const { error } = await get('/v1/elsewhere', VERSION);
    expect(error.type).toBe('not_found_error');
  });
});

describe('headers', () => {
  test('must name an existing version and plausible betas', async () => {
    const without = await ask(simulator, { path: '/v1/messages', body: message('Hello.') });
    expect(JSON.parse(without.text).error.message).toBe('anthropic-version: header is required');
    expect(await refusal('Hello.', {}, { 'anthropic-version': '2024-01-01' })).toContain('is not a valid version');
    expect(await refusal('Hello.', {}, { 'anthropic-beta': 'fine-2025-01-01, nonsense' })).toContain('`nonsense`');
  });

  test('carry the key in either way; x-api-key takes precedence', async () => {
    const locked = await startSimulator({ apiKey: 'sk-ant-right' });
    const statusOf = async (headers: Record<string, string>) => {
      const { status, text } = await askMessages(locked, message('Hello.'), headers);
      return [status, JSON.parse(text).error?.message];
    };
    expect(await statusOf({ 'x-api-key': 'sk-ant-right', authorization: 'Bearer wrong' })).toEqual([200, undefined]);
    expect(await statusOf({ authorization: 'Bearer sk-ant-right' })).toEqual([200, undefined]);
    expect(await statusOf({ 'x-api-key': 'wrong' })).toEqual([401, 'invalid x-api-key']);
    expect(await statusOf({})).toEqual([401, 'x-api-key header is required']);
    await locked.close();
  });
});

describe('limits', () => {
  test('are announced and enforced as Anthropic does', async () => {
    const limited = await startSimulator({ rpm: 1 });
    const first = await askMessages(limited, message('Hello.'));
    expect(first.headers).toMatchObject({
      'anthropic-ratelimit-requests-limit': '1',
      'anthropic-ratelimit-requests-remaining': '0',
    });
    const resetMs = Date.parse(first.headers['anthropic-ratelimit-requests-reset'] as string) - Date.now();
    expect(resetMs).toBeGreaterThan(50_000);
    const refused = await askMessages(limited, message('Hello.'));
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': expect.stringMatching(/^(60|59)$/) } });
    expect(refused.headers).not.toHaveProperty('retry-after-ms');
    expect(JSON.parse(refused.text)).toEqual({
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: expect.stringContaining("exceed your organization's rate limit of 1 requests per minute"),
      },
      request_id: refused.headers['request-id'],
    });
    await limited.close();
  });
});
