// Decodes a client's request. Members without a canonical form are in `unmapped`, by name; members that cannot be left out
// without changing the answer are refused with 400.
import { createFailure, type Failure, FailureError } from '#src/contracts/failure.ts';
import type { InferenceRequest, OutputFormat, ReasoningRequest } from '#src/contracts/inference-request.ts';
import { type Extras, mergeExtras } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { orFailure, parseMember } from '#src/protocols/openai/request-fields.ts';
import { isObject, objectOf, objectsOf, present } from '#src/protocols/wire/loose-json.ts';
import { decodeInput } from './decode-input.ts';
import { decodeToolChoice } from './decode-tools.ts';
import { type Settings, settingsSchema, type TextSettings } from './request-schema.ts';
import { readTools } from './tool-list.ts';

/** Never throws for what `readResponsesRequest` has accepted. */
export function decodeResponsesRequest(body: JsonObject): InferenceRequest | Failure {
  return orFailure(() => decode(mergeExtras(body)));
}

function decode({ body, extraKeys }: Extras): InferenceRequest {
  refuseStoredParts(body);
  const unmapped = Object.entries(findUnmapped(body));
  const extraBody = Object.fromEntries(unmapped.filter(([name]) => extraKeys.has(name)));
  const notExtra = Object.fromEntries(unmapped.filter(([name]) => !extraKeys.has(name)));
  const settings = parseMember(settingsSchema, body);
  const { declared, webSearch, leftOut } = readTools(settings);
  const { turns, passedOver } = decodeInput(settings.input ?? '', declared);
  if (settings.instructions) turns.unshift({ role: 'system', parts: [{ kind: 'text', text: settings.instructions }] });
  return {
    turns,
    tools: declared.map(({ definition }) => definition),
    sampling: present({ temperature: settings.temperature, topP: settings.top_p }),
    unmapped: { ...notExtra, ...leftOut, ...passedOver },
    ...present({
      toolChoice: decodeToolChoice(settings.tool_choice ?? null, declared),
      allowsParallelToolCalls: settings.parallel_tool_calls,
      maxOutputTokens: settings.max_output_tokens,
      output: decodeFormat(settings.text),
      reasoning: decodeReasoning(settings),
      endUser: settings.safety_identifier ?? settings.user,
      metadata: settings.metadata,
      promptCacheKey: settings.prompt_cache_key,
      serviceTier: settings.service_tier,
      verbosity: settings.text?.verbosity,
      logProbabilities: decodeLogProbabilities(settings),
      webSearch: webSearch && { ...webSearch, ...present({ maxUses: settings.max_tool_calls }) },
      extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    }),
  };
}

/** Refuses parts that are stored at a provider of this protocol, since no other provider knows them. */
function refuseStoredParts(body: JsonObject): void {
  for (const param of ['conversation', 'prompt']) {
    if (!body[param]) continue;
    const message = `'${param}' is stored at OpenAI, but this model is served by another provider: send its items in 'input'.`;
    throw new FailureError(createFailure('parameter_unsupported', message, { param }));
  }
}

function decodeFormat(text: TextSettings): OutputFormat | undefined {
  const format = text?.format;
  switch (format?.type) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      return {
        kind: 'json-schema',
        schema: objectOf(format.schema),
        ...present({ name: format.name, description: format.description, isStrict: format.strict }),
      };
    case undefined:
      return undefined;
    default: {
      const param = 'text.format.type';
      throw new FailureError(createFailure('request_invalid', `Invalid value for '${param}'.`, { param }));
    }
  }
}

/** This API shows reasoning only as a summary; unless one is requested, nothing is shown. */
function decodeReasoning({ reasoning }: Settings): ReasoningRequest | undefined {
  if (!reasoning) return undefined;
  const summary = reasoning.summary ?? reasoning.generate_summary;
  return { ...present({ effort: reasoning.effort }), isShown: summary !== undefined && summary !== null };
}

function decodeLogProbabilities(settings: Settings): number | undefined {
  if (settings.include?.includes('message.output_text.logprobs')) return settings.top_logprobs ?? 0;
  return settings.top_logprobs || undefined;
}

// Members of a request that no other protocol has, by the client's own path, so that each is reported as dropped.

/** Members that are translated, or handled by the broker itself. */
const CARRIED = new Set([
  ...['model', 'input', 'instructions', 'max_output_tokens', 'temperature', 'top_p', 'top_logprobs'],
  ...['parallel_tool_calls', 'text', 'reasoning', 'tools', 'tool_choice', 'metadata', 'safety_identifier', 'user'],
  'prompt_cache_key',
  ...['service_tier', 'include', 'extra_body', 'models', 'provider'],
  // `stream_options` only controls padding, and the broker never pads.
  ...['stream', 'stream_options'],
]);

/** Default values, which can be left out. */
const ASKS_FOR_NOTHING: Readonly<Record<string, unknown>> = {
  store: false,
  background: false,
  truncation: 'disabled',
  'reasoning.context': 'auto',
  'reasoning.mode': 'standard',
};

/** Members of objects that are translated in part. */
const CARRIED_WITHIN: Readonly<Record<string, ReadonlySet<string>>> = {
  text: new Set(['format', 'verbosity']),
  reasoning: new Set(['effort', 'summary', 'generate_summary']),
};

/** Includes that a client gets anyway, or that are translated. */
const CARRIED_INCLUDES = new Set(['reasoning.encrypted_content', 'message.output_text.logprobs']);

/** Members of translated tools that only OpenAI knows. */
const TOOL_EXTRAS = ['defer_loading', 'allowed_callers', 'output_schema', 'async'];

export function findUnmapped(body: JsonObject): Record<string, unknown> {
  const unmapped: Record<string, unknown> = {};
  const note = (path: string, value: unknown): void => {
    if (value !== undefined && value !== null && ASKS_FOR_NOTHING[path] !== value) unmapped[path] = value;
  };
  for (const [key, value] of Object.entries(body)) if (!CARRIED.has(key)) note(key, value);
  for (const [parent, carried] of Object.entries(CARRIED_WITHIN)) {
    const inner = body[parent];
    if (!isObject(inner)) continue;
    for (const [key, value] of Object.entries(inner)) if (!carried.has(key)) note(`${parent}.${key}`, value);
  }
  const includes = Array.isArray(body.include) ? body.include.filter((name) => !CARRIED_INCLUDES.has(name)) : [];
  if (includes.length > 0) unmapped.include = includes;
  // If the search is the only hosted tool, a limit on hosted tools is a limit on the search.
  if (objectsOf(body.tools).some(({ type }) => String(type).startsWith('web_search'))) delete unmapped.max_tool_calls;
  const tools = objectsOf(body.tools).flatMap((tool) => [tool, ...objectsOf(tool.tools)]);
  for (const tool of tools) for (const key of TOOL_EXTRAS) note(`tools.${key}`, tool[key]);
  return unmapped;
}
