// Translates an answer from the provider's protocol to the client's, whole or streamed. Independent of any one protocol.
import type { Answer, AnswerEvent } from '#src/contracts/answer.ts';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import type {
  AnswerDecoder,
  AnswerEncoder,
  ClientCodec,
  DecodeContext,
  EncodeContext,
  TranslationPair,
} from '../codec.ts';
import type { RelayContext, RelayedBody, RelayedEvent, StreamRelay, Translation } from '../protocol.ts';
import { countedOr, readTier } from '../providers/counts.ts';
import { tokensOfBytes } from '../providers/token-estimate.ts';
import { parseMessage } from '../wire/exact-json.ts';
import type { SseEvent } from '../wire/sse-splitter.ts';

export function createTranslation(
  pair: TranslationPair,
  encodeContext: Omit<EncodeContext, 'usageDelivery'>,
  decodeContext: DecodeContext,
): Translation {
  return {
    openStream(context) {
      const { usageDelivery, estimatedInputTokens } = context;
      const encoder = pair.client.openEncoder({ ...encodeContext, usageDelivery, estimatedInputTokens });
      return new TranslatedStream(pair.upstream.openDecoder(decodeContext), encoder, context);
    },
    relayBody(body, context) {
      const parsed = parseJson(body);
      const answer = pair.upstream.decodeAnswer(parsed, decodeContext);
      if (isFailure(answer)) {
        // A failed answer is billed for what it used.
        const counted = pair.upstream.readFailedUsage?.(parsed) ?? null;
        return { body, usage: countedOr(counted, NO_USAGE), failure: answer };
      }
      return encodeWhole(pair.client, answer, context, {
        ...encodeContext,
        usageDelivery: context.usageDelivery,
      });
    },
  };
}

function encodeWhole(
  client: ClientCodec,
  answer: Answer,
  context: RelayContext,
  encodeContext: EncodeContext,
): RelayedBody {
  const parts = answer.choices.flatMap((choice) => choice.parts);
  const usage = servedBy(answer.serviceTier, countedOr(answer.usage, estimatedUsage(context, parts)));
  const named = { ...answer, model: answer.model || (context.requestedModel ?? '') };
  const text = client.encodeAnswer(named, usage, context.priceUsage(usage), encodeContext);
  return { body: Buffer.from(text), usage };
}

/** Adds the answer's tier to usage that has none. */
function servedBy(tier: string | undefined, usage: Usage): Usage {
  const serviceTier = usage.serviceTier ?? readTier(tier);
  return serviceTier === undefined ? usage : { ...usage, serviceTier };
}

function estimatedUsage(context: RelayContext, parts: readonly Part[]): Usage {
  const bytes = parts.reduce((sum, part) => sum + bytesOfPart(part), 0);
  return estimate(context.estimatedInputTokens, bytes);
}

function estimate(inputTokens: number, outputBytes: number): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens: tokensOfBytes(outputBytes), isEstimated: true };
}

function bytesOfPart(part: Part): number {
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return Buffer.byteLength(part.text);
    case 'tool-call':
      return Buffer.byteLength(part.name) + Buffer.byteLength(part.arguments);
    default:
      return 0;
  }
}

/** A relay from any decoder to any encoder. */
export class TranslatedStream implements StreamRelay {
  readonly #decoder: AnswerDecoder;
  readonly #encoder: AnswerEncoder;
  readonly #context: RelayContext;
  readonly #finishedChoices = new Set<number>();
  #hasStarted = false;
  /** Whether something visible was relayed. */
  #hasContent = false;
  #isEnded = false;
  #isDone = false;
  #outputBytes = 0;
  #usage: Usage | null = null;
  #serviceTier: string | undefined;

