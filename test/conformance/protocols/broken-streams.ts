// Streams that broke off and their continuations, for rescue.test.ts.
import { expect } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { type ContinueMode, ContinuingDecoder, markRescued } from '#src/protocols/call/continue-stream.ts';
import type { AnswerDecoder, JsonObject, ResumedStream } from '#src/protocols/codec.ts';
import type { StreamRelay } from '#src/protocols/protocol.ts';
import { TranslatedStream } from '#src/protocols/translate/translate-answer.ts';
import { type SseEvent, SseSplitter, splitEvents } from '#src/protocols/wire/sse-splitter.ts';
import {
  type ClientName,
  clientCodec,
  decodeStream,
  encodeContext,
  type ProviderName,
  type readStream,
  relayContext,
} from './protocols.ts';

/** What the client has when its stream breaks off: the bytes so far, at every event. */
export function beginnings(client: ClientName, vendor: ProviderName, stream: string): string[] {
  const encoder = clientCodec(client).openEncoder(encodeContext());
  const pieces = decodeStream(vendor, stream).flatMap((event) => {
    if (event.kind === 'usage' || event.kind === 'ping' || event.kind === 'end' || event.kind === 'error') return [];
    const text = encoder.encode(event);
    return client === 'gemini-generate-content-array' ? [text] : splitEvents(Buffer.from(text)).map(String);
  });
  return pieces.map((_, count) => pieces.slice(0, count + 1).join('')).filter((delivered) => delivered !== '');
}

export function resume(client: ClientName, delivered: string): ResumedStream | null {
  return clientCodec(client).resumeEncoder!(Buffer.from(delivered), encodeContext());
}

/** What the client is sent after its stream was resumed. */
export function goOn(
  resumed: ResumedStream,
  decoder: AnswerDecoder,
  mode: ContinueMode,
  events: readonly SseEvent[],
): string {
  const encoder = markRescued(resumed.encoder, 2);
  const relay: StreamRelay = new TranslatedStream(new ContinuingDecoder(decoder, resumed, mode), encoder, relayContext);
  const relayed = [...events.map((event) => relay.accept(event)), relay.end()];
  return relayed
    .map(({ bytes, failure }) => {
      if (failure !== undefined) throw new Error(failure.message);
      return bytes?.toString() ?? '';
    })
    .join('');
}

const NO_EVENT: SseEvent = { raw: Buffer.alloc(0), name: null, data: null, isSteering: false };

/** A provider that gets the client's text so far and continues after it. */
export function prefilled(text: string, resumed: ResumedStream, finish: AnswerEvent): [AnswerDecoder, SseEvent[]] {
  const at = { choice: 0, part: 0 };
  const events: AnswerEvent[] = [
    { kind: 'answer-start', id: 'other', model: 'other-model' },
    { kind: 'part-start', ...at, start: { kind: 'text' } },
    { kind: 'part-delta', ...at, delta: text.slice(resumed.text.length) },
    { kind: 'part-end', ...at },
    finish,
  ];
  return [{ decode: () => events.splice(0, 1), close: () => [] }, events.map(() => NO_EVENT)];
}

export const textOf = (parts: readonly Part[]) => parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');

/** A thought that broke off stays broken, and unsigned; everything else is as if nothing had happened. */
export function expectSame(
  client: ClientName,
  read: ReturnType<typeof readStream>,
  whole: ReturnType<typeof readStream>,
): void {
  const [choice, expected] = [read.choices[0]!, whole.choices[0]!];
  const others = ({ parts, logProbabilities: _tokens, ...rest }: typeof choice) => rest;
  expect(others(choice)).toEqual(others(expected));
  // The tier was sent by the provider that started the answer.
  const { serviceTier: _, ...usage } = whole.usage!;
  expect([read.id, read.model]).toEqual([whole.id, whole.model]);
  expect(read.usage).toMatchObject(usage);
  expect(textOf(choice.parts)).toBe(textOf(expected.parts));
  if (client === 'openai-chat' || client === 'openai-completions') expect(read.createdAt).toBe(whole.createdAt);
}

/** Ids and numbers are those of one stream. */
export function expectGoesOn(client: ClientName, text: string): void {
  if (client === 'gemini-generate-content-array') return;
  const events = new SseSplitter()
    .push(Buffer.from(text))
    .flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
  if (client === 'openai-chat' || client === 'openai-completions') {
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    expect(new Set(events.map(({ created }) => created)).size).toBe(1);
  }
  if (client === 'openai-responses') {
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, place) => place));
    const ids = events.flatMap(({ response }) => (response as JsonObject | undefined)?.id ?? []);
    expect(new Set(ids).size).toBe(1);
  }
  expect(events.filter(({ x_sluice: mark }) => mark !== undefined)).toHaveLength(1);
}

/** The client has the whole text, so that what follows it may have begun. */
export function saidAll(client: ClientName, delivered: string, text: string): boolean {
  const inner = client === 'gemini-generate-content-array' ? `${delivered}]` : delivered;
  const closed = client === 'gemini-generate-content-array' ? JSON.parse(inner) : null;
  const values = closed ?? new SseSplitter().push(Buffer.from(inner)).map(({ data }) => JSON.parse(data!));
  return saidIn(values) === text;
}

/** Texts of all formats, by the members that bear them in streams. */
// biome-ignore lint/suspicious/noExplicitAny: events of any format
function saidIn(values: readonly any[]): string {
  return values
    .map((event) => {
      if (event.type === 'response.output_text.delta') return event.delta;
      if (event.type === 'content_block_delta') return event.delta.text ?? '';
      const [choice] = event.choices ?? [];
      if (choice !== undefined) return choice.text ?? choice.delta?.content ?? '';
      const parts = event.candidates?.[0]?.content?.parts ?? [];
      return parts.map((part: JsonObject) => (part.thought === true ? '' : part.text)).join('');
    })
    .join('');
}
