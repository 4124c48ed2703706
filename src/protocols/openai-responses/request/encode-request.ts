// A canonical request for a Responses provider. Stateless: nothing is stored there, the whole conversation is sent.
import type {
  CustomTool,
  FunctionTool,
  InferenceRequest,
  OutputFormat,
  ToolChoice,
  ToolDefinition,
  ToolName,
  WebSearch,
} from '#src/contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, JsonObject, Refusal, RequestField } from '#src/protocols/codec.ts';
import { effortFor, type ModelTraits, traitsOf } from '#src/protocols/openai/models.ts';
import { includesTool } from '#src/protocols/translate/tool-names.ts';
import { isObject, present } from '#src/protocols/wire/loose-json.ts';
import { encodeInput } from './encode-input.ts';

/** For schemas without a name, which the API requires. */
const DEFAULT_SCHEMA_NAME = 'answer';

export function encodeResponsesRequest(
  request: InferenceRequest,
  { upstreamModel, isStream }: EncodeRequestInput,
): EncodedRequest | Refusal {
  const refusal = findRefusal(request);
  if (refusal !== null) return refusal;
  const traits = traitsOf(upstreamModel);
  const dropped = findDropped(request, traits);
  const kept = <T>(field: RequestField, value: T): T | undefined => (dropped.includes(field) ? undefined : value);
  const body = {
    model: upstreamModel,
    input: encodeInput(request.turns),
    ...encodeTools(request),
    ...present({
      max_output_tokens: request.maxOutputTokens,
      temperature: kept('temperature', request.sampling.temperature),
      top_p: kept('topP', request.sampling.topP),
      top_logprobs: kept('logProbabilities', request.logProbabilities),
      text: encodeText(request.output, kept('verbosity', request.verbosity)),
      reasoning: kept('reasoning', encodeReasoning(request, traits)),
      metadata: request.metadata,
      safety_identifier: request.endUser,
      prompt_cache_key: request.promptCacheKey,
      service_tier: request.serviceTier,
      include: encodeInclude(traits, kept('logProbabilities', request.logProbabilities) !== undefined),
    }),
    store: false,
    ...(isStream ? { stream: true } : {}),
  };
  return { kind: 'request', body, dropped };
}

/** Fields that cannot be left out without changing the answer. */
function findRefusal(request: InferenceRequest): Refusal | null {
  const refuse = (field: RequestField, reason: string): Refusal => ({ kind: 'refusal', field, reason });
  if (request.stop !== undefined && request.stop.length > 0) return refuse('stop', 'does not support stop sequences');
  if ((request.choices ?? 1) > 1) return refuse('choices', 'returns one choice per request');
  if (request.modalities?.includes('audio')) return refuse('modalities', 'does not support audio output');
  return null;
}

/** Hints that this API or the model does not accept. */
function findDropped(request: InferenceRequest, traits: ModelTraits): RequestField[] {
  const { sampling } = request;
  const hasNoPlace: Partial<Record<RequestField, unknown>> = {
    topK: sampling.topK,
    seed: sampling.seed,
    presencePenalty: sampling.presencePenalty,
    frequencyPenalty: sampling.frequencyPenalty,
    logitBias: request.logitBias,
    speech: request.speech,
    image: request.image?.aspectRatio ?? (imageSize(request.image) === undefined ? request.image?.size : undefined),
  };
  const refused: Partial<Record<RequestField, unknown>> = {
    ...(isReasoning(traits) ? {} : { reasoning: request.reasoning }),
    ...(traits.isOpenAi && !traits.hasVerbosity ? { verbosity: request.verbosity } : {}),
    ...(refusesSampling(traits, encodeEffort(request, traits))
      ? { temperature: sampling.temperature, topP: sampling.topP, logProbabilities: request.logProbabilities }
      : {}),
  };
  return Object.entries({ ...hasNoPlace, ...refused })
    .filter(([, value]) => value !== undefined)
    .map(([field]) => field as RequestField);
}

/** Null accepts any effort; a model with none does not reason. */
function isReasoning({ efforts }: ModelTraits): boolean {
  return efforts === null || efforts.length > 0;
}

function refusesSampling({ sampling }: ModelTraits, effort: string | null): boolean {
  return sampling === 'never' || (sampling === 'without-reasoning' && effort !== 'none');
}

/** Mapped to the nearest effort that the model knows. */
function encodeEffort({ reasoning }: InferenceRequest, { efforts }: ModelTraits): string | null {
  return reasoning === undefined ? null : effortFor(reasoning, efforts);
}

function encodeReasoning(request: InferenceRequest, traits: ModelTraits): JsonObject | undefined {
  const reasoning = present({
    effort: encodeEffort(request, traits),
    summary: request.reasoning?.isShown === true ? 'auto' : undefined,
  });
  return Object.keys(reasoning).length === 0 ? undefined : reasoning;
}

function encodeText(output: OutputFormat | undefined, verbosity: string | undefined): JsonObject | undefined {
  const text = present({ format: output === undefined ? undefined : encodeFormat(output), verbosity });
  return Object.keys(text).length === 0 ? undefined : text;
}

