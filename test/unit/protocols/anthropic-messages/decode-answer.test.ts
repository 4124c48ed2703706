import { describe, expect, test } from 'vitest';
import type { Answer, AnswerEvent } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { messagesProviderCodec } from '#src/protocols/anthropic-messages/protocol.ts';
import { ANSWER_TOOL } from '#src/protocols/anthropic-messages/request/encode-tools.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures, THOUGHT_SIGNATURE } from '#test/fixtures/protocols/anthropic-messages.ts';
import {
  ANSWER,
  ANSWERING_MODEL,
  type AnswerCaseName,
  CALL,
  CUT_ANSWER,
  REASONING,
  REFUSAL,
  SECOND_CALL,
  TOOL,
  USAGE,
} from '#test/fixtures/protocols/fixtures.ts';

const CONTEXT = { requestId: 'req_abc' };

function decodeWhole(body: unknown): Answer {
  const answer = messagesProviderCodec.decodeAnswer(body, CONTEXT);
  if (isFailure(answer)) throw new Error(answer.message);
  return answer;
}

function decodeStream(text: string, cut = text.length): AnswerEvent[] {
  const bytes = Buffer.from(text);
  const splitter = new SseSplitter();
  const decoder = messagesProviderCodec.openDecoder(CONTEXT);
  const events = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
  return [...events.flatMap((event) => decoder.decode(event)), ...decoder.close()];
}

/** The events of a stream, as an unstreamed answer. */
function gather(events: readonly AnswerEvent[]): Answer {
  const answer: Answer = { id: '', model: '', choices: [{ index: 0, parts: [], finishReason: 'error' }], usage: null };
  const choice = answer.choices[0]!;
  // biome-ignore lint/suspicious/noExplicitAny: parts under construction have members of every kind
  const parts = choice.parts as any[];
  for (const event of events) {
    if (event.kind === 'answer-start') {
      const { kind: _kind, ...head } = event;
      Object.assign(answer, head);
    }
    if (event.kind === 'part-start') {
      expect(event.part).toBe(parts.length);
      parts.push({ ...event.start, ...(event.start.kind === 'tool-call' ? { arguments: '' } : { text: '' }) });
    }
    if (event.kind === 'part-delta')
      parts[event.part]['arguments' in parts[event.part] ? 'arguments' : 'text'] += event.delta;
    if (event.kind === 'part-citation')
      parts[event.part].citations = [...(parts[event.part].citations ?? []), event.citation];
    if (event.kind === 'part-end') {
      const { kind: _kind, choice: _choice, part, ...end } = event;
      Object.assign(parts[part], end);
    }
    if (event.kind === 'finish') {
      choice.finishReason = event.reason;
      if (event.stopSequence !== undefined) choice.stopSequence = event.stopSequence;
    }
    if (event.kind === 'usage') answer.usage = event.usage;
  }
  return answer;
}

const usage = {
  inputTokens: USAGE.inputTokens,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: USAGE.outputTokens,
  reasoningTokens: 0,
  isEstimated: false,
};
const callPart = ({ id, arguments: input }: typeof CALL | typeof SECOND_CALL): Part => ({
  kind: 'tool-call',
  id,
  name: TOOL.name,
  arguments: JSON.stringify(input),
});
const expected: Partial<Record<AnswerCaseName, [Part[], string, object?]>> = {
  text: [[{ kind: 'text', text: ANSWER }], 'stop'],
  reasoning: [
    [
      { kind: 'reasoning', text: REASONING, signature: { origin: 'anthropic-messages', value: THOUGHT_SIGNATURE } },
      { kind: 'text', text: ANSWER },
    ],
    'stop',
    { reasoningTokens: USAGE.reasoningTokens },
  ],
  'tool-call': [[callPart(CALL)], 'tool-calls'],
  'parallel-tool-calls': [[callPart(CALL), callPart(SECOND_CALL)], 'tool-calls'],
  truncated: [[{ kind: 'text', text: CUT_ANSWER }], 'length'],
  refusal: [[{ kind: 'refusal', text: REFUSAL }], 'content-filter'],
  'cached-usage': [[{ kind: 'text', text: ANSWER }], 'stop', { cachedInputTokens: USAGE.cachedInputTokens }],
};

