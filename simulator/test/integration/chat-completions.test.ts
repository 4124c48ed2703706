// The rules of OpenAI's chat protocol, streamed and not (docs/reference/openai-chat.md sections 3 and 4).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { type Chunk, chunksOf, contentOf, eventsOf } from './chat-events.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12 });
});
afterAll(() => simulator.close());

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const query = { type: 'custom', custom: { name: 'run_query' } };

async function whole(content: string, more: object = {}) {
  const { text } = await ask(simulator, { body: chat(content, more) });
  return JSON.parse(text);
}

async function streamed(content: string, more: object = {}): Promise<Chunk[]> {
  const { pieces } = await ask(simulator, { body: chat(content, { stream: true, ...more }) });
  expect(eventsOf(pieces).at(-1)).toBe('[DONE]');
  return chunksOf(pieces);
}

const withUsage = { stream_options: { include_usage: true } };

describe('an answer that is not streamed', () => {
  test('has every member that the types require', async () => {
    expect(await whole('Hello.')).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'gpt-4o',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expect.any(String), refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 12,
        total_tokens: 22,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
      service_tier: 'default',
      system_fingerprint: expect.stringMatching(/^fp_/),
    });
  });

  test('has the headers that the provider sends with every response', async () => {
    const { headers } = await ask(simulator, { body: chat('Hello.') });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'openai-processing-ms': expect.stringMatching(/^\d+$/),
      'x-ratelimit-limit-requests': expect.stringMatching(/^\d+$/),
      'x-ratelimit-remaining-tokens': expect.stringMatching(/^\d+$/),
      'x-ratelimit-reset-requests': '0s',
    });
  });

  test('has the same text as the stream of the same request', async () => {
    const { choices } = await whole('Hello.');
    expect(contentOf(await streamed('Hello.'))).toBe(choices[0].message.content);
  });

  test('shows which tokens were cached and which were reasoning', async () => {
    const { usage } = await whole('[[sim cached=5 reasoning=4]]');
    expect(usage.prompt_tokens_details.cached_tokens).toBe(5);
    expect(usage).toMatchObject({ completion_tokens: 16, completion_tokens_details: { reasoning_tokens: 4 } });
  });

  test('has tool calls without an index, and no content', async () => {
    const { choices } = await whole('weather query', { tools: [weather, query] });
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    expect(choices[0].message.tool_calls).toEqual([
      {
        id: expect.stringMatching(/^call_/),
        type: 'function',
        function: { name: 'get_weather', arguments: expect.stringMatching(/^\{"city":"/) },
      },
      { id: expect.stringMatching(/^call_/), type: 'custom', custom: { name: 'run_query', input: expect.any(String) } },
    ]);
  });
});

describe('a stream', () => {
  test('begins with the role, ends with the finish reason, and has one id throughout', async () => {
    const chunks = await streamed('Hello.');
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '', refusal: null });
    expect(chunks.at(-1)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(new Set(chunks.map(({ id, object, model, created }) => `${id} ${object} ${model} ${created}`)).size).toBe(1);
    expect(chunks[0]!.object).toBe('chat.completion.chunk');
  });

  test('has one token in each chunk', async () => {
    const chunks = (await streamed('Hello.')).slice(1, -1);
    expect(chunks.map(({ choices }) => Buffer.byteLength(choices[0]!.delta.content!))).toEqual(Array(12).fill(4));
  });

  test('has no usage unless requested', async () => {
    for (const chunk of await streamed('Hello.')) expect(chunk).not.toHaveProperty('usage');
  });

  test('with usage requested has it null in every chunk, and the sums in one more chunk', async () => {
    const chunks = await streamed('Hello.', withUsage);
    const last = chunks.pop()!;
    expect(last).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 12, total_tokens: 22 },
    });
    for (const chunk of chunks) expect(chunk.usage).toBeNull();
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop');
  });

  test('interleaves several choices and finishes each', async () => {
    const chunks = await streamed('Hello.', { n: 3, ...withUsage });
    const order = chunks.flatMap(({ choices }) => choices.map(({ index }) => index));
    expect(order.slice(0, 6)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason === 'stop')).toHaveLength(3);
    expect(chunks.at(-1)!.usage!.completion_tokens).toBe(36);
  });

  test('names a tool call once, then sends its arguments', async () => {
    const chunks = await streamed('weather', { tools: [weather] });
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: null, refusal: null });
    const [first, ...rest] = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(first).toEqual({
      index: 0,
      id: expect.stringMatching(/^call_/),
      type: 'function',
      function: { name: 'get_weather', arguments: '' },
    });
    for (const call of rest) expect(call).toEqual({ index: 0, function: { arguments: expect.any(String) } });
    const json = rest.map((call) => call.function!.arguments).join('');
    expect(JSON.parse(json)).toEqual({ city: expect.any(String) });
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('tool_calls');
  });

  test('numbers parallel tool calls', async () => {
    const chunks = await streamed('weather query', { tools: [weather, query] });
    const calls = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(calls.filter(({ id }) => id !== undefined).map(({ index }) => index)).toEqual([0, 1]);
    expect(calls.at(-1)).toEqual({ index: 1, custom: { input: expect.any(String) } });
  });

  test('shows reasoning only if requested, but spends its time and tokens anyway', async () => {
    const hidden = await streamed('[[sim reasoning=3]]', withUsage);
    expect(hidden.filter(({ choices }) => choices[0]?.delta.content)).toHaveLength(12);
    expect(hidden.at(-1)!.usage!.completion_tokens).toBe(15);
    const shown = await streamed('[[sim reasoning=3 thoughts=shown]]');
    expect(shown.filter(({ choices }) => choices[0]?.delta.reasoning_content)).toHaveLength(3);
  });

  test('has a refusal in its own member, without content', async () => {
    const chunks = await streamed('[[sim refusal=3]]');
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: null, refusal: null });
    const refusal = chunks.map(({ choices }) => choices[0]!.delta.refusal ?? '').join('');
    const { choices } = await whole('[[sim refusal=3]]');
    expect(choices[0]).toMatchObject({ message: { content: null, refusal }, finish_reason: 'stop' });
    expect(refusal).toHaveLength(12);
  });

  test('has its role, finish reason and usage even without a token', async () => {
    const chunks = await streamed('[[sim tokens=0]]', withUsage);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, 'stop', undefined]);
  });
});

