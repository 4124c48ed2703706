// A Messages stream from a Messages provider: relayed byte for byte, except for the added cost. Every event is parsed:
// a broken stream must never look complete.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { nameModel } from '#src/protocols/anthropic-messages/answer/decode-answer.ts';
import { deltaBytes } from '#src/protocols/anthropic-messages/blocks.ts';
import { readMessagesEventFailure } from '#src/protocols/anthropic-messages/failures.ts';
import { asObject } from '#src/protocols/anthropic-messages/loose-json.ts';
import {
  billedUsage,
  insertCost,
  mergeUsage,
  readMessagesUsage,
  writeMessagesUsage,
} from '#src/protocols/anthropic-messages/usage.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import type { RelayContext, RelayedEvent, StreamRelay } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject, isObjectBytes, memberBytes } from '#src/protocols/wire/json-object.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';

export class MessagesStreamRelay implements StreamRelay {
  readonly #context: RelayContext;
  #hasStarted = false;
  /** Whether visible content was received. */
  #hasContent = false;
  #isDone = false;
  #hasFinalUsage = false;
  /** The provider's counts so far, in its own shape. */
  #counts: JsonObject | null = null;
  #outputBytes = 0;
  #stopReason: unknown = null;

  constructor(context: RelayContext) {
    this.#context = context;
  }

  accept(event: SseEvent): RelayedEvent {
    if (this.#isDone) return NOTHING;
    const data = saidBy(event);
    if (data === null || isDone(data)) return NOTHING;
    const message = asObject(parseJson(data));
    if (message === null) return { bytes: null, failure: MALFORMED };
    if (message.type === 'error') return { bytes: null, failure: readMessagesEventFailure(message) };
    const bytes = this.#relay(event, message);
    return { bytes, isPreamble: !this.#hasContent };
  }

  end(): RelayedEvent {
    return this.#isDone ? NOTHING : { bytes: null, failure: CUT };
  }

  /** Before the end of the stream, the provider's count of the input and an estimate of the output. */
  usage(): Usage {
    const read = readMessagesUsage(this.#counts);
    const counted = read?.isUncounted ? null : read;
    if (counted !== null && this.#hasFinalUsage) return billedUsage(counted, this.#stopReason, this.#outputBytes > 0);
    const estimatedInput = { ...NO_USAGE, inputTokens: this.#hasStarted ? this.#context.estimatedInputTokens : 0 };
    const known = counted ?? estimatedInput;
    const outputTokens = Math.max(known.outputTokens, tokensOfBytes(this.#outputBytes));
    const estimated = { ...known, outputTokens, isEstimated: true };
    return read?.isUncounted ? countedOr(read, estimated) : estimated;
  }

  isOver(): boolean {
    return this.#isDone;
  }

  isComplete(): boolean {
    return this.#isDone;
  }

  #relay(event: SseEvent, message: JsonObject): Buffer {
    switch (message.type) {
      case 'message_start':
        this.#hasStarted = true;
        this.#counts = mergeUsage(this.#counts, asObject(message.message)?.usage);
        return this.#nameModel(event);
      case 'content_block_start':
        this.#hasContent ||= !QUIET_BLOCKS.has(String(asObject(message.content_block)?.type));
        return event.raw;
      case 'content_block_delta':
        this.#outputBytes += deltaBytes(asObject(message.delta) ?? {});
        this.#hasContent ||= this.#outputBytes > 0;
        return event.raw;
      case 'message_delta':
        return this.#addCost(event, message);
      case 'message_stop':
        this.#isDone = true;
        this.#hasContent = true;
        return event.raw;
      default:
        return event.raw;
    }
  }

  #nameModel(event: SseEvent): Buffer {
    const json = Buffer.from(event.data!);
    const message = memberBytes(json, 'message');
    if (!isObjectBytes(message)) return event.raw;
    const begun = this.#withPrompt(nameModel(message, this.#context));
    return begun === message ? event.raw : replaceData(event, editObject(json, { set: new Map([['message', begun]]) }));
  }

  /** Providers that copy the protocol count the prompt at the end: until then it is estimated. */
  #withPrompt(message: Buffer): Buffer {
    if ((readMessagesUsage(this.#counts)?.inputTokens ?? 0) > 0) return message;
    const sent = memberBytes(message, 'usage');
    const tokens = String(this.#context.estimatedInputTokens);
    const base = isObjectBytes(sent) ? sent : Buffer.from('{"input_tokens":0,"output_tokens":0}');
    const usage = editObject(base, { set: new Map([['input_tokens', tokens]]) });
    return editObject(message, { set: new Map([['usage', usage]]) });
  }

  #addCost(event: SseEvent, { usage: counts, delta }: JsonObject): Buffer {
    this.#hasContent = true;
    this.#stopReason = asObject(delta)?.stop_reason ?? this.#stopReason;
    this.#counts = mergeUsage(this.#counts, counts);
    this.#hasFinalUsage ||= readMessagesUsage(counts) !== null;
    const usage = this.usage();
    const json = Buffer.from(event.data!);
    const shown = this.#context.priceUsage(usage);
    return replaceData(event, insertCost(json, shown, writeMessagesUsage(usage)));
  }
}

/** Blocks that begin empty. */
const QUIET_BLOCKS = new Set(['text', 'thinking']);

const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

export const MALFORMED: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not valid JSON; the response may be incomplete.',
);

const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the response was finished.',
);