describe.each(Object.entries(expected))('the fixture %s', (name, [parts, finishReason, more = {}]) => {
  const { whole, stream } = fixtures.answers[name as AnswerCaseName];
  const answer = {
    id: 'msg_01fixture',
    model: ANSWERING_MODEL,
    choices: [{ index: 0, parts, finishReason }],
    usage: { ...usage, ...more },
    serviceTier: 'default',
  };

  test('whole', () => {
    expect(decodeWhole(whole)).toEqual(answer);
  });

  test('streamed, for every split of its bytes', () => {
    const events = decodeStream(stream);
    expect(gather(events)).toEqual(answer);
    expect(events.at(-1)).toEqual({ kind: 'end' });
    for (let cut = 1; cut < Buffer.byteLength(stream); cut++) expect(decodeStream(stream, cut)).toEqual(events);
  });
});

const event = (type: string, more: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const START = event('message_start', {
  message: { id: 'm', model: 'c', usage: { input_tokens: 7, output_tokens: 1 } },
});
const blockEvents = (content: object, deltas: object[] = [], index = 0) =>
  event('content_block_start', { index, content_block: content }) +
  deltas.map((delta) => event('content_block_delta', { index, delta })).join('') +
  event('content_block_stop', { index });
const finish = (delta: object) =>
  event('message_delta', { delta, usage: { output_tokens: 9 } }) + event('message_stop');
const END = finish({ stop_reason: 'end_turn' });
const partsOfStream = (blocks: string) => gather(decodeStream(START + blocks + END)).choices[0]!.parts;

describe('blocks', () => {
  const json = (text: string) => ({ type: 'input_json_delta', partial_json: text });
  const signature = { origin: 'anthropic-messages', value: 'c2ln' };

  test.each<[string, object, object[], object[]]>([
    [
      'a tool that is sent no arguments',
      { type: 'tool_use', id: 't', name: 'f', input: {} },
      [json('')],
      [{ kind: 'tool-call', id: 't', name: 'f', arguments: '{}' }],
    ],
    [
      'a tool whose arguments come with its start',
      { type: 'tool_use', id: 't', name: 'f', input: { a: 1 } },
      [],
      [{ kind: 'tool-call', id: 't', name: 'f', arguments: '{"a":1}' }],
    ],
    [
      'a tool without an id',
      { type: 'tool_use', name: 'f', input: {} },
      [],
      [{ kind: 'tool-call', id: 'call_abc0', name: 'f', arguments: '{}' }],
    ],
    [
      'the tool that stands for a JSON answer',
      { type: 'tool_use', id: 't', name: ANSWER_TOOL, input: {} },
      [json('{"a":'), json('1}')],
      [{ kind: 'text', text: '{"a":1}' }],
    ],
    [
      'a thought that is not shown',
      { type: 'thinking', thinking: '', signature: '' },
      [{ type: 'signature_delta', signature: 'c2ln' }],
      [{ kind: 'reasoning', text: '', signature }],
    ],
    [
      'a redacted thought',
      { type: 'redacted_thinking', data: 'c2ln' },
      [],
      [{ kind: 'reasoning', text: '', isRedacted: true, signature }],
    ],
    [
      'a text that starts with words',
      { type: 'text', text: 'He' },
      [{ type: 'text_delta', text: 'llo' }],
      [{ kind: 'text', text: 'Hello' }],
    ],
    [
      'a citation, which supports the whole block',
      { type: 'text', text: '' },
      [
        {
          type: 'citations_delta',
          citation: { type: 'web_search_result_location', url: 'https://a', title: 'A', cited_text: 'c' },
        },
        { type: 'text_delta', text: 'Hello' },
      ],
      [
        {
          kind: 'text',
          text: 'Hello',
          citations: [{ url: 'https://a', title: 'A', citedText: 'c', startIndex: 0, endIndex: 5 }],
        },
      ],
    ],
    ['a tool of the server’s', { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, [json('{}')], []],
    ['a block that nobody knows', { type: 'hologram' }, [{ type: 'hologram_delta', x: 1 }], []],
    ['a delta that nobody knows', { type: 'text', text: 'x' }, [{ type: 'sparkle' }], [{ kind: 'text', text: 'x' }]],
  ])('%s', (_name, content, deltas, parts) => {
    expect(partsOfStream(blockEvents(content, deltas))).toEqual(parts);
  });

  test('parts are numbered without skipped blocks', () => {
    const blocks =
      blockEvents({ type: 'server_tool_use', id: 's', name: 'x', input: {} }) +
      blockEvents({ type: 'text', text: 'a' }, [], 1) +
      blockEvents({ type: 'web_search_tool_result', content: [] }, [], 2) +
      blockEvents({ type: 'text', text: 'b' }, [], 3);
    expect(partsOfStream(blocks)).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b' },
    ]);
  });

  test('unstreamed answers have the same', () => {
    const content = [
      { type: 'thinking', thinking: '', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'c2ln' },
      { type: 'server_tool_use', id: 's', name: 'x', input: {} },
      { type: 'text', text: 'Hi', citations: [{ type: 'char_location', document_title: 'D', cited_text: 'c' }] },
      { type: 'tool_use', name: 'get_weather', input: {} },
      { type: 'tool_use', id: 't', name: ANSWER_TOOL, input: { a: 1 } },
    ];
    expect(decodeWhole({ content }).choices[0]!.parts).toEqual([
      { kind: 'reasoning', text: '', signature },
      { kind: 'reasoning', text: '', isRedacted: true, signature },
      { kind: 'text', text: 'Hi', citations: [{ title: 'D', citedText: 'c', startIndex: 0, endIndex: 2 }] },
      { kind: 'tool-call', id: 'call_abc0', name: 'get_weather', arguments: '{}' },
      { kind: 'text', text: '{"a":1}' },
    ]);
  });
});

