// A request within a provider's bounds (provider-bounds.ts). Names of tools are changed so that they can be given back, ids so
// that calls and results still find each other.
import { createHash } from 'node:crypto';
import type { InferenceRequest, Part, ToolChoice, ToolName, Turn } from '../contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, ProviderCodec, Refusal } from './codec.ts';
import { fitAbilities } from './fit-abilities.ts';
import { boundsOf, type ProviderBounds } from './provider-bounds.ts';
import { fitCallId, ToolNames, withNames } from './tool-names.ts';

export interface FittedRequest {
  encoded: EncodedRequest | Refusal;
  /** Reads the answer to it. */
  upstream: ProviderCodec;
  /** The provider's names of tools are the client's own. */
  keepsNames: boolean;
}

/** The request in the provider's form, and the codec that reads its answer. */
export function encodeFitting(
  upstream: ProviderCodec,
  providerProtocol: string,
  request: InferenceRequest,
  input: EncodeRequestInput,
): FittedRequest {
  const able = fitAbilities(request, upstream.abilities(input.upstreamModel));
  if (able.kind === 'refusal') return { encoded: able, upstream, keepsNames: true };
  const bounds = boundsOf(providerProtocol, input.upstreamModel);
  const names = new ToolNames(bounds, toolsIn(able.request));
  const encoded = upstream.encodeRequest(fitRequest(able.request, bounds, names), input);
  return {
    encoded: encoded.kind === 'refusal' ? encoded : { ...encoded, dropped: [...encoded.dropped, ...able.dropped] },
    upstream: withNames(upstream, names),
    keepsNames: names.areTheirOwn,
  };
}

export function fitRequest(request: InferenceRequest, bounds: ProviderBounds, names: ToolNames): InferenceRequest {
  const { toolChoice, endUser } = request;
  const callNames = new Map<string, string>();
  return {
    ...request,
    turns: request.turns.map((turn) => fitTurn(turn, bounds, names, callNames)),
    tools: request.tools.map((tool) => names.toWire(tool)),
    ...(toolChoice === undefined ? {} : { toolChoice: fitChoice(toolChoice, names) }),
    ...(endUser === undefined ? {} : { endUser: fitEndUser(endUser, bounds) }),
  };
}

/** In the order in which they get their names: what a longer conversation adds changes none of those before. */
function toolsIn({ tools, toolChoice, turns }: InferenceRequest): ToolName[] {
  const called = turns.flatMap(({ parts }) => parts.filter((part) => part.kind === 'tool-call'));
  return [...tools, ...chosenIn(toolChoice), ...called].map(({ name, namespace }) => ({
    name,
    ...(namespace === undefined ? {} : { namespace }),
  }));
}

function chosenIn(choice: ToolChoice | undefined): ToolName[] {
  if (choice?.kind === 'tool') return [choice];
  return choice?.kind === 'allowed' ? choice.tools : [];
}

function fitChoice(choice: ToolChoice, names: ToolNames): ToolChoice {
  if (choice.kind === 'tool') return names.toWire(choice);
  return choice.kind === 'allowed' ? { ...choice, tools: choice.tools.map((tool) => names.toWire(tool)) } : choice;
}

function fitTurn(turn: Turn, bounds: ProviderBounds, names: ToolNames, callNames: Map<string, string>): Turn {
  return { ...turn, parts: turn.parts.map((part) => fitPart(part, bounds, names, callNames)) };
}

function fitPart(part: Part, { callId }: ProviderBounds, names: ToolNames, callNames: Map<string, string>): Part {
  if (part.kind === 'tool-call') {
    const call = names.toWire(part);
    callNames.set(part.id, call.name);
    return { ...call, id: fitCallId(part.id, callId) };
  }
  if (part.kind !== 'tool-result') return part;
  const name = callNames.get(part.callId) ?? part.name;
  return { ...part, callId: fitCallId(part.callId, callId), ...(name === undefined ? {} : { name }) };
}

/** Stable for one user, and nobody's name: what OpenAI itself recommends. */
function fitEndUser(endUser: string, { endUserChars }: ProviderBounds): string {
  return endUser.length <= endUserChars ? endUser : createHash('sha256').update(endUser).digest('hex');
}
