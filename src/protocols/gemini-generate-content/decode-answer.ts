// A Gemini provider's answer, whole or as a stream, in the canonical form.
import type { Answer, AnswerEvent } from '../../contracts/answer.ts';
import { createFailure, type Failure } from '../../contracts/failure.ts';
import { type AnswerDecoder, callIdFor, type DecodeContext } from '../codec.ts';
import { isDone, saidBy } from '../event-data.ts';
import type { SseEvent } from '../sse-splitter.ts';
import { errorOf, readBareJson, readChunks } from './chunk.ts';
import { ChunkReader } from './chunk-reader.ts';
import { collectAnswer } from './collect-answer.ts';
import { readGeminiEventFailure } from './provider-failures.ts';
import { parseJson } from './wire-values.ts';

export function decodeGeminiAnswer(body: unknown, context: DecodeContext): Answer | Failure {
  const chunks = readChunks(body) ?? [];
  const error = errorOf(chunks);
  if (error !== null) return readGeminiEventFailure(error);
  const reader = new ChunkReader((ordinal) => callIdFor(context, ordinal));
  const events = chunks.flatMap((chunk) => reader.read(chunk));
  if (!reader.hasAnswer) return NO_ANSWER;
  return collectAnswer([...events, ...reader.close(true)]);
}

export class GeminiAnswerDecoder implements AnswerDecoder {
  readonly #reader: ChunkReader;
  /** Said again at the end: what came before it must not be taken for a whole answer. */
  #failure: Failure | null = null;

  constructor(context: DecodeContext) {
    this.#reader = new ChunkReader((ordinal) => callIdFor(context, ordinal));
  }

  get heldFinishes(): number {
    return this.#failure === null ? this.#reader.heldFinishes : 0;
  }

  decode(event: SseEvent): AnswerEvent[] {
    const data = saidBy(event);
    if (data !== null && isDone(data)) return [];
    const chunks = data === null ? (readBareJson(event.raw) ?? []) : readChunks(parseJson(data));
    if (chunks === null) return this.#fail(MALFORMED);
    const error = errorOf(chunks);
    if (error !== null) return this.#fail(readGeminiEventFailure(error));
    // Without `data:` nothing but an error means anything.
    return data === null ? [{ kind: 'ping' }] : chunks.flatMap((chunk) => this.#reader.read(chunk));
  }

  close(): AnswerEvent[] {
    return this.#failure === null ? this.#reader.close(false) : this.#fail(this.#failure);
  }

  #fail(failure: Failure): AnswerEvent[] {
    this.#failure = failure;
    return [{ kind: 'error', failure }];
  }
}

const NO_ANSWER: Failure = createFailure(
  'upstream_malformed',
  'The provider answered 200 without a candidate and without a reason.',
);

const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not an answer in JSON; the answer cannot be trusted to be whole.',
);
