// Prepares a call that resumes a broken stream: the provider gets what the client has as a prefill if its model accepts one, and
// is otherwise asked for the whole answer again (continue-stream.ts).
import { type Failure, isFailure } from '#src/contracts/failure.ts';
import type { ClientCodec, JsonObject, ProviderCodec, ResumedStream } from '../codec.ts';
import type { RelayContext, StreamRelay } from '../protocol.ts';
import { TOKENS_PER_MESSAGE, tokensOfText } from '../providers/token-estimate.ts';
import type { ProtocolRoute } from '../registry.ts';
import { encodeFitting } from '../translate/fit-request.ts';
import { TranslatedStream } from '../translate/translate-answer.ts';
import { parseMessage } from '../wire/exact-json.ts';
import { type ContinueMode, ContinuingDecoder, markRescued } from './continue-stream.ts';
import {
  address,
  type CallInput,
  type PrefillStyle,
  type PreparedCall,
  type ProviderDialect,
  prepareCall,
  traitsIn,
} from './prepare-call.ts';

export interface RescueInput extends CallInput {
  /** What the client has, byte for byte. */
  delivered: Buffer;
  usageDelivery: RelayContext['usageDelivery'];
  /** Number of calls so far, this one included; shown to the client. */
  attempts: number;
  /** A provider of this request has refused a prefill before. */
  avoidsPrefill: boolean;
}

export interface RescueCall extends PreparedCall {
  mode: ContinueMode;
  /** Estimated tokens of the text to continue, sent in addition to the client's request. */
  prefillTokens: number;
}

/** Null if the stream cannot be resumed without the client noticing; a failure if this provider cannot be called. */
export function prepareRescue(
  route: ProtocolRoute,
  provider: ProviderDialect,
  input: RescueInput,
): RescueCall | Failure | null {
  const client = route.client.codec;
  const upstream = route.upstream.codec;
  if (client?.resumeEncoder === undefined || upstream === null) return null;
  const clientBody = parseMessage(input.body.toString()) as JsonObject;
  const { requestId, usageDelivery } = input;
  const createdAt = Math.floor(input.acceptedAtMs / 1_000);
  const resumed = client.resumeEncoder(input.delivered, { requestId, createdAt, clientBody, usageDelivery });
  if (resumed === null) return null;

  const style =
    input.avoidsPrefill || resumed.text === '' ? null : prefillStyle(provider, upstream, input.upstreamModel);
  const continuation =
    style === null
      ? null
      : prepareContinuation({ route, provider, client, upstream, input, clientBody, text: resumed.text, style });
  const call = continuation ?? prepareCall(route, provider, input);
  if (isFailure(call)) return call;
  const mode = continuation === null ? 'repeat' : 'prefill';
  const reader = call.reader ?? upstream;
  const openStream = (context: RelayContext) => openContinuation(reader, resumed, mode, provider, input, context);
  const prefillTokens = continuation === null ? 0 : TOKENS_PER_MESSAGE + tokensOfText(resumed.text);
  return { ...call, mode, prefillTokens, translation: { ...call.translation, openStream } };
}

function prefillStyle(
  { prefill }: ProviderDialect,
  upstream: ProviderCodec,
  upstreamModel: string,
): PrefillStyle | null {
  if (prefill === 'never') return null;
  if (prefill !== null) return prefill;
  return upstream.acceptsPrefill?.(upstreamModel) === true ? 'plain' : null;
}

function openContinuation(
  upstream: ProviderCodec,
  resumed: ResumedStream,
  mode: ContinueMode,
  provider: ProviderDialect,
  { requestId, attempts, upstreamModel: model }: RescueInput,
  context: RelayContext,
): StreamRelay {
  const decoding = { requestId, source: { provider: provider.name, model } };
  const decoder = new ContinuingDecoder(upstream.openDecoder(decoding), resumed, mode);
  return new TranslatedStream(decoder, markRescued(resumed.encoder, attempts), context);
}

interface Continuation {
  route: ProtocolRoute;
  provider: ProviderDialect;
  client: ClientCodec;
  upstream: ProviderCodec;
  input: RescueInput;
  clientBody: JsonObject;
  text: string;
  style: PrefillStyle;
}

/** The request with the answer so far as its last turn; null where the provider cannot take that. */
function prepareContinuation(continuation: Continuation): PreparedCall | null {
  const { route, provider, client, upstream, input, clientBody, text, style } = continuation;
  const isSameProtocol = route.pair === null;
  if (!isSameProtocol && (client.refuseElsewhere?.(clientBody) ?? null) !== null) return null;
  const request = client.decodeRequest(clientBody);
  if (isFailure(request)) return null;
  const { maxOutputTokens } = request;
  const continued = {
    ...request,
    turns: [...request.turns, { role: 'assistant' as const, parts: [{ kind: 'text' as const, text }] }],
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens: Math.max(1, maxOutputTokens - tokensOfText(text)) }),
  };
  const options = { ...input, ...traitsIn(provider), provider: provider.name };
  const { encoded, upstream: reader } = encodeFitting(upstream, route.upstream.name, continued, options);
  if (encoded.kind === 'refusal') return null;
  const target = { operation: 'generate', upstreamModel: input.upstreamModel, isStream: true } as const;
  const kept = isSameProtocol ? membersOf(clientBody, request.unmapped) : {};
  const body = { ...kept, ...encoded.body, ...request.extraBody };
  const headers = { ...(isSameProtocol ? input.forwardedHeaders : {}), ...encoded.headers };
  const bytes = Buffer.from(JSON.stringify(markPrefill(body, style)));
  return {
    request: address(route, provider, target, bytes, headers),
    translation: { openStream: unused, relayBody: unused },
    reader,
    dropped: [],
  };
}

/** Client and provider speak the same protocol: members without a canonical form are sent as they are. */
function membersOf(clientBody: JsonObject, unmapped: Record<string, unknown>): JsonObject {
  return Object.fromEntries(Object.entries(clientBody).filter(([name]) => Object.hasOwn(unmapped, name)));
}

function unused(): never {
  throw new Error('a continuation has its own relay');
}

function markPrefill(body: JsonObject, style: PrefillStyle): JsonObject {
  const messages = body.messages;
  if (style === 'continue') return { ...body, continue_final_message: true, add_generation_prompt: false };
  if (style === 'plain' || !Array.isArray(messages)) return body;
  const last = messages.at(-1) as JsonObject;
  return { ...body, messages: [...messages.slice(0, -1), { ...last, prefix: true }] };
}