describe('the end', () => {
  const tool = { type: 'tool_use', id: 't', name: 'f', input: {} };
  test.each<[string, object, object[], object]>([
    ['end_turn', {}, [], { finishReason: 'stop' }],
    ['stop_sequence', { stop_sequence: 'E' }, [], { finishReason: 'stop', stopSequence: 'E' }],
    ['max_tokens', {}, [], { finishReason: 'length' }],
    ['model_context_window_exceeded', {}, [], { finishReason: 'length' }],
    ['tool_use', {}, [tool], { finishReason: 'tool-calls' }],
    ['tool_use', {}, [{ ...tool, name: ANSWER_TOOL }], { finishReason: 'stop' }],
    ['pause_turn', {}, [], { finishReason: 'pause' }],
    ['refusal', { stop_details: null }, [], { finishReason: 'content-filter', parts: [] }],
    ['something_new', {}, [], { finishReason: 'error' }],
  ])('%s', (reason, more, content, expectedEnd) => {
    const stop = { stop_reason: reason, ...more };
    expect(decodeWhole({ content, ...stop }).choices[0]).toMatchObject(expectedEnd);
    const blocks = content.map((block, index) => blockEvents(block, [], index)).join('');
    expect(gather(decodeStream(START + blocks + finish(stop))).choices[0]).toMatchObject(expectedEnd);
  });
});

describe('a stream that breaks', () => {
  test('ends with an error event', () => {
    const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    expect(decodeStream(overloaded)).toEqual([
      { kind: 'error', failure: { code: 'upstream_overloaded', message: 'Overloaded' } },
    ]);
  });

  test('ends at an event that is not JSON', () => {
    expect(decodeStream('data: {"type\n\n')).toMatchObject([
      { kind: 'error', failure: { code: 'upstream_malformed' } },
    ]);
  });

  test('has no end, and what arrived is counted', () => {
    const text = START + event('content_block_start', { index: 0, content_block: { type: 'text', text: 'lume ime ' } });
    const events = decodeStream(text);
    expect(events.map(({ kind }) => kind)).not.toContain('finish');
    expect(events.map(({ kind }) => kind)).not.toContain('part-end');
    expect(gather(events).usage).toMatchObject({ inputTokens: 7, isEstimated: true });
  });

  test('message_stop alone is an end', () => {
    const kinds = decodeStream(START + event('message_stop')).map(({ kind }) => kind);
    expect(kinds).toEqual(['answer-start', 'usage', 'finish', 'end']);
  });

  test('pings and comments are ignored', () => {
    expect(decodeStream(`: hello\n\nevent: x\n\n${event('ping')}${event('thread_started')}`)).toEqual([
      { kind: 'ping' },
    ]);
  });
});

describe('a body that is not a message', () => {
  test.each<[string, unknown, string]>([
    ['nothing', null, 'upstream_malformed'],
    ['a list', [], 'upstream_malformed'],
    ['another object', { ok: true }, 'upstream_malformed'],
    ['an error', { type: 'error', error: { type: 'rate_limit_error', message: 'x' } }, 'upstream_rate_limited'],
  ])('%s', (_name, body, code) => {
    expect(messagesProviderCodec.decodeAnswer(body, CONTEXT)).toMatchObject({ code });
  });
});

test('the cost reported by a reseller is read exactly', () => {
  const body = { content: [], usage: { input_tokens: 1, output_tokens: 1, cost: 1.25e-7 } };
  expect(decodeWhole(body).usage!.reportedCost).toBe(125_000n);
  const events = decodeStream(
    START + event('message_delta', { delta: {}, usage: { output_tokens: 1, cost: 1.25e-7 } }),
  );
  expect(events.at(-1)).toMatchObject({ kind: 'usage', usage: { reportedCost: 125_000n } });
});
