// The rules of OpenAI's Responses protocol, streamed and not (docs/reference/openai-responses.md sections 4 and 5).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat, openRequest } from './client.ts';
import { order, type ResponsesEvent, responsesEvents, spokenText } from './responses-events.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12, name: 'primary' });
});
afterAll(() => simulator.close());

const path = '/v1/responses';
const weather = {
  type: 'function',
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const query = { type: 'custom', name: 'run_query' };
const input = 'Hello.';

async function whole(more: object = {}) {
  const { text } = await ask(simulator, { path, body: { model: 'gpt-4o', input, ...more } });
  return JSON.parse(text);
}

async function streamed(more: object = {}): Promise<ResponsesEvent[]> {
  const body = { model: 'gpt-4o', input, stream: true, ...more };
  const { text, pieces } = await ask(simulator, { path, body });
  expect(text).not.toContain('[DONE]');
  return responsesEvents(pieces);
}

/** Ids, and what is encrypted, differ from answer to answer. */
const sameness = (output: readonly object[]) => output.map((item) => ({ ...item, id: '', encrypted_content: '' }));

describe('an answer that is not streamed', () => {
  test('has every member that the types require, and repeats its request', async () => {
    const body = {
      instructions: 'Be brief.',
      tools: [weather, query],
      metadata: { team: 'a' },
      temperature: 0.5,
      text: { verbosity: 'low' },
      service_tier: 'flex',
      store: false,
      max_output_tokens: 100,
    };
    expect(await whole(body)).toEqual({
      id: expect.stringMatching(/^resp_[0-9a-f]{32}$/),
      object: 'response',
      created_at: expect.any(Number),
      completed_at: expect.any(Number),
      status: 'completed',
      error: null,
      incomplete_details: null,
      output: [
        {
          id: expect.stringMatching(/^msg_[0-9a-f]{34}$/),
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: expect.any(String), annotations: [], logprobs: [] }],
        },
      ],
      usage: {
        input_tokens: expect.any(Number),
        input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
        output_tokens: 12,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: expect.any(Number),
      },
      background: false,
      instructions: 'Be brief.',
      max_output_tokens: 100,
      max_tool_calls: null,
      metadata: { team: 'a' },
      model: 'gpt-4o',
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'flex',
      store: false,
      temperature: 0.5,
      text: { format: { type: 'text' }, verbosity: 'low' },
      tool_choice: 'auto',
      tools: [
        { ...weather, description: null, strict: true },
        { ...query, format: { type: 'text' } },
      ],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
    });
  });

  test('has the same text as Chat Completions', async () => {
    const { text } = await ask(simulator, { body: chat(input) });
    expect((await whole()).output[0].content[0].text).toBe(JSON.parse(text).choices[0].message.content);
  });

  test('has the headers that the provider sends with every response', async () => {
    const { headers } = await ask(simulator, { path, body: { model: 'gpt-4o', input } });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'x-ratelimit-limit-requests': expect.stringMatching(/^\d+$/),
    });
  });

  test('has a call with an item id and a call id for its result', async () => {
    const { output, status } = await whole({ input: 'weather query', tools: [weather, query] });
    expect(status).toBe('completed');
    expect(output).toEqual([
      {
        id: expect.stringMatching(/^fc_/),
        type: 'function_call',
        call_id: expect.stringMatching(/^call_/),
        name: 'get_weather',
        arguments: expect.stringMatching(/^\{"city":"/),
        status: 'completed',
      },
      {
        id: expect.stringMatching(/^ctc_/),
        type: 'custom_tool_call',
        call_id: expect.stringMatching(/^call_/),
        name: 'run_query',
        input: expect.any(String),
        status: 'completed',
      },
    ]);
  });

  test('shows which tokens were cached and which were reasoning, as the bill does', async () => {
    const { usage } = await whole({ input: '[[sim cached=5 reasoning=4]]' });
    expect(usage).toMatchObject({
      input_tokens_details: { cached_tokens: 5, cache_write_tokens: 0 },
      output_tokens: 16,
      output_tokens_details: { reasoning_tokens: 4 },
    });
    expect(simulator.bill.entries().at(-1)!.usage).toMatchObject({
      inputTokens: usage.input_tokens,
      cachedInputTokens: 5,
      outputTokens: 16,
      reasoningTokens: 4,
    });
  });

  test('matches a schema', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const { output } = await whole({ text: { format: { type: 'json_schema', name: 'count', schema } } });
    expect(JSON.parse(output[0].content[0].text)).toEqual({ n: expect.any(Number) });
  });

  test('equals the complete response at the end of the stream', async () => {
    for (const more of [
      {},
      { input: 'weather query', tools: [weather, query] },
      { model: 'o3', reasoning: { summary: 'auto' } },
    ]) {
      const { output, usage } = await whole(more);
      const { response } = (await streamed(more)).at(-1)!;
      expect(sameness(response!.output)).toEqual(sameness(output));
      expect(response!.usage).toEqual(usage);
    }
  });
});

