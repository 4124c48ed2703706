// A chat stream passed through: byte for byte, except for the added cost, usage that the client did not request, and a
// missing end. Every event is parsed: a broken stream must never look complete.

import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { readChatEventFailure } from '#src/protocols/openai/failures.ts';
import { usageIn, withModel } from '#src/protocols/openai/usage.ts';
import type { RelayContext, RelayedEvent, StreamRelay } from '#src/protocols/protocol.ts';
import { countedOr, readTier } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { ChunkNormaliser } from '../answer/relay-body.ts';
import { type ChatChunk, choiceBytes, errorIn, objectsIn, parseChatChunk } from '../chunk.ts';
import { openStreamUsage, type StreamUsage } from './stream-usage.ts';

const DONE_EVENT = Buffer.from('data: [DONE]\n\n');

export class ChatStreamRelay implements StreamRelay {
  readonly #context: RelayContext;
  readonly #streamUsage: StreamUsage;
  readonly #normaliser = new ChunkNormaliser();
  readonly #finishedChoices = new Set<number>();
  #hasChunk = false;
  #isDone = false;
  #usage: Usage | null = null;
  /** The latest tier, since the first chunk may have the requested one. */
  #serviceTier: string | undefined;
  #outputBytes = 0;

  constructor(context: RelayContext) {
    this.#context = context;
    this.#streamUsage = openStreamUsage(context);
  }

  accept(event: SseEvent): RelayedEvent {
    if (this.#isDone) return NOTHING;
    const data = saidBy(event);
    if (data === null) return NOTHING;
    if (isDone(data)) return this.#finish(DONE_EVENT);
    const chunk = parseChatChunk(data);
    // After the last finish the answer is complete.
    if (chunk === null) return this.isComplete() ? NOTHING : { bytes: null, failure: MALFORMED };
    const error = errorIn(event, chunk);
    if (error !== null) return { bytes: null, failure: readChatEventFailure(error) };
    return { bytes: this.#relay(event, chunk), isPreamble: this.#outputBytes === 0 && !isTelling(chunk) };
  }

  end(): RelayedEvent {
    if (this.#isDone) return NOTHING;
    if (!this.isComplete()) return { bytes: null, failure: CUT };
    return this.#finish(DONE_EVENT);
  }

  usage(): Usage {
    const usage = countedOr(this.#usage, {
      ...NO_USAGE,
      inputTokens: this.#hasChunk ? this.#context.estimatedInputTokens : 0,
      outputTokens: tokensOfBytes(this.#outputBytes),
      isEstimated: true,
    });
    const serviceTier = usage.serviceTier ?? this.#serviceTier;
    return serviceTier === undefined ? usage : { ...usage, serviceTier };
  }

  isOver(): boolean {
    return this.#isDone;
  }

  isComplete(): boolean {
    return this.#isDone || this.#finishedChoices.size >= this.#context.choices;
  }

  #relay(event: SseEvent, chunk: ChatChunk): Buffer | null {
    this.#hasChunk = true;
    this.#track(chunk);
    this.#usage = usageIn(chunk) ?? this.#usage;
    if (chunk.service_tier !== undefined) this.#serviceTier = readTier(chunk.service_tier);
    return this.#streamUsage.relay(this.#readable(event, chunk), chunk, this.isComplete(), () => this.usage());
  }

  #track(chunk: ChatChunk): void {
    for (const choice of objectsIn(chunk.choices)) {
      this.#outputBytes += choiceBytes(choice);
      if (choice.finish_reason) this.#finishedChoices.add(choice.index ?? 0);
    }
  }

  #readable(event: SseEvent, chunk: ChatChunk): SseEvent {
    const data = this.#normaliser.normalise(event.data!, chunk);
    // Azure's first chunk only has filter results, and no model.
    const isNamed = Boolean(chunk.model) || objectsIn(chunk.choices).length === 0;
    const named = isNamed ? data : withModel(Buffer.from(data), chunk, this.#context).toString();
    return named === event.data ? event : { ...event, raw: replaceData(event, Buffer.from(named)), data: named };
  }

  /** The end of the stream, preceded by the usage that the client must still get. */
  #finish(doneEvent: Buffer): RelayedEvent {
    this.#isDone = true;
    const owed = this.#hasChunk ? this.#streamUsage.end(this.usage()) : null;
    return { bytes: owed === null ? doneEvent : Buffer.concat([owed, doneEvent]) };
  }
}

/** Whether a chunk ends the wait for content: a finish, or usage. */
function isTelling(chunk: ChatChunk): boolean {
  return Boolean(chunk.usage) || objectsIn(chunk.choices).some((choice) => Boolean(choice.finish_reason));
}

const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not valid JSON; the response may be incomplete.',
);

const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the response was finished.',
);
