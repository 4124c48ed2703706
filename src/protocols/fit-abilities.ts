// What a provider cannot do of what a request asks for, taken out before it is encoded. A restriction is never widened: a
// web search that could not be kept to its sites, or off the live web, is not offered at all. What is left out is named;
// what the client forces is a refusal.
import type { InferenceRequest, Part, ToolChoice, WebSearch } from '../contracts/inference-request.ts';
import type { ProviderAbilities, Refusal, RequestField, SearchAbilities } from './codec.ts';

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

/** OpenAI: a list of tools that may be used leaves out the search unless it names it. */
function isSearchAllowed(choice: ToolChoice | undefined): boolean {
  if (choice?.kind === 'allowed') return choice.allowsSearch === true;
  return choice?.kind !== 'none';
}

/** There is nothing else that could be called, and something must be. */
function isSearchForced({ toolChoice, tools }: InferenceRequest): boolean {
  if (toolChoice?.kind === 'allowed') return toolChoice.isRequired && toolChoice.tools.length === 0;
  return toolChoice?.kind === 'required' && tools.length === 0;
}

function whyNoSearch(
  { allowedDomains, blockedDomains, isCachedOnly, hasOtherLimits }: WebSearch,
  { tools }: InferenceRequest,
  search: SearchAbilities | null,
): string | null {
  if (search === null) return 'runs a model without web search';
  if (allowedDomains !== undefined && !search.hasAllowedDomains) return 'cannot keep a web search to some sites';
  if (blockedDomains !== undefined && !search.hasBlockedDomains) return 'cannot keep a web search off some sites';
  if (isCachedOnly === true && !search.hasCachedOnly) return 'searches the live web only';
  if (hasOtherLimits === true) return 'cannot keep a web search within these limits';
  if (tools.length > 0 && !search.standsBesideFunctions) {
    return 'cannot search the web and call functions in one request with this model';
  }
  return null;
}

/** Hints, and a limit on what a search may cost: the answer is as good without. */
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
