// Encodes a request for an OpenAI-compatible provider: members that OpenAI documents and others understand too, and more
// if the model is known to accept them (openai/models.ts).

import type { InferenceRequest, OutputFormat, ToolChoice, ToolDefinition } from '#src/contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, JsonObject, Refusal, RequestField } from '#src/protocols/codec.ts';
import { RefusalError } from '#src/protocols/codec.ts';
import { effortFor, type ModelTraits, traitsOf } from '#src/protocols/openai/models.ts';
import { describeCustom, FREE_TEXT } from '#src/protocols/translate/fit-request.ts';
import type { AnswerSource } from '#src/protocols/translate/signatures.ts';
import { includesTool } from '#src/protocols/translate/tool-names.ts';
import { encodeMessages } from './encode-messages.ts';

export function encodeChatRequest(request: InferenceRequest, input: EncodeRequestInput): EncodedRequest | Refusal {
  try {
    return encode(request, input, traitsOf(input.upstreamModel));
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
}

function encode(request: InferenceRequest, input: EncodeRequestInput, traits: ModelTraits): EncodedRequest {
  refuseWhatIsMissing(request, traits);
  const optional = new OptionalMembers();
  const effort = addReasoning(optional, request, traits);
  addSampling(optional, request, traits, effort);
  addOutput(optional, request, traits);
  addAccount(optional, request, traits);
  // No provider that refuses unknown members supports it.
  const cacheKey = { prompt_cache_key: request.promptCacheKey };
  optional.add('promptCacheKey', request.promptCacheKey !== undefined, input.isStrict === true ? null : cacheKey);
  const body = {
    model: input.upstreamModel,
    messages: encodeMessages(request.turns, traits, sourceOf(input)),
    ...encodeTools(request, traits),
    ...optional.members,
    ...(input.isStream ? { stream: true } : {}),
    ...(input.isStream && input.canReportStreamUsage ? { stream_options: { include_usage: true } } : {}),
  };
  return { kind: 'request', body, dropped: optional.dropped };
}

/**
 * The source whose reasoning is sent back; null for a provider that refuses the members that it writes itself (Groq:
 * `reasoning`).
 */
function sourceOf({ provider, upstreamModel, isStrict }: EncodeRequestInput): AnswerSource | null {
  return provider === undefined || isStrict === true ? null : { provider, model: upstreamModel };
}

/** Fields that cannot be left out without changing the answer. */
function refuseWhatIsMissing({ stop, modalities, webSearch }: InferenceRequest, traits: ModelTraits): void {
  if (stop !== undefined && stop.length > 0 && !traits.takesStop) {
    throw new RefusalError('stop', 'runs a model that does not support stop sequences');
  }
  // The audio format is only in the request, which is not known when the answer is translated.
  if (modalities?.includes('audio'))
    throw new RefusalError('modalities', 'is only available to clients of Chat Completions');
  if (webSearch !== undefined && !traits.searches)
    throw new RefusalError('webSearch', 'runs a model that does not support web search');
}

/** Collects the members to send and the names of the dropped fields. */
class OptionalMembers {
  readonly members: JsonObject = {};
  readonly dropped: RequestField[] = [];

  /** Adds a requested field under the provider's names. @param members null if it cannot be sent. */
  add(field: RequestField, isAsked: boolean, members: JsonObject | null): void {
    if (!isAsked) return;
    if (members === null) this.dropped.push(field);
    else Object.assign(this.members, members);
  }
}

function addReasoning(
  optional: OptionalMembers,
  { reasoning }: InferenceRequest,
  { efforts }: ModelTraits,
): string | null {
  const isAsked = reasoning?.effort !== undefined || reasoning?.budgetTokens !== undefined;
  const effort = isAsked ? effortFor(reasoning, efforts) : null;
  optional.add('reasoning', isAsked, effort === null ? null : { reasoning_effort: effort });
  return effort;
}

function addSampling(
  optional: OptionalMembers,
  { sampling, logProbabilities, logitBias }: InferenceRequest,
  traits: ModelTraits,
  effort: string | null,
): void {
  const isTaken = traits.sampling === 'always' || (traits.sampling === 'without-reasoning' && effort === 'none');
  const scalars = [
    ['temperature', 'temperature', sampling.temperature],
    ['topP', 'top_p', sampling.topP],
    ['presencePenalty', 'presence_penalty', sampling.presencePenalty],
    ['frequencyPenalty', 'frequency_penalty', sampling.frequencyPenalty],
    ['logitBias', 'logit_bias', logitBias],
  ] as const;
  for (const [field, member, value] of scalars) {
    optional.add(field, value !== undefined, isTaken ? { [member]: value } : null);
  }
  optional.add('topK', sampling.topK !== undefined, null);
  optional.add('seed', sampling.seed !== undefined, { seed: sampling.seed });
  const alternatives = logProbabilities === 0 ? {} : { top_logprobs: logProbabilities };
  optional.add(
    'logProbabilities',
    logProbabilities !== undefined,
    isTaken ? { logprobs: true, ...alternatives } : null,
  );
}

function addOutput(optional: OptionalMembers, request: InferenceRequest, traits: ModelTraits): void {
  const { maxOutputTokens, stop, choices, output, verbosity, modalities, image, speech, webSearch } = request;
  optional.add('maxOutputTokens', maxOutputTokens !== undefined, { [traits.outputLimit]: maxOutputTokens });
  optional.add('stop', stop !== undefined && stop.length > 0, { stop });
  optional.add('choices', choices !== undefined && choices > 1, { n: choices });
  optional.add('output', output !== undefined && output.kind !== 'text', { response_format: encodeOutput(output) });
  optional.add('verbosity', verbosity !== undefined, traits.hasVerbosity ? { verbosity } : null);
  const draws = modalities?.includes('image') === true;
  optional.add('modalities', draws, { modalities });
  // OpenRouter's name for it; OpenAI makes images in another API.
  const imageConfig = { image_config: { aspect_ratio: image?.aspectRatio, image_size: image?.size } };
  optional.add('image', image !== undefined, draws ? imageConfig : null);
  optional.add('speech', speech !== undefined, null);
  const { contextSize, userLocation } = webSearch ?? {};
  const searched = {
    ...(contextSize === undefined ? {} : { search_context_size: contextSize }),
    ...(userLocation === undefined ? {} : { user_location: { type: 'approximate', approximate: userLocation } }),
  };
  optional.add('webSearch', webSearch !== undefined, { web_search_options: searched });
}

function addAccount(optional: OptionalMembers, request: InferenceRequest, { isOpenAi }: ModelTraits): void {
  const { endUser, metadata, serviceTier } = request;
  optional.add('endUser', endUser !== undefined, { user: endUser });
  // OpenAI accepts it only for stored answers, others not at all.
  optional.add('metadata', metadata !== undefined, null);
  optional.add('serviceTier', serviceTier !== undefined, isOpenAi ? { service_tier: serviceTier } : null);
}

function encodeOutput(output: OutputFormat | undefined): unknown {
  if (output?.kind !== 'json-schema') return { type: 'json_object' };
  const { schema, name, description, isStrict } = output;
  return {
    type: 'json_schema',
    json_schema: {
      name: schemaName(name),
      ...(description === undefined ? {} : { description }),
      schema,
      ...(isStrict === undefined ? {} : { strict: isStrict }),
    },
  };
}

/** OpenAI requires a name of these characters, 64 at most. */
function schemaName(name: string | undefined): string {
  return (name ?? 'answer').replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64);
}

