import { describe, expect, test } from 'vitest';
import type { Answer, AnswerEvent, FinishReason, PartStart } from '#src/contracts/answer.ts';
import type { Part, Signature } from '#src/contracts/inference-request.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { messagesClientCodec } from '#src/protocols/anthropic-messages/protocol.ts';
import { MessagesEncoder } from '#src/protocols/anthropic-messages/stream/answer-encoder.ts';
import type { EncodableEvent, EncodeContext } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

const context: EncodeContext = {
  requestId: 'req_123',
  createdAt: 0,
  clientBody: { model: 'asked' },
  usageDelivery: 'own-event',
};
const usage = {
  inputTokens: 120,
  cachedInputTokens: 20,
  cacheWriteTokens: 10,
  outputTokens: 45,
  reasoningTokens: 15,
  isEstimated: false,
};
const shown = { cost: '0.0000125', charge: '0.0001' };
const gemini: Signature = { origin: 'gemini-generate-content', value: 'c2ln' };
const anthropic: Signature = { origin: 'anthropic-messages', value: 'c2ln' };

type Ending = { finishReason?: FinishReason; stopSequence?: string };

function whole(parts: Part[], { finishReason = 'stop', ...more }: Ending = {}) {
  const answer: Answer = { id: 'v', model: 'gpt', choices: [{ index: 0, parts, finishReason, ...more }], usage };
  return JSON.parse(messagesClientCodec.encodeAnswer(answer, usage, shown, context));
}

const startOf = (part: Part): PartStart =>
  part.kind === 'tool-call'
    ? { kind: 'tool-call', id: part.id, name: part.name }
    : { kind: part.kind as 'text' | 'refusal' | 'reasoning' };

/** A part as a provider streams it, in pieces of so many characters. */
function eventsOf(value: Part, part: number, size: number): EncodableEvent[] {
  const at = { choice: 0, part };
  if (value.kind === 'image' || value.kind === 'audio') return [{ kind: 'part-whole', ...at, value }];
  const text = value.kind === 'tool-call' ? value.arguments : 'text' in value ? value.text : '';
  const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  const { citations = [] } = value as { citations?: [] };
  const { signature, isRedacted } = value as { signature?: Signature; isRedacted?: boolean };
  return [
    { kind: 'part-start', ...at, start: startOf(value) },
    { kind: 'part-delta', ...at, delta: '' },
    ...pieces.map((delta): EncodableEvent => ({ kind: 'part-delta', ...at, delta })),
    ...citations.map((citation): EncodableEvent => ({ kind: 'part-citation', ...at, citation })),
    { kind: 'part-end', ...at, ...(signature ? { signature } : {}), ...(isRedacted ? { isRedacted } : {}) },
  ];
}

function stream(parts: Part[], { finishReason = 'stop', ...more }: Ending = {}, size = 1_000) {
  const encoder = new MessagesEncoder(context);
  const events: EncodableEvent[] = [
    { kind: 'answer-start', id: 'v', model: 'gpt' },
    ...parts.flatMap((part, index) => eventsOf(part, index, size)),
    { kind: 'finish', choice: 0, reason: finishReason, ...more },
  ];
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end(usage, shown);
  return new SseSplitter().push(Buffer.from(text)).map(({ name, data }) => {
    const message = JSON.parse(data!);
    expect(message.type).toBe(name);
    return message;
  });
}

