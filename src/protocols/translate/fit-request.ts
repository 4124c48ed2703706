// Fits a request to a provider: leaves out what the provider cannot do, and brings names and ids within its bounds
// (provider-bounds.ts). Changed tool names can be mapped back; changed ids still match calls to results.
import { createHash } from 'node:crypto';
import type {
  CustomTool,
  InferenceRequest,
  Part,
  ToolChoice,
  ToolName,
  Turn,
  WebSearch,
} from '#src/contracts/inference-request.ts';
import { boundsOf, type ProviderBounds } from '../bounds/provider-bounds.ts';
import type {
  EncodedRequest,
  EncodeRequestInput,
  ProviderAbilities,
  ProviderCodec,
  Refusal,
  RequestField,
  SearchAbilities,
} from '../codec.ts';
import { fitCallId, ToolNames, withNames } from './tool-names.ts';

export interface FittedRequest {
  encoded: EncodedRequest | Refusal;
  /** Reads the answer to this request. */
  upstream: ProviderCodec;
  /** Whether all tools keep the client's names. */
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
    keepsNames: names.areTheirOwn && !(encoded.kind === 'request' && encoded.isReshaped === true),
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

/** In the order in which names are assigned, so that a longer conversation does not change earlier names. */
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

/** A hash is stable per user and reveals no name, as OpenAI recommends. */
function fitEndUser(endUser: string, { endUserChars }: ProviderBounds): string {
  return endUser.length <= endUserChars ? endUser : createHash('sha256').update(endUser).digest('hex');
}

// Removes what a provider cannot do, before encoding. A restriction is never relaxed: a web search that cannot be limited to
// its sites, or to cached pages, is not offered at all. What is removed is reported; if the client forces it, the request is
// refused.
export interface AbleRequest {
  kind: 'able';
  request: InferenceRequest;
  dropped: RequestField[];
}

export function fitAbilities(request: InferenceRequest, abilities: ProviderAbilities): AbleRequest | Refusal {
  const dropped: RequestField[] = [];
  if (!abilities.hasCacheBreakpoints && hasBreakpoint(request)) dropped.push('cacheBreakpoints');
  if (!abilities.hasGrammars && request.tools.some((tool) => tool.kind === 'custom' && isGrammar(tool.format))) {
    dropped.push('grammar');
  }
  const { webSearch, ...rest } = request;
  if (webSearch === undefined || !isSearchAllowed(request.toolChoice)) return { kind: 'able', request: rest, dropped };
  const reason = whyNoSearch(webSearch, request, abilities.search);
  if (reason !== null) {
    if (isSearchForced(request)) return { kind: 'refusal', field: 'webSearch', reason };
    return { kind: 'able', request: rest, dropped: [...dropped, 'webSearch'] };
  }
  const { kept, lost } = keepOptions(webSearch, abilities.search!);
  return { kind: 'able', request: { ...rest, webSearch: kept }, dropped: [...dropped, ...lost] };
}

/** OpenAI: a list of allowed tools excludes the search unless it names it. */
function isSearchAllowed(choice: ToolChoice | undefined): boolean {
  if (choice?.kind === 'allowed') return choice.allowsSearch === true;
  return choice?.kind !== 'none';
}

/** A tool must be called, and the search is the only one. */
function isSearchForced({ toolChoice, tools }: InferenceRequest): boolean {
  if (toolChoice?.kind === 'allowed') return toolChoice.isRequired && toolChoice.tools.length === 0;
  return toolChoice?.kind === 'required' && tools.length === 0;
}

function whyNoSearch(
  { allowedDomains, blockedDomains, isCachedOnly, hasOtherLimits }: WebSearch,
  { tools }: InferenceRequest,
  search: SearchAbilities | null,
): string | null {
  if (search === null) return 'runs a model that does not support web search';
  if (allowedDomains !== undefined && !search.hasAllowedDomains) return 'cannot restrict a web search to allowed sites';
  if (blockedDomains !== undefined && !search.hasBlockedDomains) return 'cannot exclude sites from a web search';
  if (isCachedOnly === true && !search.hasCachedOnly) return 'supports only searches of the live web';
  if (hasOtherLimits === true) return 'cannot apply these limits to a web search';
  if (tools.length > 0 && !search.standsBesideFunctions) {
    return 'cannot search the web and call functions in one request with this model';
  }
  return null;
}

/** Keeps the options that the provider has. Those lost are hints and a cost limit, which do not change the answer's meaning. */
function keepOptions(webSearch: WebSearch, search: SearchAbilities): { kept: WebSearch; lost: RequestField[] } {
  const options = [
    ['contextSize', 'searchContextSize', search.hasContextSize],
    ['userLocation', 'searchLocation', search.hasLocation],
    ['maxUses', 'searchUses', search.hasMaxUses],
  ] as const;
  const kept = { ...webSearch };
  const lost: RequestField[] = [];
  for (const [option, field, isTaken] of options) {
    if (isTaken || webSearch[option] === undefined) continue;
    delete kept[option];
    lost.push(field);
  }
  return { kept, lost };
}

function hasBreakpoint({ turns, tools }: InferenceRequest): boolean {
  const isMarked = (part: Part): boolean =>
    ('cacheBreakpoint' in part && part.cacheBreakpoint !== undefined) ||
    (part.kind === 'tool-result' && part.parts.some(isMarked));
  return (
    tools.some(({ cacheBreakpoint }) => cacheBreakpoint !== undefined) ||
    turns.some(({ parts }) => parts.some(isMarked))
  );
}

/** Everything but plain text. */
export function isGrammar(format: unknown): boolean {
  return format !== undefined && (format as { type?: unknown } | null)?.type !== 'text';
}

// A tool that takes free text, for providers whose tools are functions: the text is the one argument, `input`.
export const FREE_TEXT = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
  additionalProperties: false,
};

/** A grammar can only be described here. It is reported as no longer enforced (fitAbilities). */
export function describeCustom({ description, format }: CustomTool): string | undefined {
  const grammar = isGrammar(format) ? `The input has this format: ${JSON.stringify(format)}` : undefined;
  const words = [description, grammar].filter((text) => text !== undefined).join('\n');
  return words === '' ? undefined : words;
}
