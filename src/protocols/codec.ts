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
 * (ImageRouter's dialect: its examples read `choices[0]` of every chunk). Protocols whose streams always say it have
 * `own-event`.
 */
export type UsageDelivery = 'none' | 'own-event' | 'last-event';

/** JSON numbers in USD: `cost` is what is owed to the provider, `charge` what is taken from the key's budget. */
export interface ShownCost {
  cost: string;
  charge: string;
  /** The tokens that it is for are the broker's estimate: shown as `estimated: true` in the usage. */
  isEstimated?: boolean;
}

export interface ClientCodec {
  /** A body that `readRequest` has accepted. The failure names the offending field in the client's own terms. */
  decodeRequest(body: JsonObject): InferenceRequest | Failure;
  /**
   * Of a body that is to go to a provider of another protocol: a failure where it holds what only a provider of this protocol
   * can know or keep, so that another's answer would be to another request. Absent: never.
   */
  refuseElsewhere?(body: JsonObject): Failure | null;
  /**
   * Members of a body that is re-encoded for a provider of the same protocol that have no canonical form and are sent as
   * they came. Absent: none.
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
  /** What of it the client has. */
  text: string;
  /** The client has seen that part begin. */
  isOpen: boolean;
}

export type JsonObject = Record<string, unknown>;

export interface EncodeContext {
  /** `req_…`; ids that the client is shown are made of its tail (`idFor`): stable over attempts, findable later. */
  requestId: string;
  /** Unix seconds of acceptance: `created` where the provider does not say. */
  createdAt: number;
  /** What the client sent, parsed: the Responses API echoes it. */
  clientBody: JsonObject;
  /** Of those headers that a provider of the client's protocol would get. */
  clientHeaders?: Readonly<Record<string, string>>;
  usageDelivery: UsageDelivery;
  /** Of the prompt, for protocols whose streams begin with the input tokens. */
  estimatedInputTokens?: number;
}

/** `chatcmpl-…`, `resp_…`, `msg_…`: the client's kind of id for this request. */
export function idFor(prefix: string, requestId: string): string {
  return prefix + requestId.slice(requestId.indexOf('_') + 1);
}

/** Writes one stream. Fed with every event but `usage`, `ping`, `error` and `end`; texts are whole SSE events, or ''. */
export interface AnswerEncoder {
  encode(event: EncodableEvent): string;
  /** What follows the last event, including the terminator. Finish reasons were encoded before. */
  end(usage: Usage, shown: ShownCost): string;
}

export type EncodableEvent = Exclude<AnswerEvent, { kind: 'usage' | 'ping' | 'error' | 'end' }>;

/** What would change the answer's meaning if it were left out. */
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
  /** The answer has another form than a request of this protocol would get, and has to be read by the codec. */
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
  /** As it is configured: thoughts go back to the provider that they came from. */
  provider?: string;
}

/** What a provider's own web search can be told. */
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
  /** Holds the input of a custom tool to a grammar. */
  hasGrammars: boolean;
  hasCacheBreakpoints: boolean;
}

export interface ProviderCodec {
  abilities(upstreamModel: string): ProviderAbilities;
  /** Whether this model continues the text of a closing assistant turn. Absent: no model does. */
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
  /** Source of ids where the provider gives none: `callIdFor`. */
  requestId: string;
  /** Absent where the answer will not be sent back. */
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
   * The connection was closed: what the decoder still holds back, such as part ends. Whether the stream was whole is
   * judged by its caller: every choice has finished, or `end` was seen.
   */
  close(): AnswerEvent[];
  /** Choices whose end is held back, because only the end of the connection shows that nothing follows. */
  readonly heldFinishes?: number;
  /** What the provider sent, where the events do not show all of it: all of it is billed. */
  readonly received?: Received | undefined;
}

export interface Received {
  hasStarted: boolean;
  outputBytes: number;
}
