import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { decodeResponsesAnswer } from '#src/protocols/openai-responses/answer/decode-answer.ts';
import { ResponsesDecoder } from '#src/protocols/openai-responses/stream/answer-decoder.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { ANSWER, ANSWERING_MODEL, CALL, CREATED_AT, REASONING, REFUSAL } from '#test/fixtures/protocols/fixtures.ts';
import { fixtures } from '#test/fixtures/protocols/openai-responses.ts';
import { volume } from '#test/support/runs.ts';
import { collect } from './collect-answer.ts';

const context = { requestId: 'req_abc' };
/** Streams are cut at every eighth byte, from another one on in each run; in `npm run test:long` at every byte. */
const STRIDE = volume(8, 1);

function decodeStream(text: string, cutAt?: number): AnswerEvent[] {
  const decoder = new ResponsesDecoder(context);
  const splitter = new SseSplitter();
  const bytes = Buffer.from(text);
  const chunks = cutAt === undefined ? [bytes] : [bytes.subarray(0, cutAt), bytes.subarray(cutAt)];
  const events = chunks.flatMap((chunk) => splitter.push(chunk)).flatMap((event) => decoder.decode(event));
  return [...events, ...decoder.close()];
}

function decodeWhole(body: unknown) {
  const answer = decodeResponsesAnswer(body, context);
  if (isFailure(answer)) throw new Error(answer.message);
  return answer;
}