/** The message that a client puts together from a stream, as Anthropic's SDK does it. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
function assemble(events: any[]) {
  const message = { ...events[0].message };
  for (const { type, index, content_block: block, delta, usage: counts, cost } of events) {
    if (type === 'content_block_start') {
      expect(index).toBe(message.content.length);
      message.content.push({ ...block, ...(block.type === 'tool_use' ? { input: '' } : {}) });
    }
    const open = message.content[index];
    if (delta?.type === 'text_delta') open.text += delta.text;
    if (delta?.type === 'thinking_delta') open.thinking += delta.thinking;
    if (delta?.type === 'signature_delta') open.signature = delta.signature;
    if (delta?.type === 'input_json_delta') open.input += delta.partial_json;
    if (delta?.type === 'citations_delta') open.citations = [...(open.citations ?? []), delta.citation];
    if (type === 'content_block_stop' && open.type === 'tool_use') open.input = JSON.parse(open.input || '{}');
    if (type === 'message_delta') Object.assign(message, delta, { usage: counts, cost });
  }
  return message;
}

const text = (value: string): Part => ({ kind: 'text', text: value });
const call = (more = {}): Part => ({ kind: 'tool-call', id: 'call:1', name: 'f', arguments: '{"a":1}', ...more });
const textBlock = (value: string) => ({ type: 'text', text: value, citations: null });
const callBlock = { type: 'tool_use', id: 'call_x3a_1', name: 'f', input: { a: 1 } };
const thought = (thinking: string, signature: string) => ({ type: 'thinking', thinking, signature });

const CASES: [name: string, parts: Part[], content: object[]][] = [
  ['a text', [text('Hello')], [textBlock('Hello')]],
  ['an empty text, which could not be sent back', [text(''), text('x')], [textBlock('x')]],
  [
    'a thought of Anthropic',
    [{ kind: 'reasoning', text: 'Hm.', signature: anthropic }, text('x')],
    [thought('Hm.', 'c2ln'), textBlock('x')],
  ],
  [
    'a thought of another provider',
    [{ kind: 'reasoning', text: 'Hm.', signature: gemini }],
    [thought('Hm.', writeSignature(gemini))],
  ],
  [
    'a thought that nobody signed, marked as foreign',
    [{ kind: 'reasoning', text: 'Hm.' }],
    [thought('Hm.', writeSignature(undefined))],
  ],
  ['a thought that is empty', [{ kind: 'reasoning', text: '' }, text('x')], [textBlock('x')]],
  [
    'a redacted thought',
    [{ kind: 'reasoning', text: '', signature: anthropic, isRedacted: true }],
    [{ type: 'redacted_thinking', data: 'c2ln' }],
  ],
  ['a tool call', [text('x'), call()], [textBlock('x'), callBlock]],
  ['a tool call without arguments', [call({ arguments: '' })], [{ ...callBlock, input: {} }]],
  [
    'a signed tool call, behind its signature',
    [text('x'), call({ signature: gemini }), call()],
    [textBlock('x'), thought('', writeSignature(gemini)), callBlock, callBlock],
  ],
  [
    'a signed text, without its signature: the last block is what the model has said',
    [{ kind: 'text', text: 'x', signature: gemini }],
    [textBlock('x')],
  ],
  [
    'a signed text with a call behind it',
    [{ kind: 'text', text: 'x', signature: gemini }, call()],
    [textBlock('x'), callBlock],
  ],
  [
    'an image',
    [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } }],
    [textBlock('![image](data:image/png;base64,AA==)')],
  ],
  [
    'citations',
    [
      {
        kind: 'text',
        text: 'x',
        citations: [
          { url: 'https://a', title: 'A', citedText: 'cited', startIndex: 0, endIndex: 1 },
          { title: 'B', citedText: 'too' },
        ],
      },
    ],
    [
      {
        type: 'text',
        text: 'x',
        citations: [
          {
            type: 'web_search_result_location',
            url: 'https://a',
            title: 'A',
            cited_text: 'cited',
            encrypted_index: '',
          },
          {
            type: 'char_location',
            cited_text: 'too',
            document_index: 0,
            document_title: 'B',
            start_char_index: 0,
            end_char_index: 3,
            file_id: null,
          },
        ],
      },
    ],
  ],
];

describe('content', () => {
  test.each(CASES)('%s', (_name, parts, content) => {
    expect(whole(parts).content).toEqual(content);
  });

  test.each(CASES)('%s, streamed at once', (_name, parts, content) => {
    expect(assemble(stream(parts)).content).toEqual(content);
  });

  test('streamed in small pieces is the same', () => {
    const parts = [text('Hello'), call(), { kind: 'reasoning', text: 'Hm.', signature: anthropic } as Part];
    expect(assemble(stream(parts, {}, 2)).content).toEqual(whole(parts).content);
  });

  test('arguments that are not an object stay readable', () => {
    expect(whole([call({ arguments: 'nonsense' })]).content[0].input).toEqual({ input: 'nonsense' });
  });
});

describe('the end', () => {
  const refusal: Part = { kind: 'refusal', text: 'No.' };
  const details = (explanation: unknown) => ({ type: 'refusal', category: null, explanation });
  test.each<[string, Part[], Ending, object]>([
    ['an end', [text('x')], {}, { stop_reason: 'end_turn', stop_sequence: null, stop_details: null }],
    ['a stop sequence', [text('x')], { stopSequence: 'E' }, { stop_reason: 'stop_sequence', stop_sequence: 'E' }],
    ['the limit', [text('x')], { finishReason: 'length' }, { stop_reason: 'max_tokens' }],
    ['tool calls', [call()], { finishReason: 'tool-calls' }, { stop_reason: 'tool_use' }],
    ['tool calls that end with stop', [call()], {}, { stop_reason: 'tool_use' }],
    ['a pause', [text('x')], { finishReason: 'pause' }, { stop_reason: 'pause_turn' }],
    ['a filter', [], { finishReason: 'content-filter' }, { stop_reason: 'refusal', stop_details: details(null) }],
    ['a refusal in words', [refusal], {}, { stop_reason: 'refusal', stop_details: details('No.'), content: [] }],
    [
      'an end that is broken',
      [text('x')],
      { finishReason: 'error' },
      { stop_reason: 'refusal', stop_details: details(expect.stringContaining('incomplete')) },
    ],
  ])('%s', (_name, parts, ending, expected) => {
    expect(whole(parts, ending)).toMatchObject(expected);
    expect(assemble(stream(parts, ending))).toMatchObject(expected);
  });

  test('usage is counted as Anthropic does, with the cost', () => {
    const expected = {
      id: 'msg_123',
      type: 'message',
      role: 'assistant',
      model: 'asked',
      container: null,
      usage: {
        input_tokens: 90,
        cache_creation_input_tokens: 10,
        cache_read_input_tokens: 20,
        output_tokens: 45,
        output_tokens_details: { thinking_tokens: 15 },
        cost: 0.0000125,
      },
      cost: 0.0001,
    };
    expect(whole([text('x')])).toMatchObject(expected);
    expect(assemble(stream([text('x')]))).toMatchObject(expected);
  });
});

describe('the order of events', () => {
  test('a stream', () => {
    expect(
      stream([text('Hi'), call()]).map(({ type, index }) => (index === undefined ? type : `${type} ${index}`)),
    ).toEqual([
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_stop 0',
      'content_block_start 1',
      'content_block_delta 1',
      'content_block_stop 1',
      'message_delta',
      'message_stop',
    ]);
  });

  test('from a provider without a start event', () => {
    const encoder = new MessagesEncoder(context);
    const events: AnswerEvent[] = [
      { kind: 'part-start', choice: 0, part: 0, start: { kind: 'text' } },
      { kind: 'part-delta', choice: 0, part: 0, delta: 'Hi' },
    ];
    const out = events.map((event) => encoder.encode(event as EncodableEvent)).join('');
    expect(out.startsWith('event: message_start\n')).toBe(true);
    expect(out).toContain('"model":"asked"');
  });

  test('choices after the first are left out', () => {
    const encoder = new MessagesEncoder(context);
    expect(encoder.encode({ kind: 'part-start', choice: 1, part: 0, start: { kind: 'text' } })).toBe('');
    expect(encoder.encode({ kind: 'part-delta', choice: 1, part: 0, delta: 'x' })).toBe('');
  });
});

describe('a text without citations', () => {
  const textFor = (version?: string) => {
    const clientHeaders = version === undefined ? {} : { 'anthropic-version': version };
    const parts: Part[] = [{ kind: 'text', text: 'Hello.' }];
    const answer: Answer = { id: 'v', model: 'gpt', choices: [{ index: 0, parts, finishReason: 'stop' }], usage };
    const encoded = messagesClientCodec.encodeAnswer(answer, usage, shown, { ...context, clientHeaders });
    return JSON.parse(encoded).content[0];
  };

  test.each([['2026-10-21'], [undefined]])('has null at version %s, which always has the member', (version) => {
    expect(textFor(version)).toEqual({ type: 'text', text: 'Hello.', citations: null });
  });

  test('has no member at an older version: its SDKs may refuse null', () => {
    expect(textFor('2023-06-01')).toEqual({ type: 'text', text: 'Hello.' });
  });
});