/** Flat, where Chat Completions nests. */
function encodeFormat(output: OutputFormat): JsonObject {
  if (output.kind === 'text') return { type: 'text' };
  if (output.kind === 'json') return { type: 'json_object' };
  const { name, schema, description, isStrict } = output;
  return {
    type: 'json_schema',
    name: name ?? DEFAULT_SCHEMA_NAME,
    schema,
    ...present({ description, strict: isStrict }),
  };
}

/** Models that do not reason answer 400 to `reasoning.encrypted_content`. */
function encodeInclude(traits: ModelTraits, hasLogProbabilities: boolean): string[] | undefined {
  const include = [
    ...(isReasoning(traits) ? ['reasoning.encrypted_content'] : []),
    ...(hasLogProbabilities ? ['message.output_text.logprobs'] : []),
  ];
  return include.length === 0 ? undefined : include;
}

// Tools and the choice among them for a Responses provider: flat, where Chat Completions nests.

/** Empty without tools, because the API refuses a tool choice without tools. */
export function encodeTools(request: InferenceRequest): JsonObject {
  const tools = [...groupTools(request.tools), ...encodeHosted(request)];
  if (tools.length === 0) return {};
  return {
    tools,
    ...present({
      tool_choice: request.toolChoice === undefined ? undefined : encodeChoice(request.toolChoice, request.tools),
      parallel_tool_calls: request.allowsParallelToolCalls,
      max_tool_calls: request.webSearch?.maxUses,
    }),
  };
}

function encodeHosted({ webSearch, modalities, image }: InferenceRequest): JsonObject[] {
  const hosted: JsonObject[] = [];
  if (webSearch !== undefined) {
    hosted.push(encodeSearch(webSearch));
  }
  if (modalities?.includes('image')) hosted.push({ type: 'image_generation', ...present({ size: imageSize(image) }) });
  return hosted;
}

function encodeSearch({ contextSize, userLocation, allowedDomains, isCachedOnly }: WebSearch): JsonObject {
  return {
    type: 'web_search',
    ...present({
      search_context_size: contextSize,
      user_location: userLocation === undefined ? undefined : { type: 'approximate', ...userLocation },
      filters: allowedDomains === undefined ? undefined : { allowed_domains: allowedDomains },
      external_web_access: isCachedOnly === true ? false : undefined,
    }),
  };
}

/** In pixels, or left to the model; `2K` and the like are another provider's. */
export function imageSize(image: InferenceRequest['image']): string | undefined {
  return /^(\d+x\d+|auto)$/.test(image?.size ?? '') ? image?.size : undefined;
}

/** A group takes the position of its first tool. */
function groupTools(tools: readonly ToolDefinition[]): JsonObject[] {
  const groups = new Map<string, JsonObject[]>();
  return tools.flatMap((tool): JsonObject[] => {
    const { namespace: name } = tool;
    if (name === undefined) return [encodeTool(tool)];
    const group = groups.get(name);
    group?.push(encodeTool(tool));
    if (group !== undefined) return [];
    const members = [encodeTool(tool)];
    groups.set(name, members);
    return [{ type: 'namespace', name, description: name, tools: members }];
  });
}

function encodeTool(tool: ToolDefinition): JsonObject {
  return tool.kind === 'function' ? encodeFunction(tool) : encodeCustom(tool);
}

const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false };

/** `strict` is always set: its default is true here and false in every other protocol. */
function encodeFunction({ name, description, parameters, isStrict }: FunctionTool): JsonObject {
  return {
    type: 'function',
    name,
    ...present({ description }),
    parameters: parameters ?? NO_PARAMETERS,
    strict: isStrict ?? false,
  };
}

function encodeCustom({ name, description, format }: CustomTool): JsonObject {
  return { type: 'custom', name, ...present({ description, format: flattenGrammar(format) }) };
}

/** Chat Completions: `{type: "grammar", grammar: {definition, syntax}}`; here both are next to the type. */
function flattenGrammar(format: unknown): unknown {
  if (!isObject(format) || !isObject(format.grammar)) return format;
  const { grammar, ...rest } = format;
  return { ...rest, ...(grammar as JsonObject) };
}

function encodeChoice(choice: ToolChoice, tools: readonly ToolDefinition[]): string | JsonObject {
  switch (choice.kind) {
    case 'tool':
      return nameTool(choice, tools);
    case 'allowed':
      return {
        type: 'allowed_tools',
        mode: choice.isRequired ? 'required' : 'auto',
        tools: [
          ...choice.tools.map((tool) => nameTool(tool, tools)),
          ...(choice.allowsSearch === true ? [{ type: 'web_search' }] : []),
        ],
      };
    default:
      return choice.kind;
  }
}

function nameTool({ name, namespace }: ToolName, tools: readonly ToolDefinition[]): JsonObject {
  const isCustom = tools.some(
    (tool) => tool.kind === 'custom' && includesTool([{ name, ...present({ namespace }) }], tool),
  );
  return { type: isCustom ? 'custom' : 'function', name, ...present({ namespace }) };
}
