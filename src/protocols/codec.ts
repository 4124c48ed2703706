// Translation, one protocol at a time: N decoders and M encoders around one canonical form
// (src/contracts/inference-request.ts, answer.ts), never a function for a pair of protocols.
//
// A client codec decodes requests and encodes answers; a provider codec encodes requests and decodes answers. All of it is
// pure and total: what cannot be carried is named (`dropped`) or refused (`Refusal`), unknown enum values and unknown
// event types are ignored, nothing throws for what a client or a provider can send.
import type { Answer, AnswerEvent } from '../contracts/answer.ts';
import type { Cure, Failure } from '../contracts/failure.ts';
import type { InferenceRequest } from '../contracts/inference-request.ts';
import type { Usage } from '../contracts/usage.ts';
import type { AnswerSource } from './translate/signatures.ts';
import type { SseEvent } from './wire/sse-splitter.ts';

/** Members of the canonical request that a provider may be unable to carry. */
export type RequestField =
  | 'messages'
  | 'tools'
  | 'toolChoice'
  | 'parallelToolCalls'
  | 'maxOutputTokens'
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'seed'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'stop'
  | 'choices'
  | 'output'
  | 'reasoning'
  | 'endUser'
  | 'metadata'
  | 'serviceTier'
  | 'verbosity'
  | 'logProbabilities'
  | 'logitBias'
  | 'modalities'
  | 'image'
  | 'speech'
  | 'webSearch'
  | 'searchContextSize'
  | 'searchLocation'
  | 'searchUses'
  | 'cacheBreakpoints'
  | 'promptCacheKey'
  | 'grammar'
  | 'strict';

/**
 * How a client gets the usage of a stream: not at all, in an event of its own, or in the event that finishes the answer
 * (ImageRouter's dialect: its examples read `choices[0]` of every chunk). Protocols whose streams always report it use
 * `own-event`.
 */
export type UsageDelivery = 'none' | 'own-event' | 'last-event';

/** JSON numbers in USD: `cost` is what is owed to the provider, `charge` what is taken from the key's budget. */
export interface ShownCost {
  cost: string;
  charge: string;
  /** Whether the token counts are the broker's estimate; shown as `estimated: true` in the usage. */
  isEstimated?: boolean;
}

export interface ClientCodec {
  /** A body that `readRequest` has accepted. The failure names the offending field in the client's own terms. */
  decodeRequest(body: JsonObject): InferenceRequest | Failure;
  /**
   * For a body that is about to be translated: a failure if it refers to something that only a provider of this protocol knows
   * or stores, so that another provider would answer a different request. Absent: never.
   */
  refuseElsewhere?(body: JsonObject): Failure | null;
  /**
   * When a body is re-encoded for a provider of the same protocol: the members that have no canonical form and are sent as they
   * came. Absent: none.
   */
  keepAsSent?(sent: JsonObject, cures: ReadonlySet<Cure>): JsonObject;
  /** The client's name of a field, for `x-sluice-dropped` and for refusals: `max_tokens`, `generationConfig.topK`. */
  fieldName(field: RequestField): string;
  /** The whole answer as JSON text, with `usage.cost` and the top-level `cost`. */
  encodeAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string;
  openEncoder(context: EncodeContext): AnswerEncoder;
  /**
   * An encoder that resumes a broken stream with the same ids and numbers; null where the client would notice: a tool
   * call or an image had begun, there are several choices, or a finish was sent. Absent: never.
   * @param delivered what the client has, byte for byte; always whole events.
   */
  resumeEncoder?(delivered: Buffer, context: EncodeContext): ResumedStream | null;
}

export interface ResumedStream {
  encoder: AnswerEncoder;
  /** The text part that was open, or that comes next: more of it is encoded as deltas of this part. */
  part: number;
  /** The text of that part that the client has. */
  text: string;
  /** Whether the client has seen that part begin. */
  isOpen: boolean;
}

export type JsonObject = Record<string, unknown>;

export interface EncodeContext {
  /** `req_…`. Ids shown to the client are derived from it (`idFor`): stable across attempts, and traceable later. */
  requestId: string;
  /** Unix seconds of acceptance: `created` if the provider gives no time. */
  createdAt: number;
  /** What the client sent, parsed: the Responses API echoes it. */
  clientBody: JsonObject;
  /** The client's headers that a provider of its protocol would get. */
  clientHeaders?: Readonly<Record<string, string>>;
  usageDelivery: UsageDelivery;
  /** For protocols whose streams begin with the number of input tokens. */
  estimatedInputTokens?: number;
}