const sse = (...events: JsonObject[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
const added = (index: number, item: JsonObject) => ({ type: 'response.output_item.added', output_index: index, item });
const done = (index: number, item: JsonObject) => ({ type: 'response.output_item.done', output_index: index, item });
const textDelta = (index: number, delta: string, content = 0) => ({
  ...{ type: 'response.output_text.delta', output_index: index, content_index: content, delta },
});
const completed = (members: JsonObject = {}) => ({
  type: 'response.completed',
  response: { id: 'resp_1', ...members },
});
const message = (text: string, more: JsonObject = {}) => ({
  type: 'message',
  content: [{ type: 'output_text', text, annotations: [], ...more }],
});
const call = (id: string, text: string) => ({ type: 'function_call', call_id: id, name: id, arguments: text });
const partsOf = (...events: JsonObject[]) => collect(decodeStream(sse(...events))).parts;

describe('the fixtures', () => {
  const reasoning = {
    kind: 'reasoning',
    id: 'rs_1',
    text: REASONING,
    signature: { origin: 'openai-responses', value: 'gAAAAABn-what-was-thought' },
  };
  const toolCall = { kind: 'tool-call', id: 'call_1', name: 'get_weather', arguments: JSON.stringify(CALL.arguments) };

  test.each([
    ['text', [{ kind: 'text', text: ANSWER }], 'stop'],
    ['reasoning', [reasoning, { kind: 'text', text: ANSWER }], 'stop'],
    ['tool-call', [toolCall], 'tool-calls'],
    ['parallel-tool-calls', [toolCall, { ...toolCall, id: 'call_2', arguments: '{"city":"London"}' }], 'tool-calls'],
    ['truncated', [{ kind: 'text', text: 'It is sunny' }], 'length'],
    ['refusal', [{ kind: 'refusal', text: REFUSAL }], 'stop'],
    ['cached-usage', [{ kind: 'text', text: ANSWER }], 'stop'],
  ] as const)('%s, whole and streamed', (name, parts, finishReason) => {
    const { whole, stream } = fixtures.answers[name];
    const answer = decodeWhole(whole);
    expect(answer).toEqual({
      id: 'resp_1',
      model: ANSWERING_MODEL,
      createdAt: CREATED_AT,
      serviceTier: 'default',
      choices: [{ index: 0, parts, finishReason }],
      usage: {
        inputTokens: 120,
        cachedInputTokens: name === 'cached-usage' ? 20 : 0,
        cacheWriteTokens: 0,
        outputTokens: 45,
        reasoningTokens: name === 'reasoning' ? 15 : 0,
        isEstimated: false,
      },
    });
    const events = decodeStream(stream);
    expect(collect(events)).toMatchObject({ parts, finishReason, usage: answer.usage, serviceTier: 'default' });
    expect(events[0]).toEqual({ kind: 'answer-start', id: 'resp_1', model: ANSWERING_MODEL, createdAt: CREATED_AT });
    expect(events.at(-1)).toEqual({ kind: 'end' });
  });

  test.each(Object.entries(fixtures.answers))('%s, split at every byte, is the same', (_name, { stream }) => {
    const expected = JSON.stringify(decodeStream(stream));
    const first = 1 + Math.floor(Math.random() * STRIDE);
    for (let at = first; at < Buffer.byteLength(stream); at += STRIDE) {
      if (JSON.stringify(decodeStream(stream, at)) !== expected) expect.fail(`differs when cut at ${at}`);
    }
  });
});

describe('items', () => {
  const image = { type: 'image_generation_call', status: 'completed', result: 'AAAA', output_format: 'webp' };
  const citation = { type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 2 };

  test.each<[string, JsonObject, object[]]>([
    [
      'a custom call',
      { type: 'custom_tool_call', call_id: 'c', name: 'n', input: 'free' },
      [{ isCustom: true, arguments: 'free' }],
    ],
    ['an image', image, [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/webp', data: 'AAAA' } }]],
    ['an image that did not come', { ...image, result: null }, []],
    [
      'reasoning text',
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'r' }] },
      [{ kind: 'reasoning', text: 'r' }],
    ],
    ['reasoning that shows nothing', { type: 'reasoning', summary: [], encrypted_content: null }, []],
    [
      'cited text',
      message('Hi', { annotations: [citation, { type: 'file_path' }] }),
      [{ citations: [{ url: 'u', title: 't', startIndex: 0, endIndex: 2 }] }],
    ],
    [
      'a call without an id',
      { type: 'function_call', name: 'n', arguments: '{}' },
      [{ kind: 'tool-call', id: 'call_abc0' }],
    ],
    ['a web search', { type: 'web_search_call', id: 'ws' }, []],
    ['an item of tomorrow', { type: 'of_tomorrow', content: [{ text: 'x' }] }, []],
    [
      'content of tomorrow',
      { type: 'message', content: [{ type: 'smell' }, { type: 'output_text', text: 'a' }] },
      [{ text: 'a' }],
    ],
  ])('%s, whole and streamed', (_name, item, parts) => {
    const whole = decodeWhole({ output: [item] }).choices[0]!.parts;
    expect(whole).toMatchObject(parts);
    expect(whole).toHaveLength(parts.length);
    expect(partsOf(added(0, { type: item.type }), done(0, item), completed())).toMatchObject(parts);
  });

  test('log probabilities', () => {
    const logprobs = [{ token: 'Hi', logprob: -0.5, bytes: [72, 105], top_logprobs: [{ token: 'Ho', logprob: -2 }] }];
    const expected = [
      { token: 'Hi', logProbability: -0.5, bytes: [72, 105], alternatives: [{ token: 'Ho', logProbability: -2 }] },
    ];
    expect(decodeWhole({ output: [message('Hi', { logprobs })] }).choices[0]!.logProbabilities).toEqual(expected);
    const events = decodeStream(sse({ ...textDelta(0, 'Hi'), logprobs }, completed()));
    expect(events.find((event) => event.kind === 'part-delta')).toMatchObject({ logProbabilities: expected });
  });

  test('the cost reported by the provider', () => {
    const usage = { input_tokens: 1, output_tokens: 2, cost: 0.0000125 };
    expect(decodeWhole({ output: [], usage }).usage!.reportedCost).toBe(12_500_000n);
    const events = decodeStream(sse(completed({ usage })));
    expect(events.find((event) => event.kind === 'usage')).toMatchObject({ usage: { reportedCost: 12_500_000n } });
  });
});

describe('a stream', () => {
  test('several contents of a message are parts, one after the other', () => {
    const item = { type: 'message', content: [...message('ab').content, ...message('c').content] };
    const events = [
      added(0, { type: 'message' }),
      textDelta(0, 'a'),
      textDelta(0, 'b'),
      textDelta(0, 'c', 1),
      done(0, item),
    ];
    expect(partsOf(...events, completed())).toMatchObject([{ text: 'ab' }, { text: 'c' }]);
  });

  test('several parts of a summary are one text', () => {
    const delta = (index: number, text: string) => ({
      ...{ type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: index, delta: text },
    });
    const summary = [{ text: 'a' }, { text: 'b' }];
    const item = { id: 'rs', type: 'reasoning', summary, encrypted_content: 'gAAA' };
    const announced = added(0, { id: 'rs', type: 'reasoning' });
    const expected = [{ kind: 'reasoning', id: 'rs', text: 'a\n\nb', signature: { value: 'gAAA' } }];
    expect(partsOf(announced, delta(0, 'a'), delta(1, 'b'), done(0, item), completed())).toMatchObject(expected);
    expect(partsOf(announced, done(0, item), completed())).toMatchObject(expected);
  });

  test('of reasoning text and summary, the first to arrive is read', () => {
    const text = { type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: 'long' };
    const summary = {
      type: 'response.reasoning_summary_text.delta',
      output_index: 0,
      summary_index: 0,
      delta: 'short',
    };
    const item = { type: 'reasoning', content: [{ text: 'long' }], summary: [{ text: 'short' }] };
    expect(partsOf(text, summary, done(0, item), completed())).toMatchObject([{ text: 'long' }]);
    expect(partsOf(summary, text, done(0, item), completed())).toMatchObject([{ text: 'short' }]);
  });

  test('ids that change between events are ignored', () => {
    const delta = { ...textDelta(0, 'Hi'), item_id: 'b' };
    expect(
      partsOf(added(0, { type: 'message', id: 'a' }), delta, done(0, { ...message('Hi'), id: 'c' }), completed()),
    ).toEqual([{ kind: 'text', text: 'Hi' }]);
  });

  test('overlapping items are read one after the other', () => {
    const args = (index: number, delta: string) => ({
      ...{ type: 'response.function_call_arguments.delta', output_index: index, delta },
    });
    const parts = partsOf(
      added(0, call('a', '')),
      added(1, call('b', '')),
      args(1, '{"b"'),
      args(0, '{"a"'),
      args(1, ':1}'),
      args(0, ':1}'),
      done(1, call('b', '{"b":1}')),
      done(0, call('a', '{"a":1}')),
      completed(),
    );
    expect(parts).toMatchObject([
      { id: 'a', arguments: '{"a":1}' },
      { id: 'b', arguments: '{"b":1}' },
    ]);
  });

  test('content that was not streamed is read from the finished item', () => {
    const cut = [
      added(0, call('a', '')),
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"x"' },
    ];
    expect(partsOf(...cut, done(0, call('a', '{"x":1}')), completed())).toMatchObject([{ arguments: '{"x":1}' }]);
    expect(partsOf(textDelta(0, 'He'), done(0, message('Hello')), completed())).toMatchObject([{ text: 'Hello' }]);
  });

  test('unfinished items, and everything that was not streamed, are read from the last event', () => {
    const output = [message('Hello'), call('a', '{}')];
    expect(partsOf(textDelta(0, 'He'), completed({ output }))).toMatchObject([{ text: 'Hello' }]);
    expect(partsOf(completed({ output }))).toMatchObject([{ text: 'Hello' }, { id: 'a', arguments: '{}' }]);
    expect(partsOf(textDelta(0, 'He'), completed())).toMatchObject([{ text: 'He' }]);
  });

  test('nothing is read twice', () => {
    const item = message('Hi', { annotations: [{ type: 'url_citation', url: 'u' }] });
    const cited = {
      type: 'response.output_text.annotation.added',
      output_index: 0,
      content_index: 0,
      annotation: { type: 'url_citation', url: 'u' },
    };
    const partDone = { type: 'response.content_part.done', output_index: 0, content_index: 0, part: item.content[0] };
    const events = [
      textDelta(0, 'Hi'),
      cited,
      partDone,
      done(0, item),
      textDelta(0, 'late'),
      completed({ output: [item] }),
    ];
    expect(partsOf(...events)).toEqual([{ kind: 'text', text: 'Hi', citations: [{ url: 'u' }] }]);
  });

  test('unknown events, comments, keep-alives and [DONE] are ignored', () => {
    const strange = sse({ type: 'keepalive', sequence_number: 1 }, { type: 'response.of_tomorrow', x: 1 });
    const text = `: ping\n\nevent: ping\n\n${strange}${fixtures.answers.text.stream}data: [DONE]\n\n`;
    expect(decodeStream(text)).toEqual(decodeStream(fixtures.answers.text.stream));
  });

  test('the tier that served it and usage come with the end', () => {
    const events = decodeStream(fixtures.answers.text.stream).map((event) => event.kind);
    expect(events.slice(-4)).toEqual(['service-tier', 'usage', 'finish', 'end']);
  });

  test('that is closed early has no end', () => {
    const { stream } = fixtures.answers.text;
    const events = decodeStream(stream.slice(0, stream.indexOf('event: response.output_text.done')));
    expect(events.at(-1)).toEqual({ kind: 'part-end', choice: 0, part: 0 });
    expect(events.some((event) => event.kind === 'finish' || event.kind === 'end')).toBe(false);
  });
});

describe('ends', () => {
  test.each<[string, JsonObject, string]>([
    ['completed', { status: 'completed' }, 'stop'],
    ['of no status', {}, 'stop'],
    ['cut short', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'length'],
    ['filtered', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'content-filter'],
    ['for a reason of tomorrow', { status: 'incomplete', incomplete_details: { reason: 'tired' } }, 'length'],
    ['for no reason', { status: 'incomplete', incomplete_details: null }, 'length'],
  ])('%s', (_name, members, expected) => {
    expect(decodeWhole({ output: [message('x')], ...members }).choices[0]!.finishReason).toBe(expected);
    const type = `response.${members.status ?? 'completed'}`;
    expect(collect(decodeStream(sse({ type, response: members }))).finishReason).toBe(expected);
  });

  test.each<[string, unknown, string]>([
    ['no object', 'text', 'upstream_malformed'],
    ['nothing', null, 'upstream_malformed'],
    ['another object', { object: 'list' }, 'upstream_malformed'],
    ['one that is not finished', { status: 'queued', output: [] }, 'upstream_malformed'],
    ['one that was cancelled', { status: 'cancelled', output: [] }, 'upstream_malformed'],
    [
      'one that failed',
      { status: 'failed', output: [], error: { code: 'rate_limit_exceeded', message: 'x' } },
      'upstream_rate_limited',
    ],
    ['an error', { error: { message: 'x', type: 'server_error' } }, 'upstream_server_error'],
  ])('an unstreamed body that is %s is a failure', (_name, body, code) => {
    expect(decodeResponsesAnswer(body, context)).toMatchObject({ code });
  });

  test.each<[string, string, string]>([
    ['not JSON', 'data: {"type"\n\n', 'upstream_malformed'],
    [
      'a nested error',
      sse({ type: 'error', error: { code: 'insufficient_quota', message: 'x' } }),
      'upstream_quota_exhausted',
    ],
    ['a flat error', sse({ type: 'error', code: 'rate_limit_exceeded', message: 'x' }), 'upstream_rate_limited'],
    [
      'response.failed',
      sse({ type: 'response.failed', response: { error: { code: 'bio_policy' } } }),
      'upstream_content_filter',
    ],
  ])('an event that is %s ends the stream with a failure', (_name, event, code) => {
    const { stream } = fixtures.answers.text;
    const begun = stream.slice(0, stream.indexOf('event: response.output_text.done'));
    const events = decodeStream(begun + event + stream);
    expect(events.at(-1)).toMatchObject({ kind: 'error', failure: { code } });
  });

  test('the cost of a failed response is emitted before the failure', () => {
    const response = { error: { code: 'server_error' }, usage: { input_tokens: 5, output_tokens: 1 } };
    expect(decodeStream(sse({ type: 'response.failed', response }))).toMatchObject([
      { kind: 'usage', usage: { inputTokens: 5, outputTokens: 1 } },
      { kind: 'error' },
    ]);
  });
});

// Bedrock's Mantle counts the parts of a streamed message from 1, and has them from 0 in the finished one.
describe('no text is repeated, however a provider numbers its events', () => {
  const contentDone = (index: number, text: string, content: number) => ({
    type: 'response.content_part.done',
    output_index: index,
    content_index: content,
    part: { type: 'output_text', text },
  });
  const item = (...texts: string[]) => ({
    type: 'message',
    content: texts.map((text) => ({ type: 'output_text', text })),
  });
  const textsOf = (...events: JsonObject[]) =>
    partsOf(...events, completed()).map((part) => (part.kind === 'text' ? part.text : part.kind));

  test.each<[string, JsonObject[], string[]]>([
    ['parts from 1', [added(0, item()), textDelta(0, 'ab', 1), done(0, item('ab'))], ['ab']],
    ['two parts from 1', [textDelta(0, 'a', 1), textDelta(0, 'b', 2), done(0, item('a', 'b'))], ['a', 'b']],
    ['two equal parts from 1', [textDelta(0, 'a', 1), textDelta(0, 'a', 2), done(0, item('a', 'a'))], ['a', 'a']],
    ['two equal parts', [textDelta(0, 'a'), textDelta(0, 'a', 1), done(0, item('a', 'a'))], ['a', 'a']],
    ['and the rest of it is said', [textDelta(0, 'a', 1), done(0, item('abc'))], ['abc']],
    ['a part that was not streamed', [textDelta(0, 'a', 1), done(0, item('a', 'b'))], ['a', 'b']],
    ['a finished text that was cleaned up', [textDelta(0, ' a ', 1), done(0, item('a'))], [' a ']],
    ['the same at its place', [textDelta(0, ' a '), done(0, item('a'))], [' a ']],
    ['a part’s end at another place', [textDelta(0, 'a', 1), contentDone(0, 'a', 0), done(0, item('a'))], ['a']],
    [
      'ends of two parts at other places',
      [
        ...[textDelta(0, 'a', 1), contentDone(0, 'a', 0), textDelta(0, 'b', 2), contentDone(0, 'b', 1)],
        done(0, item('a', 'b')),
      ],
      ['a', 'b'],
    ],
    ['an item at another place', [added(0, item()), textDelta(1, 'a'), done(0, item('a'))], ['a']],
    ['its end at another place', [added(0, item()), textDelta(0, 'a'), done(1, item('a'))], ['a']],
    [
      'two messages',
      [added(0, item()), textDelta(0, 'a'), done(0, item('a')), added(1, item()), done(1, item('a'))],
      ['a', 'a'],
    ],
  ])('%s', (_name, events, texts) => {
    expect(textsOf(...events)).toEqual(texts);
  });

  test('if the finished answer has the same parts again', () => {
    const events = [added(0, item()), textDelta(0, 'ab', 1), done(0, item('ab'))];
    expect(partsOf(...events, completed({ output: [item('ab')] }))).toHaveLength(1);
    expect(partsOf(textDelta(0, 'ab', 1), completed({ output: [item('ab')] }))).toHaveLength(1);
  });
});