describe('a stream', () => {
  test('has every event of a message in order, each named twice', async () => {
    const events = await streamed();
    expect(order(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta × 12',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
    const { text } = await ask(simulator, { path, body: { model: 'gpt-4o', input, stream: true } });
    for (const [, name, type] of text.matchAll(/^event: (.*)\ndata: \{"type":"([^"]*)"/gm)) expect(name).toBe(type);
    expect(text.match(/^event: /gm)).toHaveLength(events.length);
  });

  test('has the text in pieces, and complete three times', async () => {
    const events = await streamed();
    const text = spokenText(events);
    expect(text).toHaveLength(48);
    const wholes = events.flatMap(({ type, text: said, part, item, response }) => {
      if (type === 'response.output_text.done') return [said];
      if (type === 'response.content_part.done') return [(part as { text: string }).text];
      if (type === 'response.output_item.done') return [item!.content![0]!.text];
      return type === 'response.completed' ? [response!.output[0]!.content![0]!.text] : [];
    });
    expect(wholes).toEqual([text, text, text, text]);
  });

  test('has one response id throughout, without output or usage until its end', async () => {
    const events = await streamed();
    const responses = events.flatMap(({ response }) => (response === undefined ? [] : [response]));
    expect(new Set(responses.map(({ id }) => id)).size).toBe(1);
    for (const response of responses.slice(0, 2)) {
      expect(response).toMatchObject({
        status: 'in_progress',
        output: [],
        usage: null,
        completed_at: null,
        service_tier: 'auto',
      });
    }
    expect(responses[2]).toMatchObject({ status: 'completed', usage: { output_tokens: 12 }, service_tier: 'default' });
    expect(Object.keys(responses[0]!).sort()).toEqual(Object.keys(responses[2]!).sort());
  });

  test('gives every item one id and one index from start to end', async () => {
    const events = await streamed({ model: 'gpt-5', input: 'weather query', tools: [weather, query] });
    const { output } = events.at(-1)!.response!;
    expect(output.map(({ type }) => type)).toEqual(['reasoning', 'function_call', 'custom_tool_call']);
    for (const { item, item_id, output_index } of events) {
      if (output_index === undefined) continue;
      expect(item?.id ?? item_id).toBe(output[output_index]!.id);
      if (item?.call_id) expect(item.call_id).toBe(output[output_index]!.call_id);
    }
  });

  test('begins before its first token', async () => {
    const open = openRequest(simulator, {
      path,
      body: { model: 'gpt-4o', input: '[[sim first=60000]]', stream: true },
    });
    await open.received((text) => text.includes('response.in_progress'));
    expect(simulator.stats().openStreams).toBe(0);
    open.abort();
    const { text } = await open.heard;
    expect(text).not.toContain('output_item');
  });

  test('has tool arguments in pieces', async () => {
    const events = await streamed({ input: 'weather query', tools: [weather, query] });
    expect(order(events).map((name) => name.replace(/ ×.*/, ''))).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'output_item.added',
      'custom_tool_call_input.delta',
      'custom_tool_call_input.done',
      'output_item.done',
      'completed',
    ]);
    const added = events.find(({ type }) => type === 'response.output_item.added')!.item!;
    expect(added).toMatchObject({ type: 'function_call', name: 'get_weather', arguments: '', status: 'in_progress' });
    const deltas = events.filter(({ type }) => type === 'response.function_call_arguments.delta');
    const done = events.find(({ type }) => type === 'response.function_call_arguments.done')!;
    expect(deltas.map(({ delta }) => delta).join('')).toBe(done.arguments);
  });

  test('pads its deltas if requested', async () => {
    const events = await streamed({ stream_options: { include_obfuscation: true } });
    for (const { type, delta, obfuscation } of events) {
      if (type === 'response.output_text.delta') expect(delta + String(obfuscation)).toHaveLength(16);
    }
  });
});

describe('reasoning', () => {
  const model = 'gpt-5';

  test('that was not requested takes time and tokens but is not shown', async () => {
    const events = await streamed({ model });
    expect(order(events).slice(0, 5)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'output_item.done',
      'output_item.added',
    ]);
    const { output, usage, reasoning } = events.at(-1)!.response!;
    expect(output[0]).toMatchObject({ type: 'reasoning', summary: [], encrypted_content: expect.any(String) });
    expect(usage).toMatchObject({ output_tokens: 28, output_tokens_details: { reasoning_tokens: 16 } });
    expect(reasoning).toEqual({ effort: 'medium', summary: null });
    expect(simulator.bill.entries().at(-1)!.usage).toMatchObject({ outputTokens: 28, reasoningTokens: 16 });
  });

  test('is summarised if requested', async () => {
    const events = await streamed({ model, reasoning: { effort: 'low', summary: 'auto' } });
    expect(order(events).slice(2, 8)).toEqual([
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta × 8',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
    ]);
    const [thought] = events.at(-1)!.response!.output;
    expect(thought!.summary![0]!.text).toHaveLength(32);
  });

  test('is encrypted differently in each event', async () => {
    const events = await streamed({ model });
    const first = (type: string) => events.find((event) => event.type === type)!.item!.encrypted_content;
    const last = events.at(-1)!.response!.output[0]!.encrypted_content;
    const all = [first('response.output_item.added'), first('response.output_item.done'), last];
    expect(new Set(all).size).toBe(3);
  });

  test('with a length set by a command ignores the effort', async () => {
    const { usage } = await whole({
      model,
      input: '[[sim reasoning=3 thoughts=shown]]',
      reasoning: { effort: 'high' },
    });
    expect(usage.output_tokens_details.reasoning_tokens).toBe(3);
  });

  test('can be the only output', async () => {
    const response = await whole({ model, reasoning: { effort: 'max' }, max_output_tokens: 16 });
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(response.output.map(({ type }: { type: string }) => type)).toEqual(['reasoning']);
  });
});

