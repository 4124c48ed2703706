// A request within a vendor's bounds (vendor-bounds.ts). Names of tools are changed so that they can be given back, ids so
// that calls and results still find each other.
import { createHash } from 'node:crypto';
import type { InferenceRequest, Part, ToolChoice, ToolName, Turn } from '../contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, Refusal, VendorCodec } from './codec.ts';
import { fitAbilities } from './fit-abilities.ts';
import { fitCallId, ToolNames, withNames } from './tool-names.ts';
import { boundsOf, type VendorBounds } from './vendor-bounds.ts';

export interface FittedRequest {
  encoded: EncodedRequest | Refusal;
  /** Reads the answer to it. */
  vendor: VendorCodec;
  /** The vendor's names of tools are the client's own. */
  keepsNames: boolean;
}

/** The request in the vendor's form, and the codec that reads its answer. */
export function encodeFitting(
  vendor: VendorCodec,
  vendorProtocol: string,
  request: InferenceRequest,
  input: EncodeRequestInput,
): FittedRequest {
  const able = fitAbilities(request, vendor.abilities(input.upstreamModel));
  if (able.kind === 'refusal') return { encoded: able, vendor, keepsNames: true };
  const bounds = boundsOf(vendorProtocol, input.upstreamModel);
  const names = new ToolNames(bounds, toolsIn(able.request));
  const encoded = vendor.encodeRequest(fitRequest(able.request, bounds, names), input);
  return {
    encoded: encoded.kind === 'refusal' ? encoded : { ...encoded, dropped: [...encoded.dropped, ...able.dropped] },
    vendor: withNames(vendor, names),
    keepsNames: names.areTheirOwn,
  };
}

export function fitRequest(request: InferenceRequest, bounds: VendorBounds, names: ToolNames): InferenceRequest {
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

function fitTurn(turn: Turn, bounds: VendorBounds, names: ToolNames, callNames: Map<string, string>): Turn {
  return { ...turn, parts: turn.parts.map((part) => fitPart(part, bounds, names, callNames)) };
}

function fitPart(part: Part, { callId }: VendorBounds, names: ToolNames, callNames: Map<string, string>): Part {
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
function fitEndUser(endUser: string, { endUserChars }: VendorBounds): string {
  return endUser.length <= endUserChars ? endUser : createHash('sha256').update(endUser).digest('hex');
}