describe('what a request can ask for', () => {
  test('fewer tokens', async () => {
    const { choices, usage } = await whole('Hello.', { max_completion_tokens: 5 });
    expect(choices[0].finish_reason).toBe('length');
    expect(usage.completion_tokens).toBe(5);
  });

  test('an answer that matches a schema', async () => {
    const schema = { type: 'object', properties: { done: { type: 'boolean' } }, required: ['done'] };
    const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const { choices } = await whole('Hello.', { response_format });
    expect(JSON.parse(choices[0].message.content)).toEqual({ done: expect.any(Boolean) });
  });

  test('text after the tools’ results', async () => {
    const body = {
      model: 'gpt-4o',
      tools: [weather],
      tool_choice: 'required',
      messages: [
        { role: 'user', content: 'weather' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
      ],
    };
    const { text } = await ask(simulator, { body });
    expect(JSON.parse(text).choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.any(String) },
    });
  });
});

describe('the pace', () => {
  test('is kept over a whole stream and for an unstreamed answer', async () => {
    for (const stream of [true, false]) {
      const begunMs = performance.now();
      await ask(simulator, { body: chat('[[sim tokens=21 pace=5 first=50]]', { stream }) });
      expect(performance.now() - begunMs).toBeGreaterThanOrEqual(145);
    }
  });

  test('sends the headers together with the first token', async () => {
    const { headers } = await ask(simulator, { body: chat('[[sim first=40]]', { stream: true }) });
    expect(Number(headers['openai-processing-ms'])).toBeGreaterThanOrEqual(39);
  });
});

describe('a large answer', () => {
  test('arrives complete at a reader of any speed', async () => {
    const chunks = await streamed('[[sim tokens=30000]]', withUsage);
    expect(chunks.at(-1)!.usage!.completion_tokens).toBe(30_000);
    expect(Buffer.byteLength(contentOf(chunks))).toBe(120_000);
  });
});
