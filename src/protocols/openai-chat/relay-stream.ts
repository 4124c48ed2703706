// A chat stream from a chat vendor: relayed byte for byte, but for the cost that is added, the usage that the client did
// not ask for, and a missing end. Every event is parsed: a stream that breaks must never look whole.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { Usage } from '../../contracts/usage.ts';
import { editObject } from '../json-object.ts';
import type { RelayContext, RelayedEvent, StreamRelay } from '../protocol.ts';
import { replaceData, type SseEvent } from '../sse-splitter.ts';
import { tokensOfBytes } from '../token-estimate.ts';
import { type ChatChunk, deltaBytes } from './chunk.ts';
import { readChatEventFailure } from './failures.ts';
import { insertCost, readChatUsage, readReportedCost, writeChatUsage } from './usage.ts';

const DONE = '[DONE]';
const DONE_EVENT = Buffer.from('data: [DONE]\n\n');
const USAGE_NULL = Buffer.from(',"usage":null');
const WITHOUT_USAGE = { remove: ['usage'] };

export class ChatStreamRelay implements StreamRelay {
  readonly #context: RelayContext;
  readonly #finishedChoices = new Set<number>();
  #hasChunk = false;
  #isDone = false;
  #usage: Usage | null = null;
  #outputBytes = 0;
  /** Identity of the answer, for a usage chunk that the vendor left out. */
  #lastChunk: ChatChunk = {};

  constructor(context: RelayContext) {
    this.#context = context;
  }

  accept(event: SseEvent): RelayedEvent {
    if (this.#isDone) return NOTHING;
    // Comments are passed on once the answer has begun; an event name without data makes SDKs throw.
    if (event.data === null) return event.name === null && this.#hasChunk ? { bytes: event.raw } : NOTHING;
    if (event.data === DONE) return this.#finish(event.raw);
    const chunk = parseChunk(event.data);
    if (chunk === null) return { bytes: null, failure: MALFORMED };
    if (chunk.error) return { bytes: null, failure: readChatEventFailure(chunk.error) };
    return { bytes: this.#relay(event, chunk), isPreamble: this.#outputBytes === 0 && !isTelling(chunk) };
  }

  end(): RelayedEvent {
    if (this.#isDone) return NOTHING;
    if (!this.isComplete()) return { bytes: null, failure: CUT };
    return this.#finish(DONE_EVENT);
  }

  usage(): Usage {
    return (
      this.#usage ?? {
        inputTokens: this.#hasChunk ? this.#context.estimatedInputTokens : 0,
        cachedInputTokens: 0,
        cacheWriteTokens: 0,
        outputTokens: tokensOfBytes(this.#outputBytes),
        reasoningTokens: 0,
        isEstimated: true,
      }
    );
  }

  isComplete(): boolean {
    return this.#isDone || this.#finishedChoices.size >= this.#context.choices;
  }

  #relay(event: SseEvent, chunk: ChatChunk): Buffer | null {
    this.#hasChunk = true;
    this.#lastChunk = chunk;
    this.#track(chunk);
    const usage = readChatUsage(chunk.usage);
    if (usage !== null) this.#usage = usage;
    if (this.#context.usageDelivery === 'none') return withoutUsage(event, chunk);
    if (usage === null) return event.raw;
    const json = Buffer.from(event.data!);
    return replaceData(event, insertCost(json, this.#context.priceUsage(usage, readReportedCost(json))));
  }

  #track(chunk: ChatChunk): void {
    for (const choice of chunk.choices ?? []) {
      this.#outputBytes += deltaBytes(choice.delta);
      if (choice.finish_reason) this.#finishedChoices.add(choice.index ?? 0);
    }
  }

  /** The end of the stream, preceded by the usage that the client asked for and the vendor did not give. */
  #finish(doneEvent: Buffer): RelayedEvent {
    this.#isDone = true;
    const isUsageOwed = this.#context.usageDelivery !== 'none' && this.#usage === null && this.#hasChunk;
    return { bytes: isUsageOwed ? Buffer.concat([this.#estimatedUsageEvent(), doneEvent]) : doneEvent };
  }

  #estimatedUsageEvent(): Buffer {
    const { id, created, model } = this.#lastChunk;
    const usage = this.usage();
    const json = Buffer.from(
      JSON.stringify({
        id,
        object: 'chat.completion.chunk',
        created,
        model,
        choices: [],
        usage: writeChatUsage(usage),
      }),
    );
    const priced = insertCost(json, this.#context.priceUsage(usage, null));
    return Buffer.concat([Buffer.from('data: '), priced, Buffer.from('\n\n')]);
  }
}

/** A finish or usage ends the wait for content that never comes. */
function isTelling(chunk: ChatChunk): boolean {
  return Boolean(chunk.usage) || (chunk.choices ?? []).some((choice) => Boolean(choice.finish_reason));
}

const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not valid JSON; the answer cannot be trusted to be whole.',
);

const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the answer was finished.',
);

function parseChunk(data: string): ChatChunk | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ChatChunk) : null;
  } catch {
    return null;
  }
}

/** The chunk without usage; null when it was there for the usage only. */
function withoutUsage(event: SseEvent, chunk: ChatChunk): Buffer | null {
  if (chunk.usage === undefined) return event.raw;
  if (chunk.usage !== null && (chunk.choices?.length ?? 0) === 0) return null;
  // Inside a JSON string the quotes would be escaped, so these bytes can only be the member itself.
  const at = chunk.usage === null ? event.raw.indexOf(USAGE_NULL) : -1;
  if (at >= 0) return Buffer.concat([event.raw.subarray(0, at), event.raw.subarray(at + USAGE_NULL.length)]);
  return replaceData(event, editObject(Buffer.from(event.data!), WITHOUT_USAGE));
}
