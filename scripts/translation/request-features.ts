// Features of requests, each with the fixture case that contains it and its place in the canonical form.
import type { InferenceRequest, Part } from '#src/contracts/inference-request.ts';
import type { RequestField } from '#src/protocols/codec.ts';
import type { CaseName } from '#test/fixtures/protocols/fixtures.ts';

export interface RequestFeature {
  title: string;
  name: CaseName;
  /** Its value in a request, compared before and after the translation; undefined if absent. */
  of(request: InferenceRequest): unknown;
  /** Its name in the list of dropped fields; absent if it has none. */
  field?: RequestField;
}

export const REQUEST_FEATURES: readonly RequestFeature[] = [
  {
    title: 'order of texts',
    name: 'conversation',
    of: ({ turns }) => turns.map(({ role, parts }) => [role, textOf(parts)]),
  },
  { title: 'system message', name: 'system', of: wordsOfSystem },
  { title: 'system message later in the conversation', name: 'developer', of: ({ turns }) => turns.map(speakerOf) },
  { title: 'image by URL', name: 'image-url', of: sourcesOf('image') },
  { title: 'image in base64', name: 'image-base64', of: sourcesOf('image') },
  { title: 'PDF in base64', name: 'pdf', of: sourcesOf('document') },
  { title: 'audio', name: 'audio', of: (request) => something(partsOf(request, 'audio')) },
  { title: 'tools', name: 'tools', of: toolsOf },
  { title: 'custom tools (free text)', name: 'custom-tool', of: toolsOf },
  { title: 'a forced tool', name: 'tool-choice', of: ({ toolChoice }) => toolChoice, field: 'toolChoice' },
  {
    title: 'a subset of tools allowed',
    name: 'allowed-tools',
    of: ({ tools, toolChoice }) => [tools.length, toolChoice],
  },
  {
    title: 'no parallel tool calls',
    name: 'serial-tools',
    of: ({ allowsParallelToolCalls }) => allowsParallelToolCalls,
    field: 'parallelToolCalls',
  },
  { title: 'tool calls and results', name: 'parallel-tool-round', of: callsAndResults },
  { title: 'a call without arguments', name: 'empty-arguments', of: callsAndResults },
  { title: 'calls of custom tools', name: 'custom-tool-round', of: callsAndResults },
  { title: 'images in results', name: 'tool-image', of: imagesOfResults },
  {
    title: 'results that are errors',
    name: 'tool-error',
    of: (request) => partsOf(request, 'tool-result').map(({ isError }) => isError)[0],
  },
  { title: 'JSON', name: 'json', of: ({ output }) => output?.kind, field: 'output' },
  { title: 'JSON with a schema', name: 'json-schema', of: schemaOf, field: 'output' },
  {
    title: 'reasoning effort',
    name: 'reasoning',
    of: ({ reasoning }) => reasoning?.effort ?? reasoning?.budgetTokens,
    field: 'reasoning',
  },
  {
    title: 'no reasoning',
    name: 'reasoning-off',
    of: ({ reasoning }) => reasoning?.effort ?? reasoning?.budgetTokens,
    field: 'reasoning',
  },
  {
    title: 'output limit',
    name: 'sampling',
    of: ({ maxOutputTokens }) => maxOutputTokens,
    field: 'maxOutputTokens',
  },
  { title: 'temperature', name: 'sampling', of: ({ sampling }) => sampling.temperature, field: 'temperature' },
  { title: 'top_p', name: 'sampling', of: ({ sampling }) => sampling.topP, field: 'topP' },
  { title: 'top_k', name: 'sampling', of: ({ sampling }) => sampling.topK, field: 'topK' },
  { title: 'seed', name: 'sampling', of: ({ sampling }) => sampling.seed, field: 'seed' },
  { title: 'penalties', name: 'sampling', of: ({ sampling }) => sampling.presencePenalty, field: 'presencePenalty' },
  { title: 'stop sequences', name: 'stop', of: ({ stop }) => stop, field: 'stop' },
  { title: 'several choices', name: 'choices', of: ({ choices }) => choices, field: 'choices' },
  {
    title: 'log probabilities',
    name: 'log-probabilities',
    of: ({ logProbabilities }) => logProbabilities,
    field: 'logProbabilities',
  },
  {
    title: 'image output',
    name: 'image-output',
    of: ({ modalities }) => modalities?.includes('image'),
    field: 'modalities',
  },
  { title: 'web search', name: 'web-search', of: ({ webSearch }) => webSearch, field: 'webSearch' },
  { title: 'end user', name: 'end-user', of: ({ endUser }) => endUser, field: 'endUser' },
  { title: 'metadata', name: 'metadata', of: ({ metadata }) => metadata, field: 'metadata' },
  { title: 'service tier', name: 'service-tier', of: ({ serviceTier }) => serviceTier, field: 'serviceTier' },
  {
    title: 'prompt cache key',
    name: 'cache-key',
    of: ({ promptCacheKey }) => promptCacheKey,
    field: 'promptCacheKey',
  },
  { title: 'cache breakpoints', name: 'cache-breakpoint', of: breakpointsOf },
  { title: 'signed thoughts of the client’s own provider', name: 'signed-round', of: signaturesOf },
];

type KindOf<K extends Part['kind']> = Extract<Part, { kind: K }>;

function partsOf<K extends Part['kind']>({ turns }: InferenceRequest, kind: K): KindOf<K>[] {
  return turns.flatMap(({ parts }) => parts.filter((part): part is KindOf<K> => part.kind === kind));
}

function something<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

function wordsOfSystem({ turns }: InferenceRequest): unknown {
  return something(turns.filter(({ role }) => role === 'system').map(({ parts }) => textOf(parts)));
}

/** Role and text. The role `developer` is another name for `system`. */
function speakerOf({ role, parts }: InferenceRequest['turns'][number]): string {
  return `${role === 'developer' ? 'system' : role}: ${textOf(parts)}`;
}

function sourcesOf(kind: 'image' | 'document') {
  return (request: InferenceRequest) => something(partsOf(request, kind).map(({ source }) => withoutType(source)));
}

function withoutType(source: object): object {
  const { mediaType: _type, ...rest } = source as { mediaType?: string };
  return rest;
}

function toolsOf({ tools }: InferenceRequest): unknown {
  return something(
    tools.map((tool) => [tool.kind, tool.name, tool.description, tool.kind === 'function' ? tool.parameters : null]),
  );
}

function callsAndResults(request: InferenceRequest): unknown {
  const calls = partsOf(request, 'tool-call').map(({ id, name, arguments: given, isCustom }) => [
    id,
    name,
    given,
    isCustom,
  ]);
  const results = partsOf(request, 'tool-result').map(({ callId, parts }) => [callId, textOf(parts)]);
  return [calls, results];
}

function imagesOfResults(request: InferenceRequest): unknown {
  const within = partsOf(request, 'tool-result').flatMap(({ parts }) => parts.filter(({ kind }) => kind === 'image'));
  const beside = partsOf(request, 'image').map(() => 'beside the result');
  return something([...within.map(({ kind }) => kind), ...beside]);
}

function schemaOf({ output }: InferenceRequest): unknown {
  return output?.kind === 'json-schema' ? output.schema : undefined;
}

function breakpointsOf(request: InferenceRequest): unknown {
  return something(partsOf(request, 'text').flatMap(({ cacheBreakpoint }) => cacheBreakpoint ?? []));
}

function signaturesOf({ turns }: InferenceRequest): unknown {
  const parts = turns.flatMap((turn) => turn.parts);
  return something(parts.flatMap((part) => ('signature' in part && part.signature ? [part.signature.value] : [])));
}