// Tools and the choice among them, for a chat provider.
const NO_ARGUMENTS = { type: 'object', properties: {} };

export function encodeTools(request: InferenceRequest, traits: ModelTraits): JsonObject {
  const { tools, toolChoice, allowsParallelToolCalls } = request;
  const offered = toolChoice?.kind === 'allowed' ? tools.filter((tool) => includesTool(toolChoice.tools, tool)) : tools;
  if (offered.length === 0) {
    if (mustCall(toolChoice)) throw new RefusalError('toolChoice', 'requires tools with a tool choice');
    return {};
  }
  return {
    tools: offered.map((tool) => encodeTool(tool, traits)),
    ...(toolChoice === undefined ? {} : { tool_choice: encodeChoice(toolChoice, tools, traits) }),
    ...(allowsParallelToolCalls === undefined ? {} : { parallel_tool_calls: allowsParallelToolCalls }),
  };
}

function mustCall(choice: ToolChoice | undefined): boolean {
  return choice?.kind === 'allowed' ? choice.isRequired : choice?.kind === 'required' || choice?.kind === 'tool';
}

function encodeTool(tool: ToolDefinition, traits: ModelTraits): JsonObject {
  const described = {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
  };
  if (tool.kind === 'function') {
    // `strict: false` is the default, and not every provider knows the member.
    const strict = tool.isStrict === true ? { strict: true } : {};
    return { type: 'function', function: { ...described, parameters: tool.parameters ?? NO_ARGUMENTS, ...strict } };
  }
  if (traits.isOpenAi) {
    return { type: 'custom', custom: { ...described, ...(tool.format === undefined ? {} : { format: tool.format }) } };
  }
  const description = describeCustom(tool);
  const words = description === undefined ? {} : { description };
  return { type: 'function', function: { ...described, ...words, parameters: FREE_TEXT } };
}

function encodeChoice(choice: ToolChoice, tools: readonly ToolDefinition[], traits: ModelTraits): unknown {
  switch (choice.kind) {
    case 'tool': {
      const isCustom = traits.isOpenAi && tools.some((tool) => tool.kind === 'custom' && tool.name === choice.name);
      return isCustom
        ? { type: 'custom', custom: { name: choice.name } }
        : { type: 'function', function: { name: choice.name } };
    }
    case 'allowed':
      return choice.isRequired ? 'required' : 'auto';
    default:
      return choice.kind;
  }
}