/** `chatcmpl-…`, `resp_…`, `msg_…`: the client's kind of id for this request. */
export function idFor(prefix: string, requestId: string): string {
  return prefix + requestId.slice(requestId.indexOf('_') + 1);
}

/** Writes one stream. Fed with every event but `usage`, `ping`, `error` and `end`; texts are whole SSE events, or ''. */
export interface AnswerEncoder {
  encode(event: EncodableEvent): string;
  /** The end of the stream, including the terminator. Finish reasons were encoded before. */
  end(usage: Usage, shown: ShownCost): string;
}

export type EncodableEvent = Exclude<AnswerEvent, { kind: 'usage' | 'ping' | 'error' | 'end' }>;

/** A field that cannot be left out without changing the answer's meaning. */
export interface Refusal {
  kind: 'refusal';
  field: RequestField;
  /** Why, for the client: "has no audio input". Becomes "<field>: provider 'x' (<protocol>) <reason>." */
  reason: string;
}

/** Carries a `Refusal` out of a nested encoder. `encodeRequest` catches it. */
export class RefusalError extends Error {
  override name = 'RefusalError';
  readonly refusal: Refusal;

  constructor(field: RequestField, reason: string) {
    super(reason);
    this.refusal = { kind: 'refusal', field, reason };
  }
}

export interface EncodedRequest {
  kind: 'request';
  body: JsonObject;
  /** Fields that were left out without changing the meaning of the answer. */
  dropped: RequestField[];
  /** The request was reshaped, so that the answer must be read by the codec and cannot be passed through. */
  isReshaped?: true;
  /** Headers that this body needs: betas, versions. */
  headers?: Record<string, string>;
}

export interface EncodeRequestInput {
  upstreamModel: string;
  isStream: boolean;
  /** False for providers that refuse `stream_options`. */
  canReportStreamUsage: boolean;
  /** True for providers that refuse members of messages that they do not know. */
  isStrict?: boolean;
  /** Name in the configuration: reasoning is sent back only to the provider that it came from. */
  provider?: string;
}

/** Options that a provider's own web search accepts. */
export interface SearchAbilities {
  hasAllowedDomains: boolean;
  hasBlockedDomains: boolean;
  hasCachedOnly: boolean;
  hasContextSize: boolean;
  hasLocation: boolean;
  hasMaxUses: boolean;
  standsBesideFunctions: boolean;
}

export interface ProviderAbilities {
  /** Null: the model does not search. */
  search: SearchAbilities | null;
  /** Whether it enforces a grammar on the input of a custom tool. */
  hasGrammars: boolean;
  hasCacheBreakpoints: boolean;
}

export interface ProviderCodec {
  abilities(upstreamModel: string): ProviderAbilities;
  /** Whether this model continues the text of a final assistant turn. Absent: no model does. */
  acceptsPrefill?(upstreamModel: string): boolean;
  encodeRequest(request: InferenceRequest, input: EncodeRequestInput): EncodedRequest | Refusal;
  /** A parsed 2xx body. A failure for what is not an answer: an error object with status 200, a wrong shape. */
  decodeAnswer(body: unknown, context: DecodeContext): Answer | Failure;
  /** Usage reported in a body that is a failure. Absent: never reported. */
  readFailedUsage?(body: unknown): Usage | null;
  openDecoder(context: DecodeContext): AnswerDecoder;
}

/** The two codecs that a translated call goes through. */
export interface TranslationPair {
  client: ClientCodec;
  upstream: ProviderCodec;
}

export interface DecodeContext {
  /** Source of call ids if the provider gives none (`callIdFor`). */
  requestId: string;
  /** Absent if the answer will not be sent back. */
  source?: AnswerSource;
}

/** An id for the n-th tool call (from 0, over all choices) of an answer whose provider gave it none. */
export function callIdFor(context: DecodeContext, ordinal: number): string {
  return `${idFor('call_', context.requestId)}${ordinal}`;
}

/** Reads one stream. The splitter has joined `data:` lines; comments come with `data` null. */
export interface AnswerDecoder {
  decode(event: SseEvent): AnswerEvent[];
  /**
   * After the connection was closed: the events that the decoder still holds back, such as part ends. The caller decides
   * whether the stream was complete: every choice has finished, or `end` was seen.
   */
  close(): AnswerEvent[];
  /** Choices whose end is held back, because only the end of the connection shows that nothing follows. */
  readonly heldFinishes?: number;
  /** What the provider sent, if the events do not show all of it, since all of it is billed. */
  readonly received?: Received | undefined;
}

export interface Received {
  hasStarted: boolean;
  outputBytes: number;
}
