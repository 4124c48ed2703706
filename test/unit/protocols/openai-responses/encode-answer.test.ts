import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { EncodableEvent, EncodeContext, JsonObject } from '#src/protocols/codec.ts';
import { encodeResponsesAnswer } from '#src/protocols/openai-responses/answer/encode-answer.ts';
import { ResponsesEncoder } from '#src/protocols/openai-responses/stream/answer-encoder.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

const usage = {
  ...NO_USAGE,
  inputTokens: 12,
  cachedInputTokens: 2,
  cacheWriteTokens: 1,
  outputTokens: 5,
  reasoningTokens: 3,
};
const shown = { cost: '0.000012345678901', charge: '0.0001' };
const gemini = { origin: 'gemini-generate-content', value: 'R2VtaW5p' } as const;

const contextFor = (clientBody: JsonObject = { model: 'asked' }): EncodeContext => ({
  ...{ requestId: 'req_abc', createdAt: 1_795_190_400, clientBody, usageDelivery: 'own-event' },
});
const start: EncodableEvent = { kind: 'answer-start', id: 'x', model: 'answering' };
const at = (part: number) => ({ choice: 0, part });
const begin = (part: number, value: Extract<EncodableEvent, { kind: 'part-start' }>['start']): EncodableEvent => ({
  ...{ kind: 'part-start', ...at(part), start: value },
});
const delta = (part: number, text: string): EncodableEvent => ({ kind: 'part-delta', ...at(part), delta: text });
const end = (part: number, more: object = {}): EncodableEvent => ({ kind: 'part-end', ...at(part), ...more });
const finish = (reason: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'pause'): EncodableEvent => ({
  ...{ kind: 'finish', choice: 0, reason },
});

interface WireEvent extends JsonObject {
  type: string;
  sequence_number: number;
  response?: JsonObject;
}

function encode(events: EncodableEvent[], clientBody?: JsonObject) {
  const encoder = new ResponsesEncoder(contextFor(clientBody));
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end(usage, shown);
  const wire = new SseSplitter().push(Buffer.from(text)).map((event) => {
    const parsed = JSON.parse(event.data!) as WireEvent;
    expect(event.name).toBe(parsed.type);
    return parsed;
  });
  return { text, wire, types: wire.map((event) => event.type), last: wire.at(-1)!, response: wire.at(-1)!.response! };
}

/** What the official helper makes of it: it throws where a rule is broken. */
function readBySdk(wire: readonly JsonObject[]) {
  const lines = wire.map((event) => Buffer.from(`${JSON.stringify(event)}\n`));
  return ResponseStream.fromReadableStream(ReadableStream.from(lines)).finalResponse();
}

function encodeWhole(parts: Part[], more: Partial<Answer['choices'][0]> = {}, clientBody?: JsonObject): JsonObject {
  const choices = [{ index: 0, parts, finishReason: 'stop' as const, ...more }];
  const answer: Answer = { id: 'x', model: 'answering', choices, usage: null };
  return JSON.parse(encodeResponsesAnswer(answer, usage, shown, contextFor(clientBody)));
}