describe('the end', () => {
  test('of an answer that is too long is incomplete, streamed and unstreamed', async () => {
    const more = { input: '[[sim tokens=40]]', max_output_tokens: 16 };
    const expected = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, completed_at: null };
    expect(await whole(more)).toMatchObject({ ...expected, usage: { output_tokens: 16 } });
    const events = await streamed(more);
    expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: expected });
    expect(events.at(-2)!.item).toMatchObject({ type: 'message', status: 'incomplete' });
  });

  test('of a refusal has its own events and content', async () => {
    const events = await streamed({ input: '[[sim refusal=5]]' });
    expect(order(events).slice(3, 7)).toEqual([
      'content_part.added',
      'refusal.delta × 5',
      'refusal.done',
      'content_part.done',
    ]);
    const { output, status } = events.at(-1)!.response!;
    expect(output[0]!.content).toEqual([{ type: 'refusal', refusal: expect.stringMatching(/^.{20}$/) }]);
    expect(status).toBe('completed');
  });

  test('of an empty answer is a message without text', async () => {
    const events = await streamed({ input: '[[sim tokens=0]]' });
    expect(order(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
  });
});

describe('a second turn', () => {
  async function turns(from: Simulator, to: Simulator, change: (items: { encrypted_content?: string }[]) => void) {
    const tools = [weather];
    const first = await ask(from, { path, body: { model: 'gpt-5', input: 'weather', tools } });
    const { output } = JSON.parse(first.text);
    change(output);
    const call = output.find(({ type }: { type: string }) => type === 'function_call');
    const result = { type: 'function_call_output', call_id: call.call_id, output: 'sunny' };
    const items = [{ role: 'user', content: 'weather' }, ...output, result];
    return ask(to, { path, body: { model: 'gpt-5', input: items, tools, store: false } });
  }

  test('with the first turn’s items is answered with text', async () => {
    const { status, text } = await turns(simulator, simulator, () => {});
    expect(status).toBe(200);
    expect(JSON.parse(text).output.map(({ type }: { type: string }) => type)).toEqual(['reasoning', 'message']);
  });

  test('with altered reasoning is refused', async () => {
    const { status, text } = await turns(simulator, simulator, ([thought]) => {
      thought!.encrypted_content = `${thought!.encrypted_content!.slice(0, -4)}AAAA`;
    });
    expect({ status, ...JSON.parse(text).error }).toMatchObject({ status: 400, code: 'invalid_encrypted_content' });
  });

  test('at another account is refused, unless the reasoning is left out', async () => {
    const other = await startSimulator({ name: 'secondary' });
    const refused = await turns(simulator, other, () => {});
    expect(JSON.parse(refused.text).error.code).toBe('invalid_encrypted_content');
    expect((await turns(simulator, other, (items) => items.shift())).status).toBe(200);
    await other.close();
  });
});

describe('other requests', () => {
  test('token counts equal what would be billed', async () => {
    const body = {
      model: 'gpt-4o',
      instructions: 'Be brief.',
      input: [{ role: 'user', content: input }],
      tools: [weather],
    };
    const { text } = await ask(simulator, { path: `${path}/input_tokens`, body });
    const { usage } = await whole(body);
    expect(JSON.parse(text)).toEqual({ object: 'response.input_tokens', input_tokens: usage.input_tokens });
  });

  test.each([
    ['GET', '/resp_1'],
    ['DELETE', '/resp_1'],
    ['POST', '/resp_1/cancel'],
    ['GET', '/resp_1/input_items'],
  ])('%s %s is not found', async (method, rest) => {
    const { status, text } = await ask(simulator, { method, path: path + rest });
    expect({ status, ...JSON.parse(text).error }).toMatchObject({
      status: 404,
      type: 'invalid_request_error',
      message: "Response with id 'resp_1' not found.",
    });
  });

  test('a prompt that is too long and a misspelt command are refused in the protocol’s format', async () => {
    const errorOf = async (text: string) =>
      JSON.parse((await ask(simulator, { path, body: { model: 'gpt-4o', input: text } })).text).error;
    expect(await errorOf('x'.repeat(600_000))).toMatchObject({ code: 'context_length_exceeded', param: 'input' });
    expect(await errorOf('[[sim fualt=500]]')).toMatchObject({ param: 'input' });
  });
});
