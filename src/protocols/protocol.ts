// What the broker needs of a wire format. A protocol has two faces: the client's (requests in, answers out) and the
// vendor's (requests out, answers in). Everything here is pure: bytes and values, no connections, no clocks.
import type { Failure } from '../contracts/failure.ts';
import type { PicoUsd } from '../contracts/money.ts';
import type { Usage } from '../contracts/usage.ts';
import type { SseEvent } from './sse-splitter.ts';

/** What the broker itself uses of a request; everything else stays in the body and reaches the vendor. */
export interface RequestFacts {
  model: string;
  isStream: boolean;
  /** The client asked for usage in the stream; otherwise what the broker asks for is taken out again. */
  wantsUsage: boolean;
  estimatedInputTokens: number;
  /** The most output tokens the request allows over all choices; null where it does not say. */
  maxOutputTokens: number | null;
  /** How many answers were asked for (`n`): a stream is whole when so many have finished. */
  choices: number;
  /** Other models to try, in order, after the one asked for (`models`, as OpenRouter has it). */
  alternativeModels: readonly string[];
  preferences: ProviderPreferences;
}

/** The body extension `provider`, as OpenRouter has it. */
export interface ProviderPreferences {
  order?: readonly string[];
  only?: readonly string[];
  ignore?: readonly string[];
  allowFallbacks?: boolean;
}

/** An answer or an error in a client's protocol. */
export interface EncodedAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface ClientProtocol {
  name: string;
  /** Facts of a parsed body, or what is wrong with it. */
  readRequest(body: unknown): RequestFacts | Failure;
  /** An error answer; nothing was sent before it. */
  encodeFailure(failure: Failure, requestId: string): EncodedAnswer;
  /** The event that ends a running stream with an error. */
  encodeFailureEvent(failure: Failure, requestId: string): Buffer;
  /** What the client asks for with `stream: true`. */
  streamHeaders: Record<string, string>;
}

export interface UpstreamRequest {
  method: 'POST';
  /** Appended to the provider's base URL. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

export interface UpstreamRequestInput {
  body: Buffer;
  upstreamModel: string;
  isStream: boolean;
  apiKey: string | null;
  /** False for vendors that refuse `stream_options`. */
  canReportStreamUsage: boolean;
}

/** What a vendor's answer says about its limits. All optional; durations in milliseconds from now. */
export interface RateLimitHint {
  limitRequests?: number;
  remainingRequests?: number;
  resetRequestsMs?: number;
  limitTokens?: number;
  remainingTokens?: number;
  resetTokensMs?: number;
}

export interface UpstreamAnswerHead {
  status: number;
  headers: Record<string, string | string[] | undefined>;
}

export interface VendorProtocol {
  name: string;
  buildRequest(input: UpstreamRequestInput): UpstreamRequest;
  /** A non-2xx answer as a failure of the table. `nowMs` resolves dates in headers. */
  readFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure;
  readRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint;
}

/** What one vendor event becomes. */
export interface RelayedEvent {
  /** Client-visible bytes, or null when there is nothing to pass on. */
  bytes: Buffer | null;
  /** Nothing a person could see yet: held back until something is, so that a vendor that fails first costs nothing. */
  isPreamble?: boolean;
  /** The vendor said that it failed, or sent something that cannot be read. Nothing more is passed on. */
  failure?: Failure;
}

/** Turns a vendor's stream into the client's. One per attempt; fed with every event in order. */
export interface StreamRelay {
  accept(event: SseEvent): RelayedEvent;
  /** The vendor closed the connection: what is still owed to the client, or why the stream is not whole. */
  end(): RelayedEvent;
  /** Usage so far: the vendor's where it came, else estimated from what was relayed. */
  usage(): Usage;
  /** True once the answer is whole: a cut after this loses nothing. */
  isComplete(): boolean;
}

export interface RelayedBody {
  body: Buffer;
  usage: Usage;
  /** The answer has status 200 but is not one. */
  failure?: Failure;
}

/** What both relays need to know of the request they answer. */
export interface RelayContext {
  wantsUsage: boolean;
  choices: number;
  estimatedInputTokens: number;
  /** Prices usage and adds what earlier attempts of this request cost: the numbers that the client is shown. */
  priceUsage(usage: Usage, reportedCost: PicoUsd | null): ShownCost;
}

/** JSON numbers in USD: `cost` is what is owed to the vendor, `charge` what is taken from the key's budget. */
export interface ShownCost {
  cost: string;
  charge: string;
}

/** How answers travel from a vendor protocol to a client protocol: pass-through where they are the same. */
export interface Translation {
  openStream(context: RelayContext): StreamRelay;
  relayBody(body: Buffer, context: RelayContext): RelayedBody;
}
