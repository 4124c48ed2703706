// Reads the chunks of one answer as canonical events: those of the whole answer, and those of its candidates.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { blockText } from '#src/protocols/gemini-generate-content/answer/candidate-metadata.ts';
import { decodeServiceTier, readGeminiUsage, saysOutput } from '#src/protocols/gemini-generate-content/usage.ts';
import { asObject, asText, defined } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { CandidateReader } from './candidate-reader.ts';
import { blockReasonOf, type Chunk, candidateIndex, candidatesOf, searchesIn } from './chunk.ts';

const MS_PER_SECOND = 1_000;

export class ChunkReader {
  readonly #candidates = new Map<number, CandidateReader>();
  readonly #callId: (ordinal: number) => string;
  #calls = 0;
  #hasStarted = false;
  #serviceTier: string | null = null;
  #searches = 0;
  /** From an early chunk, which counts only the prompt: the only usage of a blocked prompt. */
  #promptUsage: Usage | null = null;

  constructor(callId: (ordinal: number) => string) {
    this.#callId = callId;
  }

  /** Whether anything of an answer was received: a candidate, or a blocked prompt. */
  get hasAnswer(): boolean {
    return this.#candidates.size > 0;
  }

  /** Number of candidates that have given a finish reason. */
  get heldFinishes(): number {
    return [...this.#candidates.values()].filter((candidate) => candidate.holdsFinish).length;
  }

  read(chunk: Chunk): AnswerEvent[] {
    const events = [...this.#readStart(chunk), ...this.#readServiceTier(chunk)];
    this.#searches = Math.max(this.#searches, searchesIn(chunk));
    const usage = readGeminiUsage(chunk.usageMetadata, this.#searches);
    const blockReason = blockReasonOf(chunk);
    const isTold = candidatesOf(chunk).some((candidate) => candidate.finishReason) || blockReason !== null;
    if (usage !== null && (isTold || saysOutput(chunk.usageMetadata))) events.push({ kind: 'usage', usage });
    else if (blockReason !== null && this.#promptUsage !== null)
      events.push({ kind: 'usage', usage: this.#promptUsage });
    else this.#promptUsage = usage ?? this.#promptUsage;
    for (const candidate of candidatesOf(chunk)) {
      events.push(...this.#candidate(candidateIndex(candidate)).read(candidate));
    }
    if (blockReason !== null) events.push(...this.#block(blockReason, asObject(chunk.promptFeedback)!));
    return events;
  }

  /** Called after the last chunk. @param isWhole whether no chunk is missing. */
  close(isWhole: boolean): AnswerEvent[] {
    return [...this.#candidates.values()].flatMap((candidate) =>
      isWhole ? candidate.finishAsWhole() : candidate.finish(),
    );
  }

  #readStart(chunk: Chunk): AnswerEvent[] {
    if (this.#hasStarted) return [];
    this.#hasStarted = true;
    const createdMs = Date.parse(asText(chunk.createTime) ?? '');
    const createdAt = Number.isNaN(createdMs) ? undefined : Math.floor(createdMs / MS_PER_SECOND);
    const id = asText(chunk.responseId) ?? '';
    return [{ kind: 'answer-start', id, model: asText(chunk.modelVersion) ?? '', ...defined({ createdAt }) }];
  }

  #readServiceTier(chunk: Chunk): AnswerEvent[] {
    const serviceTier = decodeServiceTier(asText(asObject(chunk.usageMetadata)?.serviceTier));
    if (serviceTier === undefined || serviceTier === this.#serviceTier) return [];
    this.#serviceTier = serviceTier;
    return [{ kind: 'service-tier', serviceTier }];
  }

  #candidate(index: number): CandidateReader {
    const known = this.#candidates.get(index);
    if (known !== undefined) return known;
    const reader = new CandidateReader(index, () => this.#callId(this.#calls++));
    this.#candidates.set(index, reader);
    return reader;
  }

  /** A blocked prompt ends the answer, regardless of the number of requested answers. */
  #block(reason: string, feedback: JsonObject): AnswerEvent[] {
    const text = blockText(reason, asText(feedback.blockReasonMessage));
    return [...this.#candidate(0).finishAsBlocked(text), { kind: 'end' }];
  }
}
