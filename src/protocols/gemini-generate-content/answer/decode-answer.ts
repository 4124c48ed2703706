// A Gemini provider's answer, whole or as a stream, in the canonical form.
import type { Answer, AnswerChoice, AnswerEvent, PartStart } from '#src/contracts/answer.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { type AnswerDecoder, callIdFor, type DecodeContext } from '#src/protocols/codec.ts';
import { readGeminiEventFailure } from '#src/protocols/gemini-generate-content/failures.ts';
import {
  blockReasonOf,
  type Chunk,
  candidatesOf,
  errorOf,
  generatedBytes,
  readBareJson,
  readChunks,
  searchesIn,
} from '#src/protocols/gemini-generate-content/stream/chunk.ts';
import { ChunkReader } from '#src/protocols/gemini-generate-content/stream/chunk-reader.ts';
import { insertCost, readGeminiUsage, writeGeminiUsage } from '#src/protocols/gemini-generate-content/usage.ts';
import { asObject, defined } from '#src/protocols/gemini-generate-content/wire-values.ts';
import type { RelayContext, RelayedBody } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject } from '#src/protocols/wire/json-object.ts';
import type { SseEvent } from '#src/protocols/wire/sse-splitter.ts';

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
  /** Reported again at the end, so that what came before does not count as a complete answer. */
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
    // Without `data:`, only errors are meaningful.
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
  'The provider responded with 200, but without a candidate and without a reason.',
);

const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not a response in JSON; the response may be incomplete.',
);

// Builds a whole answer from the events of a stream, so that both are read by the same code.

/** The first error among the events, if there is one, in place of the answer. */
export function collectAnswer(events: readonly AnswerEvent[]): Answer | Failure {
  const answer: Answer = { id: '', model: '', choices: [], usage: null };
  for (const event of events) {
    if (event.kind === 'error') return event.failure;
    if (event.kind === 'answer-start') {
      const { id, model, createdAt } = event;
      Object.assign(answer, defined({ id, model, createdAt }));
    } else if (event.kind === 'usage') answer.usage = event.usage;
    else if (event.kind === 'service-tier') answer.serviceTier = event.serviceTier;
    else if ('choice' in event) collect(choiceOf(answer, event.choice), event);
  }
  answer.choices.sort((left, right) => left.index - right.index);
  return answer;
}

type ChoiceEvent = Extract<AnswerEvent, { choice: number }>;

function choiceOf(answer: Answer, index: number): AnswerChoice {
  const known = answer.choices.find((choice) => choice.index === index);
  if (known !== undefined) return known;
  const choice: AnswerChoice = { index, parts: [], finishReason: 'stop' };
  answer.choices.push(choice);
  return choice;
}

function collect(choice: AnswerChoice, event: ChoiceEvent): void {
  if (event.kind === 'finish') {
    choice.finishReason = event.reason;
    if (event.message !== undefined) choice.finishMessage = event.message;
    return;
  }
  if (event.kind === 'part-start') choice.parts[event.part] = emptyPart(event.start);
  if (event.kind === 'part-whole') choice.parts[event.part] = event.value;
  const part = choice.parts[event.part];
  if (part === undefined) return;
  if (event.kind === 'part-delta') {
    append(part, event.delta);
    if (event.logProbabilities !== undefined) {
      choice.logProbabilities = [...(choice.logProbabilities ?? []), ...event.logProbabilities];
    }
  }
  if (event.kind === 'part-citation' && part.kind === 'text')
    part.citations = [...(part.citations ?? []), event.citation];
  if (event.kind === 'part-end') Object.assign(part, defined({ signature: event.signature }));
}

function emptyPart(start: PartStart): Part {
  return start.kind === 'tool-call' ? { ...start, arguments: '' } : { ...start, text: '' };
}

function append(part: Part, delta: string): void {
  if (part.kind === 'tool-call') part.arguments += delta;
  else if ('text' in part) part.text += delta;
}

// A Gemini answer from a Gemini provider, not streamed: the provider's bytes with the cost added.

export function relayGeminiBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  const error = answer === null ? null : errorOf([answer]);
  if (error !== null) return { body, usage: NO_USAGE, failure: readGeminiEventFailure(error) };
  if (answer === null || !isAnswer(answer)) {
    const failure = createFailure(
      'upstream_malformed',
      'The provider responded with 200, but the body is not a valid response.',
    );
    return { body, usage: NO_USAGE, failure };
  }
  const usage = countedOr(readGeminiUsage(answer.usageMetadata, searchesIn(answer)), estimateUsage(answer, context));
  const metadata = JSON.stringify(writeGeminiUsage(usage));
  const named = withModelVersion(body, answer, context);
  const base = usage.isEstimated ? editObject(named, { set: new Map([['usageMetadata', metadata]]) }) : named;
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

/** Adds the requested model to an answer that does not name one. */
export function withModelVersion(json: Buffer, { modelVersion }: Chunk, { requestedModel }: RelayContext): Buffer {
  if (modelVersion || requestedModel === undefined) return json;
  return editObject(json, { set: new Map([['modelVersion', JSON.stringify(requestedModel)]]) });
}

function isAnswer(answer: Chunk): boolean {
  return candidatesOf(answer).length > 0 || blockReasonOf(answer) !== null;
}

function estimateUsage(answer: Chunk, context: RelayContext): Usage {
  const outputTokens = tokensOfBytes(generatedBytes(answer));
  return { ...NO_USAGE, inputTokens: context.estimatedInputTokens, outputTokens, isEstimated: true };
}
