// A Gemini stream from a Gemini provider: relayed byte for byte, except for the cost, which belongs in the last chunk with
// usage. Every chunk has cumulative usage and only the end of the stream shows which was the last, so once the
// answer is complete its latest chunk is held until the next one or the end. Google closes the stream right after it.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { withModelVersion } from '#src/protocols/gemini-generate-content/answer/decode-answer.ts';
import { readGeminiEventFailure } from '#src/protocols/gemini-generate-content/failures.ts';
import {
  insertCost,
  readGeminiUsage,
  saysOutput,
  writeGeminiUsage,
} from '#src/protocols/gemini-generate-content/usage.ts';
import { asObject } from '#src/protocols/gemini-generate-content/wire-values.ts';
import type { RelayContext, RelayedEvent, StreamRelay } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject } from '#src/protocols/wire/json-object.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import {
  blockReasonOf,
  type Chunk,
  candidateIndex,
  candidatesOf,
  errorOf,
  type Framing,
  finishReasonOf,
  generatedBytes,
  isVisible,
  readBareJson,
  readChunks,
  searchesIn,
} from './chunk.ts';

export class GeminiStreamRelay implements StreamRelay {
  readonly #context: RelayContext;
  readonly #framing: Framing;
  readonly #finishedCandidates = new Set<number>();
  #hasChunk = false;
  #isVisible = false;
  #isBlocked = false;
  #isDone = false;
  /** Reported again at the end, so that what came before does not count as a complete answer. */
  #failure: Failure | null = null;
  #held: SseEvent | null = null;
  #usage: Usage | null = null;
  /** From an early chunk: the provider's count of the prompt. */
  #promptUsage: Usage | null = null;
  #searches = 0;
  /** The provider's latest usage metadata, for a last chunk without any. */
  #usageMetadata: unknown = null;
  #outputBytes = 0;

  constructor(context: RelayContext, framing: Framing) {
    this.#context = context;
    this.#framing = framing;
  }

  accept(event: SseEvent): RelayedEvent {
    if (this.#isDone) return NOTHING;
    const data = saidBy(event);
    if (data !== null && isDone(data)) return NOTHING;
    const chunks = data === null ? (readBareJson(event.raw) ?? []) : readChunks(parseJson(data));
    const error = errorOf(chunks ?? []);
    if (error !== null) return this.#fail(readGeminiEventFailure(error));
    // Without `data:`, only errors are meaningful.
    if (data === null) return NOTHING;
    if (chunks?.length !== 1) return this.#fail(MALFORMED);
    this.#track(chunks[0]!);
    return { bytes: this.#relay(this.#named(event, chunks[0]!)), isPreamble: !this.#isVisible };
  }

  end(): RelayedEvent {
    if (this.#isDone) return NOTHING;
    if (this.#failure !== null) return this.#fail(this.#failure);
    if (!this.isComplete()) return this.#fail(CUT);
    this.#isDone = true;
    const last = this.#held === null ? EMPTY : this.#withCost(this.#held);
    return { bytes: Buffer.concat([last, Buffer.from(this.#framing.end())]) };
  }

  usage(): Usage {
    // A blocked prompt has no other usage than the count of the prompt.
    if (this.#usage === null && this.#isBlocked && this.#promptUsage !== null) return this.#promptUsage;
    const guess = this.#hasChunk ? this.#context.estimatedInputTokens : 0;
    const inputTokens = this.#promptUsage?.inputTokens || guess;
    const outputTokens = tokensOfBytes(this.#outputBytes);
    return countedOr(this.#usage, { ...NO_USAGE, inputTokens, outputTokens, isEstimated: true });
  }

  isOver(): boolean {
    return this.#isDone;
  }

  isComplete(): boolean {
    return this.#isBlocked || this.#finishedCandidates.size >= this.#context.choices;
  }

  #fail(failure: Failure): RelayedEvent {
    this.#failure = failure;
    return { bytes: null, failure };
  }

  #track(chunk: Chunk): void {
    this.#hasChunk = true;
    this.#outputBytes += generatedBytes(chunk);
    this.#isBlocked ||= blockReasonOf(chunk) !== null;
    this.#isVisible ||= isVisible(chunk) || this.#isBlocked;
    for (const candidate of candidatesOf(chunk)) {
      if (finishReasonOf(candidate) !== null) this.#finishedCandidates.add(candidateIndex(candidate));
    }
    this.#searches = Math.max(this.#searches, searchesIn(chunk));
    const usage = readGeminiUsage(chunk.usageMetadata, this.#searches);
    if (usage === null) return;
    if (!this.isComplete() && !saysOutput(chunk.usageMetadata)) {
      this.#promptUsage = usage;
      return;
    }
    this.#usage = usage;
    this.#usageMetadata = chunk.usageMetadata;
  }

  #named(event: SseEvent, chunk: Chunk): SseEvent {
    const json = Buffer.from(event.data!);
    const named = withModelVersion(json, chunk, this.#context);
    return named === json ? event : { ...event, raw: replaceData(event, named), data: named.toString() };
  }

  /** The bytes to send now: the held chunk, and this one unless it may be the last. */
  #relay(event: SseEvent): Buffer | null {
    const out = this.#held === null ? [] : [this.#framing.pass(this.#held)];
    this.#held = this.isComplete() ? event : null;
    if (this.#held === null) out.push(this.#framing.pass(event));
    return out.length === 0 ? null : Buffer.concat(out);
  }

  #withCost(event: SseEvent): Buffer {
    const usage = this.usage();
    const json = Buffer.from(event.data!);
    const hasUsage = readGeminiUsage(asObject(parseJson(event.data!))?.usageMetadata) !== null;
    const isOurs = usage.isEstimated || this.#usageMetadata === null;
    const metadata = JSON.stringify(isOurs ? writeGeminiUsage(usage) : this.#usageMetadata);
    const full =
      hasUsage && !usage.isEstimated ? json : editObject(json, { set: new Map([['usageMetadata', metadata]]) });
    return this.#framing.replace(event, insertCost(full, this.#context.priceUsage(usage)));
  }
}

const EMPTY = Buffer.alloc(0);
const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not a response in JSON; the response may be incomplete.',
);

const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the response was finished.',
);