  constructor(decoder: AnswerDecoder, encoder: AnswerEncoder, context: RelayContext) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#context = context;
  }

  accept(event: SseEvent): RelayedEvent {
    if (this.#isDone) return NOTHING;
    return this.#relay(this.#decoder.decode(event));
  }

  end(): RelayedEvent {
    if (this.#isDone) return NOTHING;
    const events = this.#decoder.close();
    if (!this.#isWholeWith(events)) return this.#breakOff(events);
    const { bytes, failure } = this.#relay(events);
    if (failure !== undefined || this.#isDone) return { bytes, ...(failure === undefined ? {} : { failure }) };
    return { bytes: Buffer.concat([bytes ?? EMPTY, Buffer.from(this.#finish())]) };
  }

  usage(): Usage {
    const seen = { hasStarted: this.#hasStarted, outputBytes: this.#outputBytes };
    const { hasStarted, outputBytes } = this.#decoder.received ?? seen;
    const estimated = estimate(hasStarted ? this.#context.estimatedInputTokens : 0, outputBytes);
    return servedBy(this.#serviceTier, countedOr(this.#usage, estimated));
  }

  isOver(): boolean {
    return this.#isDone;
  }

  isComplete(): boolean {
    const finished = this.#finishedChoices.size + (this.#decoder.heldFinishes ?? 0);
    return this.#isEnded || finished >= this.#context.choices;
  }

  #isWholeWith(events: readonly AnswerEvent[]): boolean {
    const finished = events.flatMap((event) => (event.kind === 'finish' ? [event.choice] : []));
    const isEnded = this.#isEnded || events.some((event) => event.kind === 'end' || event.kind === 'error');
    return isEnded || new Set([...this.#finishedChoices, ...finished]).size >= this.#context.choices;
  }

  /** The stream was cut off. The client's parts stay open, because an ended part could not be resumed. */
  #breakOff(events: readonly AnswerEvent[]): RelayedEvent {
    for (const event of events) this.#track(event);
    return { bytes: null, failure: CUT };
  }

  #relay(events: readonly AnswerEvent[]): RelayedEvent {
    let text = '';
    for (const event of events) {
      if (event.kind === 'error') return this.#relayed(text, event.failure);
      text += this.#encode(event);
    }
    return this.#relayed(text);
  }

  #relayed(text: string, failure?: Failure): RelayedEvent {
    const bytes = text === '' ? null : Buffer.from(text);
    return { bytes, isPreamble: !this.#hasContent, ...(failure === undefined ? {} : { failure }) };
  }

  #encode(event: Exclude<AnswerEvent, { kind: 'error' }>): string {
    this.#hasStarted = true;
    this.#track(event);
    switch (event.kind) {
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'ping':
        return '';
      case 'end':
        this.#isEnded = true;
        return this.#isDone ? '' : this.#finish();
      case 'answer-start':
        // If the provider does not name its model, the requested one is shown.
        return this.#encoder.encode({ ...event, model: event.model || (this.#context.requestedModel ?? '') });
      default:
        return this.#encoder.encode(event);
    }
  }

  #track(event: AnswerEvent): void {
    if (event.kind === 'part-delta') this.#outputBytes += Buffer.byteLength(event.delta);
    if ('serviceTier' in event) this.#serviceTier = event.serviceTier;
    if (event.kind === 'finish') this.#finishedChoices.add(event.choice);
    this.#hasContent ||= isVisible(event);
  }

  #finish(): string {
    this.#isDone = true;
    const usage = this.usage();
    return this.#encoder.end(usage, this.#context.priceUsage(usage));
  }
}

function isVisible(event: AnswerEvent): boolean {
  switch (event.kind) {
    case 'part-delta':
      return event.delta !== '';
    case 'part-start':
      return event.start.kind === 'tool-call';
    case 'part-whole':
    case 'finish':
    case 'end':
      return true;
    default:
      return false;
  }
}

const EMPTY = Buffer.alloc(0);
const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the response was finished.',
);

function parseJson(body: Buffer): unknown {
  try {
    return parseMessage(body.toString());
  } catch {
    return null;
  }
}
