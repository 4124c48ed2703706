// Translates a request from one protocol to another by way of the canonical form. A request that a provider of the client's own
// protocol has refused as it was is re-encoded in the same way, since encoders know what each model accepts.
import { type Cure, createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest, Part, Turn } from '#src/contracts/inference-request.ts';
import { withoutEnvelope } from '../call/effective-request.ts';
import type { ClientCodec, EncodedRequest, JsonObject, ProviderCodec, TranslationPair } from '../codec.ts';
import type { ProtocolRoute } from '../registry.ts';
import { encodeFitting } from './fit-request.ts';
import { signThought } from './signatures.ts';

export interface TranslateRequestInput {
  body: JsonObject;
  /** Names for the refusal's message. */
  provider: string;
  providerProtocol: string;
  upstreamModel: string;
  isStream: boolean;
  canReportStreamUsage: boolean;
  isStrict?: boolean;
  /** The provider speaks the client's protocol, so members that only this protocol has are kept. */
  isOwnProtocol?: boolean;
  /** Applied between decoding and encoding. */
  edit?: (request: InferenceRequest) => InferenceRequest;
}

export interface TranslatedRequest {
  body: JsonObject;
  headers: Record<string, string>;
  /** In the client's own names, each once. */
  dropped: string[];
  /** Reads the answer to this request. */
  upstream: ProviderCodec;
  /** Whether all tools keep the client's names. */
  keepsNames: boolean;
}

/** The client's request for this provider, or why this provider cannot take it. */
export function translateRequest(pair: TranslationPair, input: TranslateRequestInput): TranslatedRequest | Failure {
  const bound = input.isOwnProtocol === true ? null : (pair.client.refuseElsewhere?.(input.body) ?? null);
  if (bound !== null) return bound;
  const decoded = pair.client.decodeRequest(input.body);
  if (isFailure(decoded)) return decoded;
  const request = input.edit?.(decoded) ?? decoded;
  const { encoded, upstream, keepsNames } = encodeFitting(pair.upstream, input.providerProtocol, request, input);
  if (encoded.kind === 'refusal') {
    const param = pair.client.fieldName(encoded.field);
    const message = `'${param}' cannot be sent to provider '${input.provider}' (${input.providerProtocol}): it ${encoded.reason}.`;
    return createFailure('parameter_unsupported', message, { param });
  }
  return {
    body: { ...encoded.body, ...withoutEnvelope(request.extraBody ?? {}) },
    headers: encoded.headers ?? {},
    dropped: namesOfDropped(pair.client, encoded, Object.keys(request.unmapped)),
    upstream,
    keepsNames,
  };
}

function namesOfDropped(client: ClientCodec, encoded: EncodedRequest, unmapped: string[]): string[] {
  return [...new Set([...encoded.dropped.map((field) => client.fieldName(field)), ...unmapped])];
}

export interface AdaptRequestInput extends Omit<TranslateRequestInput, 'edit'> {
  cures: ReadonlySet<Cure>;
}

/** Both faces of the protocol must have a codec. */
export function adaptRequest(
  { client, upstream }: ProtocolRoute,
  { cures, ...input }: AdaptRequestInput,
): TranslatedRequest | Failure {
  let unmapped: JsonObject = {};
  const edit = (request: InferenceRequest) => {
    unmapped = membersOf(request.unmapped);
    // Members that are sent as they are must not be reported as dropped.
    const kept = { ...request, unmapped: without(request.unmapped, unmapped) };
    return cures.has('forget-thoughts') ? forgetThoughts(kept) : claimThoughts(kept, upstream.name, input);
  };
  const pair = { client: client.codec!, upstream: upstream.codec! };
  const translated = translateRequest(pair, { ...input, edit, isOwnProtocol: true });
  // Client and provider speak the same protocol: members without a canonical form are sent as they are.
  if (isFailure(translated)) return translated;
  const kept = client.codec!.keepAsSent?.(input.body, cures) ?? {};
  const dropped = translated.dropped.filter((name) => !Object.hasOwn(kept, name.split('.')[0]!));
  return { ...translated, body: { ...unmapped, ...translated.body, ...kept }, dropped };
}

/**
 * Attributes unsigned reasoning to this provider: clients of Chat Completions send reasoning back in a member that does not
 * state its origin, and pass-through would have sent it to this provider too.
 */
function claimThoughts(
  request: InferenceRequest,
  providerProtocol: string,
  { provider, upstreamModel: model }: AdaptRequestInput | Omit<AdaptRequestInput, 'cures'>,
): InferenceRequest {
  if (providerProtocol !== 'openai-chat') return request;
  const signature = signThought({ provider, model, member: 'reasoning_content' });
  const claim = (part: Part): Part => (part.kind === 'reasoning' ? { signature, ...part } : part);
  return { ...request, turns: request.turns.map((turn) => ({ ...turn, parts: turn.parts.map(claim) })) };
}

/** The members at the top level of the body; names with a path belong to nested members. */
function membersOf(unmapped: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(unmapped).filter(([name]) => !/[.[]/.test(name)));
}

function without(members: JsonObject, other: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !Object.hasOwn(other, name)));
}

/** The conversation without reasoning and signatures. */
export function forgetThoughts(request: InferenceRequest): InferenceRequest {
  const turns = request.turns.map(forgetInTurn).filter(({ parts }) => parts.length > 0);
  return { ...request, turns };
}

function forgetInTurn(turn: Turn): Turn {
  return { ...turn, parts: turn.parts.filter(({ kind }) => kind !== 'reasoning').map(unsigned) };
}

function unsigned(part: Part): Part {
  if (!('signature' in part)) return part;
  const { signature: _, ...rest } = part;
  return rest;
}
