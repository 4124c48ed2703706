// Prepares one call to a provider: passed through if the formats are the same, otherwise translated.
import { type Cure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { ClientCodec, JsonObject, ProviderCodec } from '../codec.ts';
import type { CallTarget, Translation } from '../protocol.ts';
import type { ProtocolRoute } from '../registry.ts';
import { createTranslation } from '../translate/translate-answer.ts';
import { adaptRequest, forgetThoughts, translateRequest } from '../translate/translate-request.ts';
import { parseMessage } from '../wire/exact-json.ts';
import { editObject } from '../wire/json-object.ts';
import { findLongStrings, parseAround, printAround } from '../wire/long-strings.ts';

export interface UpstreamRequest {
  method: 'POST';
  /** With its query; appended to the provider's base URL. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** How a provider differs from its protocol, from the configuration. */
export interface ProviderDialect {
  name: string;
  apiKey: string | null;
  /** Header for the key; null for the protocol's own. */
  credentialHeader: string | null;
  /** Paths by protocol that differ from the protocol's own; `{model}` is the provider's model id. */
  paths: Readonly<Record<string, string>>;
  /** Added to every path: `api-version`. */
  query: Readonly<Record<string, string>>;
  canReportStreamUsage: boolean;
  /**
   * How its models are asked to continue a text: by a final assistant message (`plain`), by a marked one
   * (`prefix`: Mistral, DeepSeek), or by vLLM's own flags (`continue`). Null: as the protocol knows it of the model.
   */
  prefill: PrefillStyle | 'never' | null;
  /** Refuses members of messages that it does not know. */
  isStrict?: boolean;
}

export type PrefillStyle = 'plain' | 'prefix' | 'continue';

export interface CallInput {
  body: Buffer;
  upstreamModel: string;
  isStream: boolean;
  requestId: string;
  /** Unix ms. */
  acceptedAtMs: number;
  /** Client headers that are forwarded to a provider of the same protocol. */
  forwardedHeaders: Readonly<Record<string, string>>;
  /** Cures that earlier refusals of this provider have called for (`isCurable`). */
  cures: ReadonlySet<Cure>;
}

export interface PreparedCall {
  request: UpstreamRequest;
  translation: Translation;
  /** Reads the answer in the canonical form, if the provider's codec alone cannot. */
  reader?: ProviderCodec;
  /** Fields of the client's request that are not sent to this provider. */
  dropped: readonly string[];
}

/** A failure where the provider's protocol cannot express the request; another provider may still take it. */
export function prepareCall(route: ProtocolRoute, provider: ProviderDialect, input: CallInput): PreparedCall | Failure {
  const refused = membersIn(input.cures);
  const call = prepare(route, provider, input, input.cures.size > refused.length);
  return isFailure(call) || refused.length === 0 ? call : leaveOut(call, refused);
}

function prepare(route: ProtocolRoute, provider: ProviderDialect, input: CallInput, isAdapted: boolean) {
  if (route.pair !== null) return translate(route, route.pair, provider, input);
  const { codec } = route.client;
  if (input.cures.has('summarize') && codec !== null && route.upstream.codec !== null)
    return translate(route, { client: codec, upstream: route.upstream.codec }, provider, input);
  return isAdapted ? adapt(route, provider, input) : passThrough(route, provider, input);
}

/** Members that only tune an answer: without one of them, the answer still fits the request. */
const TUNING = new Set(
  ['temperature', 'top_p', 'top_k', 'presence_penalty', 'frequency_penalty', 'seed', 'logit_bias', 'logprobs'].concat(
    ['top_logprobs', 'user', 'metadata', 'store', 'service_tier', 'verbosity', 'reasoning_effort', 'prompt_cache_key'],
    ['safety_identifier', 'stream_options'],
  ),
);
const WITHOUT = 'without:';

/** The next cure to try after this refusal: first what is known about the model, then without the member that it named. */
export function cureFor(route: ProtocolRoute, failure: Failure, tried: ReadonlySet<Cure>): Cure | null {
  const cure = cannotCompact(route, failure) ? 'summarize' : failure.cure;
  if (cure === undefined) return null;
  const { param } = failure;
  const leftOut: Cure[] = cure === 'adapt' && param !== undefined && TUNING.has(param) ? [`without:${param}`] : [];
  return [cure, ...leftOut].find((next) => !tried.has(next) && isCurable(route, next)) ?? null;
}

const NO_SUCH_ADDRESS = [404, 405, 501];

/** Some servers that speak the Responses API lack this part of it. */
function cannotCompact({ client, pair }: ProtocolRoute, { upstreamStatus = 0, upstreamCode }: Failure): boolean {
  if (pair !== null || client.passThrough.operation !== 'compact') return false;
  return NO_SUCH_ADDRESS.includes(upstreamStatus) && upstreamCode !== 'model_not_found';
}

const NO_NAMES: string[] = [];

function membersIn(cures: ReadonlySet<Cure>): string[] {
  return cures.size === 0
    ? NO_NAMES
    : [...cures].filter((cure) => cure.startsWith(WITHOUT)).map((cure) => cure.slice(WITHOUT.length));
}

function leaveOut(call: PreparedCall, members: readonly string[]): PreparedCall {
  const { request } = call;
  const body = editObject(request.body, { remove: members });
  return { ...call, request: { ...request, body }, dropped: [...new Set([...call.dropped, ...members])] };
}

/** Whether a call for this route can be prepared again in a way that avoids the same failure. */
export function isCurable({ client, upstream, pair }: ProtocolRoute, cure: Cure): boolean {
  if (cure.startsWith(WITHOUT)) return true;
  const canBeSaidAnew = client.codec !== null && upstream.codec !== null;
  return canBeSaidAnew && (cure === 'forget-thoughts' || pair === null);
}

/** Re-encoded in the same protocol. The answer is passed through as usual, unless tool names were changed. */
function adapt(route: ProtocolRoute, provider: ProviderDialect, input: CallInput): PreparedCall | Failure {
  const { passThrough: way } = route.client;
  const { upstreamModel, isStream, cures } = input;
  const { sent, print } = readBody(input.body);
  const adapted = adaptRequest(route, {
    body: sent,
    provider: provider.name,
    providerProtocol: route.upstream.name,
    upstreamModel,
    isStream,
    ...traitsIn(provider),
    cures,
  });
  if (isFailure(adapted)) return adapted;
  const target = { operation: way.operation, upstreamModel, isStream };
  const headers = { ...input.forwardedHeaders, ...adapted.headers };
  const body = print(adapted.body);
  return {
    request: address(route, provider, target, body, headers),
    // If tool names were changed, the answer must be read, to restore the client's names.
    ...(adapted.keepsNames
      ? { translation: way }
      : readWith(adapted.upstream, route.client.codec!, provider, input, sent)),
    dropped: adapted.dropped,
  };
}

/** `print` serialises what was made of it. */
function readBody(body: Buffer): { sent: JsonObject; print: (made: JsonObject) => Buffer } {
  const longStrings = findLongStrings(body);
  const sent = parseAround(body, longStrings, parseMessage) as JsonObject;
  return { sent, print: longStrings.length > 0 ? printAround : (made) => Buffer.from(JSON.stringify(made)) };
}

/** Settings of a provider that change the body. */
export function traitsIn({ canReportStreamUsage, isStrict }: ProviderDialect) {
  return { canReportStreamUsage, isStrict: isStrict === true };
}

function readWith(
  upstream: ProviderCodec,
  client: ClientCodec,
  provider: ProviderDialect,
  { requestId, acceptedAtMs, upstreamModel, forwardedHeaders: clientHeaders }: CallInput,
  clientBody: JsonObject,
): Pick<PreparedCall, 'translation' | 'reader'> {
  const createdAt = Math.floor(acceptedAtMs / 1_000);
  const decoding = { requestId, source: { provider: provider.name, model: upstreamModel } };
  const translation = createTranslation(
    { client, upstream },
    { requestId, createdAt, clientBody, clientHeaders },
    decoding,
  );
  return { translation, reader: upstream };
}

function passThrough(route: ProtocolRoute, provider: ProviderDialect, input: CallInput): PreparedCall {
  const { passThrough: way } = route.client;
  const { upstreamModel, isStream } = input;
  const body = way.buildBody({ ...input, ...traitsIn(provider) });
  const target = { operation: way.operation, upstreamModel, isStream };
  const request = address(route, provider, target, body, input.forwardedHeaders);
  return { request, translation: way, dropped: [] };
}

function translate(
  route: ProtocolRoute,
  pair: NonNullable<ProtocolRoute['pair']>,
  provider: ProviderDialect,
  input: CallInput,
): PreparedCall | Failure {
  const { upstreamModel, isStream } = input;
  const { sent: clientBody, print } = readBody(input.body);
  const translated = translateRequest(pair, {
    body: clientBody,
    provider: provider.name,
    providerProtocol: route.upstream.name,
    upstreamModel,
    isStream,
    ...traitsIn(provider),
    ...(input.cures.has('forget-thoughts') ? { edit: forgetThoughts } : {}),
  });
  if (isFailure(translated)) return translated;
  const target: CallTarget = { operation: 'generate', upstreamModel, isStream };
  const body = print(translated.body);
  return {
    request: address(route, provider, target, body, translated.headers),
    ...readWith(translated.upstream, pair.client, provider, input, clientBody),
    dropped: translated.dropped,
  };
}

/** Path and headers of a call, with the provider's own settings. */
export function address(
  { upstream }: ProtocolRoute,
  provider: ProviderDialect,
  target: CallTarget,
  body: Buffer,
  more: Readonly<Record<string, string>>,
): UpstreamRequest {
  const template = target.operation === 'generate' ? provider.paths[upstream.name] : undefined;
  const path = template?.replace('{model}', encodeURIComponent(target.upstreamModel)) ?? upstream.path(target);
  const headers = {
    'content-type': 'application/json',
    accept: target.isStream ? 'text/event-stream' : 'application/json',
  };
  Object.assign(headers, upstream.headers, more, credential(upstream.credentialHeaders, provider));
  return { method: 'POST', path: withQuery(path, provider.query), headers, body };
}

/** The header that carries the provider's key; none where it has no key. */
export function credential(
  ofProtocol: (apiKey: string) => Record<string, string>,
  { apiKey, credentialHeader }: Pick<ProviderDialect, 'apiKey' | 'credentialHeader'>,
): Record<string, string> {
  if (apiKey === null) return {};
  if (credentialHeader === null) return ofProtocol(apiKey);
  return { [credentialHeader]: credentialHeader === 'authorization' ? `Bearer ${apiKey}` : apiKey };
}

export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  if (Object.keys(query).length === 0) return path;
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}
