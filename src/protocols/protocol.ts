// What the broker needs of a wire format. A protocol has two faces: the client's (requests in, answers out) and the
// provider's (requests out, answers in). Everything here is pure: bytes and values, no connections, no clocks.
//
// Where client and provider speak the same format, the client's `passThrough` carries bytes. Everywhere else a request
// goes client codec → canonical form → provider codec, and its answer the same way back (codec.ts, translate/).
//
// Rooms beside the protocols' own folders: `wire/` reads and edits JSON and server-sent events, `bounds/` checks sizes and
// names, `call/` prepares what is sent, `translate/` goes between protocols, `providers/` reads what all providers report
// alike (counts, waits, errors). A protocol's folder has `request/`, `answer/` and `stream/`; `openai/` is what OpenAI's
// protocols share.
import type { Failure } from '../contracts/failure.ts';
import type { ProviderPreferences } from '../contracts/request-record.ts';
import type { UpstreamModel } from '../contracts/upstream-model.ts';
import type { Usage } from '../contracts/usage.ts';
import type { ClientCodec, ProviderCodec, ShownCost, UsageDelivery } from './codec.ts';
import type { SseEvent } from './wire/sse-splitter.ts';

/** What the broker itself uses of a request; everything else stays in the body and reaches the provider. */
export interface RequestFacts {
  model: string;
  isStream: boolean;
  usageDelivery: UsageDelivery;
  /** The client asked for the usage so far in every chunk (vLLM's `continuous_usage_stats`). */
  hasRunningUsage?: boolean;
  estimatedInputTokens: number;
  /** The most output tokens that the request allows over all choices; null if it sets no limit. */
  maxOutputTokens: number | null;
  /** Number of requested answers (`n`): a stream is complete once that many have finished. */
  choices: number;
  /** Other models to try, in order, after the requested one (`models`, as in OpenRouter). */
  alternativeModels: readonly string[];
  preferences: ProviderPreferences;
  /** For protocols with stored answers (Responses); absent elsewhere. */
  memory?: MemoryFacts;
}

/** What a request says about stored answers: the broker stores them, whichever provider answers. */
export interface MemoryFacts {
  /** Null if not given. */
  store: boolean | null;
  isBackground: boolean;
  previousResponseId: string | null;
  conversationId: string | null;
}

/** What a request says outside its body. */
export interface RequestTarget {
  /** Without the query; as the client wrote it, still percent-encoded. */
  path: string;
  query: Readonly<Record<string, string | undefined>>;
}

/** An answer or an error in a client's protocol. */
export interface EncodedAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Where a client may put its key, in addition to `Authorization: Bearer`. */
export type CredentialPlace = { header: string } | { query: string };

export interface ClientProtocol {
  name: string;
  credentialPlaces: readonly CredentialPlace[];
  /** Request headers that a provider of the same protocol gets too: versions, betas. Lower case. */
  forwardedHeaders: readonly string[];
  /** Header in which its SDKs look for the request's id, in addition to `x-request-id`. */
  requestIdHeader?: string;
  /** Facts of a parsed body, or what is wrong with it. */
  readRequest(body: unknown, target: RequestTarget): RequestFacts | Failure;
  /** An error answer; nothing was sent before it. */
  encodeFailure(failure: Failure, requestId: string): EncodedAnswer;
  /**
   * The event that ends a running stream with an error. `isFirst`: nothing of the answer was sent before, only
   * keep-alives; absent: something was.
   */
  encodeFailureEvent(failure: Failure, requestId: string, isFirst?: boolean): Buffer;
  /** Response headers of a stream. */
  streamHeaders: Record<string, string>;
  keepAlive: KeepAlive;
  /** Whether its streams can carry `id:` lines. */
  hasEventIds: boolean;
  passThrough: PassThrough;
  /** Null if only a provider of the same protocol can answer. */
  codec: ClientCodec | null;
  /** The broker's own answer if no provider of the model can give one: an estimate of the tokens. */
  answerLocally?(facts: RequestFacts): EncodedAnswer;
}

/** Sent while the provider is silent, so that no proxy closes the connection; clients ignore it. */
export interface KeepAlive {
  /** Before anything of the answer was sent. */
  before: Buffer;
  /** Between two events. */
  between: Buffer;
}

/** The paths of a client protocol. */
export interface ClientEndpoint {
  method: 'POST';
  /** In Fastify's notation; the first is the canonical one. */
  paths: readonly string[];
  summary: string;
  /** The protocol whose error shape is used before one is selected. */
  errors: ClientProtocol;
  /** Null for a path without meaning, such as an unknown method of Gemini. */
  select(target: RequestTarget): ClientProtocol | null;
}

/** How bytes travel between a client and a provider of the same format. */
export interface PassThrough extends Translation {
  /** Name of the provider protocol. */
  upstream: string;
  operation: Operation;
  /** The client's bytes with the fewest possible changes. */
  buildBody(input: PassThroughInput): Buffer;
}

