// Raw chat streams for tests, and what becomes of them.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { formatUsd } from '#src/contracts/money.ts';
import type { AnswerDecoder } from '#src/protocols/codec.ts';
import { ChatAnswerDecoder } from '#src/protocols/openai-chat/stream/answer-decoder.ts';
import type { RelayContext, StreamRelay } from '#src/protocols/protocol.ts';
import { type SseEvent, SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

export const DONE = 'data: [DONE]\n\n';

export const relayContext: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: (usage) => ({
    cost: formatUsd(usage.reportedCost ?? BigInt(usage.inputTokens + usage.outputTokens) * 1_000_000n),
    charge: '0.0001',
  }),
};

/** A chunk with these members in addition to its identity. */
export function chunk(members: object): string {
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', ...members })}\n\n`;
}

export function delta(said: object, finish: string | null = null, index = 0): string {
  return chunk({ choices: [{ index, delta: said, finish_reason: finish }] });
}

export const usage = { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 };
export const usageChunk = chunk({ choices: [], usage });

/** Events of a text that arrives in pieces of so many bytes; 0 is all at once. */
export function* eventsOf(text: string, size = 0): Generator<SseEvent> {
  const bytes = Buffer.from(text);
  const splitter = new SseSplitter();
  const step = size === 0 ? Math.max(1, bytes.length) : size;
  for (let at = 0; at < bytes.length; at += step) yield* splitter.push(bytes.subarray(at, at + step));
}

/** All that a relay gives, and how it ended. */
export function relayAll(stream: StreamRelay, text: string, size = 0) {
  const results = [...eventsOf(text, size)].map((event) => stream.accept(event));
  const all = [...results, stream.end()];
  const bytes = all.map((result) => result.bytes?.toString() ?? '').join('');
  return { bytes, failure: all.find((result) => result.failure !== undefined)?.failure, results };
}

export function decodeAll(
  text: string,
  { size = 0, decoder = new ChatAnswerDecoder({ requestId: 'req_abc' }) as AnswerDecoder } = {},
): AnswerEvent[] {
  return [...[...eventsOf(text, size)].flatMap((event) => decoder.decode(event)), ...decoder.close()];
}

/** The parts of a choice as they came together, in order; `order` is what came when. */
export function partsOf(events: readonly AnswerEvent[], choice = 0) {
  const parts: { kind: string; text: string; id?: string; name?: string; isEnded: boolean }[] = [];
  for (const event of events) {
    if (!('part' in event) || event.choice !== choice) continue;
    if (event.kind === 'part-start') parts[event.part] = { ...event.start, text: '', isEnded: false };
    if (event.kind === 'part-delta') parts[event.part]!.text += event.delta;
    if (event.kind === 'part-end') parts[event.part]!.isEnded = true;
    if (event.kind === 'part-whole') parts[event.part] = { kind: event.value.kind, text: '', isEnded: true };
  }
  return parts.map(({ isEnded: _, ...part }) => part);
}
