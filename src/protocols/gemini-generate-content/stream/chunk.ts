// The members of an answer (whole, or one chunk of a stream) that the broker reads. All optional: a missing `content` or
// `parts` is usual (MAX_TOKENS while thinking, SAFETY), and so is an answer without candidates (blocked prompt).
import type { JsonObject } from '#src/protocols/codec.ts';
import { asArray, asObject, asObjects, asText } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';

export type Chunk = JsonObject;

/** Chunks of one event's or body's JSON; null for what is not an answer. Streams without `alt=sse` are one array. */
export function readChunks(value: unknown): Chunk[] | null {
  const values = Array.isArray(value) ? value : [value];
  const chunks = asObjects(values);
  return values.length === 0 || chunks.length < values.length ? null : chunks;
}

export function candidatesOf(chunk: Chunk): JsonObject[] {
  return asObjects(chunk.candidates);
}

export function candidateIndex(candidate: JsonObject): number {
  return typeof candidate.index === 'number' ? candidate.index : 0;
}

export function partsOf(candidate: JsonObject): JsonObject[] {
  return asObjects(asObject(candidate.content)?.parts);
}

export function finishReasonOf(candidate: JsonObject): string | null {
  return asText(candidate.finishReason) || null;
}

/** Why the prompt was refused; such an answer has no candidates and is complete. */
export function blockReasonOf(chunk: Chunk): string | null {
  return asText(asObject(chunk.promptFeedback)?.blockReason) || null;
}

/** The first error among chunks, if there is one. */
export function errorOf(chunks: readonly Chunk[]): JsonObject | null {
  for (const chunk of chunks) {
    const error = asObject(chunk.error);
    if (error !== null) return error;
  }
  return null;
}

/** Bytes of generated text in a chunk: what an estimate of output tokens counts. */
export function generatedBytes(chunk: Chunk): number {
  let bytes = 0;
  for (const part of candidatesOf(chunk).flatMap(partsOf)) {
    if (typeof part.text === 'string') bytes += Buffer.byteLength(part.text);
    if (asObject(part.functionCall) !== null) bytes += Buffer.byteLength(JSON.stringify(part.functionCall));
  }
  return bytes;
}

/** Whether a chunk has visible content. */
export function isVisible(chunk: Chunk): boolean {
  return candidatesOf(chunk).some(
    (candidate) =>
      finishReasonOf(candidate) !== null ||
      partsOf(candidate).some((part) => (typeof part.text === 'string' ? part.text !== '' : hasContent(part))),
  );
}

function hasContent(part: JsonObject): boolean {
  return Object.keys(part).some((key) => key !== 'thoughtSignature' && key !== 'thought');
}

/**
 * JSON in a stream without `data:`: Google has been seen to end a stream with a bare error object (Firebase's
 * provider mocks, 2025). Null for comments and everything else.
 */
export function readBareJson(raw: Buffer): Chunk[] | null {
  const text = raw.toString().trim();
  if (!text.startsWith('{') && !text.startsWith('[')) return null;
  const value = parseJson(text);
  return asArray(Array.isArray(value) ? value : [value]).length === 0 ? null : readChunks(value);
}

/** Queries of Google Search that its candidates were grounded on. */
export function searchesIn(chunk: Chunk): number {
  return candidatesOf(chunk).reduce(
    (sum, candidate) => sum + asArray(asObject(candidate.groundingMetadata)?.webSearchQueries).length,
    0,
  );
}

// How the chunks of a stream are delimited: server-sent events with `alt=sse`, else one JSON array in pieces.

export interface Framing {
  /** A provider's event, unchanged. */
  pass(event: SseEvent): Buffer;
  /** A provider's event with other JSON. */
  replace(event: SseEvent, json: Buffer): Buffer;
  /** A chunk of our own. */
  write(json: string): string;
  /** The text after the last chunk. */
  end(): string;
}

const DATA = Buffer.from('data: ');
const LINE_ENDS = [Buffer.from('\n\n'), Buffer.from('\r\n\r\n')];

/**
 * Every event is one line that begins with `data: `: the SDK for npm takes all up to the empty line as one JSON text and
 * skips events that begin with anything else (@google/genai 3.1.0, `processStreamResponse`), the one for Python raises at
 * every other line (google-genai 3.6.1).
 */
export class SseFraming implements Framing {
  pass(event: SseEvent): Buffer {
    return isOneLine(event) ? event.raw : Buffer.from(this.write(event.data ?? ''));
  }

  replace(event: SseEvent, json: Buffer): Buffer {
    const pass = this.pass(event);
    return pass === event.raw ? replaceData(event, json) : Buffer.from(this.write(json.toString()));
  }

  write(json: string): string {
    return `data: ${json.replaceAll('\n', ' ')}\n\n`;
  }

  end(): string {
    return '';
  }
}

function isOneLine({ raw, data }: SseEvent): boolean {
  if (data === null || data.includes('\n') || !raw.subarray(0, DATA.length).equals(DATA)) return false;
  const rest = raw.subarray(DATA.length + Buffer.byteLength(data));
  return LINE_ENDS.some((end) => end.equals(rest));
}

/** Google's own separators: `[{…}`, `,\r\n{…}`, `]`. Nothing may follow the end: Google's REST client for Python refuses it. */
export class ArrayFraming implements Framing {
  #hasBegun: boolean;

  constructor({ hasBegun } = { hasBegun: false }) {
    this.#hasBegun = hasBegun;
  }

  pass(event: SseEvent): Buffer {
    return Buffer.from(this.write(event.data ?? 'null'));
  }

  replace(_event: SseEvent, json: Buffer): Buffer {
    return Buffer.from(this.write(json.toString()));
  }

  write(json: string): string {
    const separator = this.#hasBegun ? ',\r\n' : '[';
    this.#hasBegun = true;
    return separator + json;
  }

  end(): string {
    return this.#hasBegun ? '\n]' : '[]';
  }
}