export interface PassThroughInput {
  body: Buffer;
  upstreamModel: string;
  isStream: boolean;
  /** False for providers that refuse `stream_options`. */
  canReportStreamUsage: boolean;
  /** True for providers that refuse members of messages that they do not know. */
  isStrict?: boolean;
}

/** Counting is free at every provider: nothing is reserved or owed for it. */
export function isFree({ passThrough }: Pick<ClientProtocol, 'passThrough'>): boolean {
  return passThrough.operation === 'count-tokens';
}

/** What a provider is asked to do; each has its own path. */
export type Operation = 'generate' | 'count-tokens' | 'embed' | 'compact';

export interface CallTarget {
  operation: Operation;
  upstreamModel: string;
  isStream: boolean;
}

/** Limits that a provider's answer reports. All optional; durations in milliseconds from now. */
export interface RateLimitHint {
  limitRequests?: number;
  remainingRequests?: number;
  resetRequestsMs?: number;
  limitTokens?: number;
  remainingTokens?: number;
  resetTokensMs?: number;
  limitInputTokens?: number;
  remainingInputTokens?: number;
  resetInputTokensMs?: number;
  /** Requests per day, if reported separately. A refusal does not report what remains of them. */
  limitRequestsDay?: number;
  remainingRequestsDay?: number;
  limitTokensDay?: number;
  remainingTokensDay?: number;
  limitOutputTokens?: number;
  remainingOutputTokens?: number;
  resetOutputTokensMs?: number;
  /** Limits quoted in a refusal: their size is known, but not how they are counted. */
  said?: Omit<RateLimitHint, 'said'>;
}

export interface UpstreamAnswerHead {
  status: number;
  headers: Record<string, string | string[] | undefined>;
}

export interface ProviderProtocol {
  name: string;
  /** Path with its query, appended to the provider's base URL. */
  path(target: CallTarget): string;
  /** Headers besides content type and credential, such as versions. */
  headers: Readonly<Record<string, string>>;
  credentialHeaders(apiKey: string): Record<string, string>;
  /** A non-2xx answer as a failure of the table. `nowMs` resolves dates in headers. */
  readFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure;
  readRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint;
  /** Null where only a client of the same protocol can be served. */
  codec: ProviderCodec | null;
}

/** The result of relaying one provider event. */
export interface RelayedEvent {
  /** Bytes for the client, or null if there is nothing to relay. */
  bytes: Buffer | null;
  /** Nothing visible so far: held back until there is, so that another provider can take over after an early failure. */
  isPreamble?: boolean;
  /** The provider reported a failure, or sent something unreadable. Nothing more is passed on. */
  failure?: Failure;
}

/** Turns a provider's stream into the client's. One per attempt; fed with every event in order. */
export interface StreamRelay {
  accept(event: SseEvent): RelayedEvent;
  /** Called when the provider closes the connection: what the client must still get, or why the stream is incomplete. */
  end(): RelayedEvent;
  /** Usage so far: the provider's, or an estimate from what was relayed. */
  usage(): Usage;
  /** True once the answer is complete: a cut after this loses nothing. Usage or an error may still follow. */
  isComplete(): boolean;
  /** True once the event that ends the stream was relayed; later events are ignored. */
  isOver(): boolean;
}

export interface RelayedBody {
  body: Buffer;
  usage: Usage;
  /** The answer has status 200 but is not one. */
  failure?: Failure;
}

/** What relays need from the request they answer. */
export interface RelayContext {
  usageDelivery: UsageDelivery;
  /** As the client asked; absent: it gets the usage once. */
  hasRunningUsage?: boolean;
  choices: number;
  estimatedInputTokens: number;
  /** The client's name of the model, for clients that compare it with the answer's. Absent: the provider's name is shown. */
  requestedModel?: string;
  /** Prices usage and adds the cost of earlier attempts of this request; the result is shown to the client. */
  priceUsage(usage: Usage): ShownCost;
}

/** How answers travel from a provider protocol to a client protocol. */
export interface Translation {
  openStream(context: RelayContext): StreamRelay;
  relayBody(body: Buffer, context: RelayContext): RelayedBody;
}

// A model as listed by `GET models`, independent of the client's protocol.
export interface ListedModel {
  /** The public name. */
  name: string;
  /** Providers that serve it, best first; never empty. */
  providers: readonly string[];
  /** Price of the first provider; null if unknown. */
  pricing: ListedPrice | null;
  /** As reported by the first provider, or by the price package. */
  facts: Omit<UpstreamModel, 'id'>;
}

/** USD per million tokens; also per token, as text, in the members that OpenRouter has and agents read. */
export interface ListedPrice {
  unit: string;
  input: number;
  cached_input: number;
  output: number;
  prompt: string;
  completion: string;
  input_cache_read: string;
}

/** How one protocol lists models. */
export interface ModelShape {
  /** The protocol whose error format and credential headers apply. */
  client: ClientProtocol;
  describe(model: ListedModel): object;
  /** All models, or the page that the query asks for; a failure for an invalid page. */
  list(models: readonly ListedModel[], query: RequestTarget['query']): object | Failure;
}
