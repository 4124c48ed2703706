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
import type { StrategyName } from '../contracts/route-plan.ts';
import type { UpstreamModel } from '../contracts/upstream-model.ts';
import type { Usage } from '../contracts/usage.ts';
import type { ClientCodec, ProviderCodec, ShownCost, UsageDelivery } from './codec.ts';
import type { SseEvent } from './wire/sse-splitter.ts';

/** What the broker itself uses of a request; everything else stays in the body and reaches the provider. */
export interface RequestFacts {
  model: string;
  isStream: boolean;
  usageDelivery: UsageDelivery;
  estimatedInputTokens: number;
  /** The most output tokens the request allows over all choices; null where it does not say. */
  maxOutputTokens: number | null;
  /** How many answers were asked for (`n`): a stream is whole when so many have finished. */
  choices: number;
  /** Other models to try, in order, after the one asked for (`models`, as OpenRouter has it). */
  alternativeModels: readonly string[];
  preferences: ProviderPreferences;
  /** For protocols with stored answers (Responses); absent elsewhere. */
  memory?: MemoryFacts;
}

/** What a request says about stored answers: the broker stores them, whichever provider answers. */
export interface MemoryFacts {
  /** Null where it does not say. */
  store: boolean | null;
  isBackground: boolean;
  previousResponseId: string | null;
  conversationId: string | null;
}

/** The body extension `provider`, as OpenRouter has it. */
export interface ProviderPreferences {
  order?: readonly string[];
  only?: readonly string[];
  ignore?: readonly string[];
  allowFallbacks?: boolean;
  /** Only providers that get every field of the request. */
  requireParameters?: boolean;
  sort?: StrategyName;
  /** Whether a second provider may be asked beside one that is slow to begin; absent: as the model is configured. */
  hedge?: boolean;
  /** USD per million tokens; what costs more, or has no known price, is not asked. */
  maxInputPrice?: number;
  maxOutputPrice?: number;
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

/** Where a client may put its key, beside `Authorization: Bearer`. */
export type CredentialPlace = { header: string } | { query: string };

export interface ClientProtocol {
  name: string;
  credentialPlaces: readonly CredentialPlace[];
  /** Request headers that a provider of the same protocol gets too: versions, betas. Lower case. */
  forwardedHeaders: readonly string[];
  /** Where its SDKs look for the request's id, beside `x-request-id`. */
  requestIdHeader?: string;
  /** Facts of a parsed body, or what is wrong with it. */
  readRequest(body: unknown, target: RequestTarget): RequestFacts | Failure;
  /** An error answer; nothing was sent before it. */
  encodeFailure(failure: Failure, requestId: string): EncodedAnswer;
  /**
   * The event that ends a running stream with an error. `isFirst`: nothing of the answer was sent before it, only
   * keep-alives; absent means that something was.
   */
  encodeFailureEvent(failure: Failure, requestId: string, isFirst?: boolean): Buffer;
  /** What the client asks for with `stream: true`. */
  streamHeaders: Record<string, string>;
  keepAlive: KeepAlive;
  /** Whether its streams can carry `id:` lines. */
  hasEventIds: boolean;
  passThrough: PassThrough;
  /** Null where only a provider of the same protocol can answer. */
  codec: ClientCodec | null;
  /** The broker's own answer where no provider of the model can give one: an estimate of tokens. */
  answerLocally?(facts: RequestFacts): EncodedAnswer;
}

/** Sent while the provider is silent, so that no proxy closes the connection; clients ignore it. */
export interface KeepAlive {
  /** While nothing of the answer was sent. */
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

/** What a provider's answer says about its limits. All optional; durations in milliseconds from now. */
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
  /** Of a day, where a provider names that apart; what remains is not said by a refusal. */
  limitRequestsDay?: number;
  remainingRequestsDay?: number;
  limitTokensDay?: number;
  remainingTokensDay?: number;
  limitOutputTokens?: number;
  remainingOutputTokens?: number;
  resetOutputTokensMs?: number;
  /** What a refusal says of limits: how large they are, and not how they are counted. */
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
  /** Beside content type and credential: versions. */
  headers: Readonly<Record<string, string>>;
  credentialHeaders(apiKey: string): Record<string, string>;
  /** A non-2xx answer as a failure of the table. `nowMs` resolves dates in headers. */
  readFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure;
  readRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint;
  /** Null where only a client of the same protocol can be served. */
  codec: ProviderCodec | null;
}

/** What one provider event becomes. */
export interface RelayedEvent {
  /** Client-visible bytes, or null when there is nothing to pass on. */
  bytes: Buffer | null;
  /** Nothing visible yet: held back until there is, so that another provider can take over after an early failure. */
  isPreamble?: boolean;
  /** The provider reported a failure, or sent something unreadable. Nothing more is passed on. */
  failure?: Failure;
}

/** Turns a provider's stream into the client's. One per attempt; fed with every event in order. */
export interface StreamRelay {
  accept(event: SseEvent): RelayedEvent;
  /** The provider closed the connection: what the client must still get, or why the stream is incomplete. */
  end(): RelayedEvent;
  /** Usage so far: the provider's where it came, else estimated from what was relayed. */
  usage(): Usage;
  /** True once the answer is complete: a cut after this loses nothing. Usage or an error may still follow. */
  isComplete(): boolean;
  /** True once the event that ends the stream was passed on: what comes after it is ignored. */
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
  choices: number;
  estimatedInputTokens: number;
  /** As the client named it, for answers whose clients compare the two. Absent: the provider's name. */
  requestedModel?: string;
  /** Prices usage and adds what earlier attempts of this request cost: the numbers that the client is shown. */
  priceUsage(usage: Usage): ShownCost;
}

/** How answers travel from a provider protocol to a client protocol. */
export interface Translation {
  openStream(context: RelayContext): StreamRelay;
  relayBody(body: Buffer, context: RelayContext): RelayedBody;
}

// What `GET models` lists of a model, in any client's shape.
export interface ListedModel {
  /** The public name. */
  name: string;
  /** Who can answer, best first; never empty. */
  providers: readonly string[];
  /** Of the first of them; null where unknown. */
  pricing: ListedPrice | null;
  /** What the first of them says of it, or the price package. */
  facts: Omit<UpstreamModel, 'id'>;
}

/** USD per million tokens; and by the token, as text, as OpenRouter has it and agents read it. */
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
  /** Whose errors and credentials the callers have. */
  client: ClientProtocol;
  describe(model: ListedModel): object;
  /** All of them, or the page that the query asks for; a failure where it asks for what there is not. */
  list(models: readonly ListedModel[], query: RequestTarget['query']): object | Failure;
}
