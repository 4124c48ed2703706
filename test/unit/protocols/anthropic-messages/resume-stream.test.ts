import { describe, expect, test } from 'vitest';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { messagesClientCodec, messagesProviderCodec } from '#src/protocols/anthropic-messages/protocol.ts';
import type { EncodableEvent, EncodeContext } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures } from '#test/fixtures/protocols/anthropic-messages.ts';
import { ANSWER, REASONING } from '#test/fixtures/protocols/fixtures.ts';

const context: EncodeContext = {
  requestId: 'req_1',
  createdAt: 0,
  clientBody: { model: 'm' },
  usageDelivery: 'own-event',
};
const usage = {
  inputTokens: 1,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 1,
  reasoningTokens: 0,
  isEstimated: false,
};
const { stream } = fixtures.answers.reasoning;
/** The events of a stream, each with the empty line after it. */
const eventsOf = (text: string) => new SseSplitter().push(Buffer.from(text)).map(({ raw }) => raw.toString());
const resume = (text: string) => messagesClientCodec.resumeEncoder!(Buffer.from(text), context);

/** What a message consists of, as an SDK puts it together. */
function contentOf(text: string) {
  // biome-ignore lint/suspicious/noExplicitAny: blocks of any type
  const blocks: any[] = [];
  const closed: number[] = [];
  for (const { data } of new SseSplitter().push(Buffer.from(text))) {
    const { type, index, content_block: block, delta } = JSON.parse(data!);
    if (type === 'content_block_start') {
      expect(index).toBe(blocks.length);
      blocks.push({ ...block });
    }
    if (delta?.type === 'text_delta') blocks[index].text += delta.text;
    if (delta?.type === 'thinking_delta') blocks[index].thinking += delta.thinking;
    if (delta?.type === 'signature_delta') blocks[index].signature = delta.signature;
    if (type === 'content_block_stop') closed.push(index);
  }
  expect(closed).toEqual(blocks.map((_, index) => index));
  return blocks;
}

describe('a stream that broke off', () => {
  const events = eventsOf(stream);
  const textEnd = events.findLastIndex((event) => event.includes('content_block_stop'));

  test('becomes one complete message wherever it broke, until its text has ended', () => {
    for (let count = 0; count <= textEnd; count++) {
      const delivered = events.slice(0, count).join('');
      const resumed = resume(delivered);
      if (resumed === null) throw new Error(`not resumed after ${count} events`);
      const { encoder, part, text, isOpen } = resumed;
      const rest: EncodableEvent[] = [
        ...(isOpen ? [] : [{ kind: 'part-start' as const, choice: 0, part, start: { kind: 'text' as const } }]),
        { kind: 'part-delta', choice: 0, part, delta: ANSWER.slice(text.length) },
        { kind: 'part-end', choice: 0, part },
        { kind: 'finish', choice: 0, reason: 'stop' },
      ];
      const end = encoder.end.bind(encoder);
      const whole =
        delivered + rest.map((event) => encoder.encode(event)).join('') + end(usage, { cost: '1', charge: '2' });
      const content = contentOf(whole);
      expect(content.at(-1)).toMatchObject({ type: 'text', text: ANSWER });
      expect(eventsOf(whole).filter((event) => event.includes('event: message_start'))).toHaveLength(1);
      expect(whole.endsWith('{"type":"message_stop"}\n\n')).toBe(true);
    }
  });

  test('a thought that broke off is marked as unsigned', () => {
    const delivered = events.slice(0, 4).join('');
    const { encoder } = resume(delivered)!;
    const [thought] = contentOf(delivered + encoder.end(usage, { cost: '1', charge: '2' }));
    expect(thought).toMatchObject({ signature: writeSignature(undefined) });
    expect(REASONING.startsWith(thought.thinking)).toBe(true);
  });

  test.each<[string, string]>([
    ['its text has ended', events.slice(0, textEnd + 1).join('')],
    ['it has said why it ends', events.slice(0, -1).join('')],
    ['a tool call had begun', eventsOf(fixtures.answers['tool-call'].stream).slice(0, 3).join('')],
    ['it was given up', `${events.slice(0, 4).join('')}event: error\ndata: {"type":"error"}\n\n`],
  ])('stays broken when %s', (_name, delivered) => {
    expect(resume(delivered)).toBeNull();
  });
});

test.each([
  ['claude-sonnet-4-5', true],
  ['claude-opus-4-6', false],
  ['claude-opus-5-5', false],
  ['kimi-k3', false],
])('%s continues with its own text: %s', (model, expected) => {
  expect(messagesProviderCodec.acceptsPrefill!(model)).toBe(expected);
});