describe('the order of events', () => {
  const opening = ['response.created', 'response.in_progress'];

  test('of a text', () => {
    const { types } = encode([
      start,
      begin(0, { kind: 'text' }),
      delta(0, 'He'),
      delta(0, 'llo'),
      end(0),
      finish('stop'),
    ]);
    expect(types).toEqual([
      ...opening,
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  test('of a refusal', () => {
    const { types, wire } = encode([start, begin(0, { kind: 'refusal' }), delta(0, 'No'), end(0), finish('stop')]);
    expect(types.slice(4, -3)).toEqual(['response.refusal.delta', 'response.refusal.done']);
    expect(wire[5]).toMatchObject({ refusal: 'No', content_index: 0 });
  });

  test('of reasoning', () => {
    const events = [start, begin(0, { kind: 'reasoning' }), delta(0, 'Hm'), end(0), finish('stop')];
    expect(encode(events).types).toEqual([
      ...opening,
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  test.each([
    ['function', false, 'response.function_call_arguments', 'arguments', 'fc_abc0'],
    ['custom tool', true, 'response.custom_tool_call_input', 'input', 'ctc_abc0'],
  ] as const)('of a call of a %s', (_name, isCustom, kind, member, id) => {
    const call = begin(0, { kind: 'tool-call', id: 'call_1', name: 'f', isCustom });
    const { types, wire } = encode([start, call, delta(0, '{"a"'), delta(0, ':1}'), end(0), finish('tool-calls')]);
    expect(types).toEqual([
      ...opening,
      'response.output_item.added',
      `${kind}.delta`,
      `${kind}.delta`,
      `${kind}.done`,
      'response.output_item.done',
      'response.completed',
    ]);
    expect(wire[2]).toMatchObject({ output_index: 0, item: { id, call_id: 'call_1', name: 'f', [member]: '' } });
    expect(wire[5]).toMatchObject({ item_id: id, output_index: 0, [member]: '{"a":1}' });
  });

  test('of everything: numbered from 0, one index per item, constant ids', async () => {
    const { wire, response, text } = encode([
      start,
      begin(0, { kind: 'reasoning', id: 'rs_own' }),
      delta(0, 'Hm'),
      end(0, { signature: { origin: 'openai-responses', value: 'gAAA' } }),
      begin(1, { kind: 'text' }),
      delta(1, 'one'),
      end(1),
      begin(2, { kind: 'text' }),
      delta(2, 'two'),
      end(2),
      begin(3, { kind: 'tool-call', id: 'call_1', name: 'f' }),
      delta(3, '{}'),
      end(3, { signature: gemini }),
      begin(4, { kind: 'tool-call', id: 'call_2', name: 'f' }),
      end(4),
      {
        kind: 'part-whole',
        ...at(5),
        value: { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
      },
      finish('tool-calls'),
    ]);
    expect(wire.map((event) => event.sequence_number)).toEqual(wire.map((_, index) => index));
    expect(text).not.toContain('[DONE]');
    const added = wire.filter((event) => event.type === 'response.output_item.added');
    const done = wire.filter((event) => event.type === 'response.output_item.done');
    expect(added.map((event) => event.output_index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(done.map((event) => event.item)).toEqual(response.output);
    const ids = (response.output as JsonObject[]).map((item) => [item.type, item.id]);
    expect(added.map((event) => [(event.item as JsonObject).type, (event.item as JsonObject).id])).toEqual(ids);
    expect(ids).toEqual([
      ['reasoning', 'rs_own'],
      ['message', 'msg_abc1'],
      ['function_call', 'fc_abc2'],
      ['reasoning', 'rs_abc3'],
      ['function_call', 'fc_abc4'],
      ['image_generation_call', 'ig_abc5'],
    ]);
    for (const event of wire) {
      if (event.item_id !== undefined) expect(event.item_id).toBe(ids[event.output_index as number]![1]);
    }
    expect(await readBySdk(wire)).toMatchObject({ id: 'resp_abc', status: 'completed', output_text: 'onetwo' });
  });
});

describe('parts', () => {
  const outputOf = (...events: EncodableEvent[]) => encode([start, ...events, finish('stop')]).response.output;

  test('that are empty leave no item', () => {
    expect(outputOf(begin(0, { kind: 'text' }), delta(0, ''), end(0), begin(1, { kind: 'reasoning' }), end(1))).toEqual(
      [],
    );
  });

  test('a call without arguments has an empty object', () => {
    expect(outputOf(begin(0, { kind: 'tool-call', id: 'c', name: 'f' }), end(0))).toMatchObject([{ arguments: '{}' }]);
  });

  test('a function that replaces the client’s custom tool becomes a call of that tool', () => {
    const events = [
      begin(0, { kind: 'tool-call', id: 'c', name: 'patch' }),
      delta(0, '{"input":'),
      delta(0, '"a\\nb"}'),
      end(0),
    ];
    const { wire, response } = encode([start, ...events, finish('tool-calls')], {
      tools: [{ type: 'custom', name: 'patch' }],
    });
    expect(wire.slice(3, 5)).toMatchObject([
      { type: 'response.custom_tool_call_input.delta', delta: 'a\nb' },
      { type: 'response.custom_tool_call_input.done', input: 'a\nb' },
    ]);
    expect(response.output).toMatchObject([{ type: 'custom_tool_call', call_id: 'c', name: 'patch', input: 'a\nb' }]);
  });

  test('citations come after their text', () => {
    const { wire, response } = encode([
      start,
      begin(0, { kind: 'text' }),
      { kind: 'part-citation', ...at(0), citation: { url: 'https://x' } },
      { kind: 'part-citation', ...at(0), citation: { citedText: 'of a document' } },
      delta(0, 'Hello'),
      { kind: 'part-citation', ...at(0), citation: { url: 'https://y', title: 'Y', startIndex: 1, endIndex: 3 } },
      end(0),
      finish('stop'),
    ]);
    const annotations = [
      { type: 'url_citation', url: 'https://x', title: 'https://x', start_index: 0, end_index: 5 },
      { type: 'url_citation', url: 'https://y', title: 'Y', start_index: 1, end_index: 3 },
    ];
    const events = wire.filter((event) => event.type === 'response.output_text.annotation.added');
    expect(events.map(({ annotation, annotation_index: index }) => [index, annotation])).toEqual(
      annotations.map((annotation, index) => [index, annotation]),
    );
    expect(response.output).toMatchObject([{ content: [{ text: 'Hello', annotations }] }]);
  });

  test('log probabilities are in the deltas and in the finished text', () => {
    const logProbabilities = [{ token: 'é', logProbability: -1, alternatives: [{ token: 'e', logProbability: -2 }] }];
    const written = [
      { token: 'é', logprob: -1, bytes: [195, 169], top_logprobs: [{ token: 'e', logprob: -2, bytes: [101] }] },
    ];
    const part: EncodableEvent = { kind: 'part-delta', ...at(0), delta: 'é', logProbabilities };
    const { wire, response } = encode([start, begin(0, { kind: 'text' }), part, end(0), finish('stop')]);
    expect(wire[4]).toMatchObject({ delta: 'é', logprobs: written });
    expect(response.output).toMatchObject([{ content: [{ logprobs: written }] }]);
    expect(encodeWhole([{ kind: 'text', text: 'é' }], { logProbabilities }).output).toEqual(response.output);
  });

  test('an image with only a URL is linked in the text', () => {
    const image: Part = { kind: 'image', source: { kind: 'url', url: 'https://x/y.png' } };
    expect(encodeWhole([{ kind: 'text', text: 'Here:' }, image]).output).toMatchObject([
      { type: 'message', content: [{ text: 'Here:' }, { text: '![image](https://x/y.png)' }] },
    ]);
  });

  test('other choices are dropped', () => {
    const { response } = encode([
      start,
      { kind: 'part-start', choice: 1, part: 0, start: { kind: 'text' } },
      finish('stop'),
    ]);
    expect(response.output).toEqual([]);
  });
});

describe('signatures of other providers', () => {
  test('on reasoning are in the item itself, redacted or not', () => {
    const signature = { origin: 'anthropic-messages', value: 'x' } as const;
    const output = encodeWhole([
      { kind: 'reasoning', text: 'Hm', signature },
      { kind: 'reasoning', text: '', signature, isRedacted: true },
    ]).output as JsonObject[];
    expect(output).toHaveLength(2);
    expect(output[0]).toMatchObject({
      summary: [{ text: 'Hm' }],
      encrypted_content: expect.stringMatching(/^sLuIcE01\w+=*$/),
    });
    expect(output[1]).toMatchObject({ summary: [], encrypted_content: expect.stringMatching(/\.redacted$/) });
  });

  test('on other parts follow them in a separate item', () => {
    const output = encodeWhole([
      { kind: 'text', text: 'a', signature: gemini },
      { kind: 'text', text: 'b' },
      { kind: 'tool-call', id: 'c', name: 'f', arguments: '{}', signature: gemini },
    ]).output as JsonObject[];
    expect(output.map((item) => item.type)).toEqual(['message', 'reasoning', 'message', 'function_call', 'reasoning']);
    expect(output[1]).toMatchObject({ summary: [], encrypted_content: expect.stringMatching(/\.before$/) });
  });
});

describe('ends', () => {
  test.each([
    ['stop', 'completed', null, 'completed'],
    ['tool-calls', 'completed', null, 'completed'],
    ['pause', 'completed', null, 'completed'],
    ['length', 'incomplete', { reason: 'max_output_tokens' }, 'incomplete'],
    ['content-filter', 'incomplete', { reason: 'content_filter' }, 'incomplete'],
    ['error', 'failed', null, 'incomplete'],
  ] as const)('%s', (reason, status, details, itemStatus) => {
    const text = [begin(0, { kind: 'text' }), delta(0, 'a'), end(0)];
    const { last, response } = encode([start, ...text, begin(1, { kind: 'reasoning' }), end(1), finish(reason)]);
    expect(last.type).toBe(`response.${status}`);
    expect(response).toMatchObject({ status, incomplete_details: details });
    expect(response.error === null).toBe(status !== 'failed');
    const { output } = encode([start, ...text, finish(reason)]).response as { output: JsonObject[] };
    expect(output[0]!.status).toBe(itemStatus);
    expect(encodeWhole([{ kind: 'text', text: 'a' }], { finishReason: reason })).toMatchObject({ status, output });
  });

  test('a stream without a finish reason is closed', () => {
    const { types, response } = encode([begin(0, { kind: 'text' }), delta(0, 'a')]);
    expect(response.output).toMatchObject([{ content: [{ text: 'a' }] }]);
    expect(types.slice(0, 2)).toEqual(['response.created', 'response.in_progress']);
    expect(types.slice(-2)).toEqual(['response.output_item.done', 'response.completed']);
  });

  test('the response has exact usage and cost, and the event also has the charge', () => {
    const { text, last } = encode([start, finish('stop')]);
    expect(text).toContain('"cost":0.000012345678901},"cost":0.0001},"cost":0.0001}\n\n');
    expect(last.response!.usage).toEqual({
      input_tokens: 12,
      input_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 17,
      cost: 0.000012345678901,
    });
  });
});

describe('the response object', () => {
  test('has every field, with OpenAI’s defaults', () => {
    expect(encodeWhole([])).toEqual({
      id: 'resp_abc',
      object: 'response',
      created_at: 1_795_190_400,
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: {},
      model: 'answering',
      output: [],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: false,
      temperature: 1,
      text: { format: { type: 'text' }, verbosity: 'medium' },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
      usage: expect.anything(),
      cost: 0.0001,
    });
  });

  test('echoes the client’s settings', () => {
    const asked = {
      instructions: 'Be brief.',
      max_output_tokens: 9,
      metadata: { a: 'b' },
      parallel_tool_calls: false,
      reasoning: { effort: 'low' },
      temperature: 0,
      text: { format: { type: 'json_object' } },
      tool_choice: 'required',
      tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }],
      top_p: 0.5,
      user: 'u',
    };
    expect(encodeWhole([], {}, asked)).toMatchObject({
      ...asked,
      reasoning: { effort: 'low', summary: null },
      text: { format: { type: 'json_object' }, verbosity: 'medium' },
      tools: [
        { type: 'function', name: 'f', description: null, parameters: null, strict: true },
        { type: 'web_search' },
      ],
    });
  });

  test('has the requested tier while it runs, and the tier that served it at the end', () => {
    const served: EncodableEvent = { kind: 'service-tier', serviceTier: 'flex' };
    const { wire, response } = encode([start, served, finish('stop')]);
    expect(wire[0]!.response).toMatchObject({ status: 'in_progress', service_tier: 'auto', output: [] });
    expect(response).toMatchObject({ service_tier: 'flex', created_at: 1_795_190_400 });
  });
});
