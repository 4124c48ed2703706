// Decodes a chat completion request. Members that no other protocol can express are reported as dropped.
import type { Failure } from '#src/contracts/failure.ts';
import type { InferenceRequest, OutputFormat, Sampling, WebSearch } from '#src/contracts/inference-request.ts';
import { type Extras, mergeExtras } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  defined,
  invalid,
  isObject,
  optionalBoolean,
  optionalExactNumber,
  optionalList,
  optionalNumber,
  optionalObject,
  optionalText,
  orFailure,
  requiredText,
} from '#src/protocols/openai/request-fields.ts';
import { isExactNumber } from '#src/protocols/wire/exact-json.ts';
import { decodeMessages } from './decode-messages.ts';
import { decodeImageConfig, decodeReasoning, unmappedOfGoogle } from './decode-reasoning.ts';
import { decodeToolChoice, decodeTools, unmappedOfTools } from './decode-tools.ts';

export function decodeChatRequest(body: JsonObject): InferenceRequest | Failure {
  return orFailure(() => {
    optionalObject(body.extra_body, 'extra_body');
    return decode(mergeExtras(body));
  });
}

function decode({ body, extraKeys }: Extras): InferenceRequest {
  const { turns, unmapped } = decodeMessages(body.messages);
  const choices = optionalNumber(body.n, 'n');
  const unknown = Object.entries(body).filter(([key, value]) => !KNOWN.has(key) && value !== null);
  const extraBody = Object.fromEntries(unknown.filter(([key]) => extraKeys.has(key)));
  return defined({
    turns,
    tools: decodeTools(body),
    toolChoice: decodeToolChoice(body),
    // The older form of an answer has at most one call.
    allowsParallelToolCalls: isOlderForm(body)
      ? false
      : optionalBoolean(body.parallel_tool_calls, 'parallel_tool_calls'),
    maxOutputTokens:
      optionalNumber(body.max_completion_tokens, 'max_completion_tokens') ??
      optionalNumber(body.max_tokens, 'max_tokens'),
    sampling: decodeSampling(body),
    stop: decodeStop(body.stop),
    choices: choices === 1 ? undefined : choices,
    output: decodeOutput(body),
    reasoning: decodeReasoning(body),
    endUser: optionalText(body.safety_identifier, 'safety_identifier') ?? optionalText(body.user, 'user'),
    metadata: decodeMetadata(body),
    promptCacheKey: optionalText(body.prompt_cache_key, 'prompt_cache_key'),
    serviceTier: optionalText(body.service_tier, 'service_tier'),
    verbosity: optionalText(body.verbosity, 'verbosity'),
    logProbabilities: decodeLogProbabilityCount(body),
    logitBias: optionalObject(body.logit_bias, 'logit_bias') as Record<string, number> | undefined,
    modalities: decodeModalities(body),
    image: decodeImageConfig(body),
    speech: decodeSpeech(body),
    webSearch: decodeWebSearch(body),
    extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    unmapped: {
      ...Object.fromEntries(unknown.filter(([key]) => !extraKeys.has(key))),
      ...unmappedOfGoogle(body),
      ...unmappedOfSearch(body),
      ...unmappedOfTools(body),
      ...unmapped,
    },
  });
}

/** Members that are decoded, or that are for the broker only. */
const KNOWN: ReadonlySet<string> = new Set(
  `model messages stream stream_options models provider extra_body google image_config
   tools tool_choice functions function_call parallel_tool_calls max_tokens max_completion_tokens
   temperature top_p top_k seed presence_penalty frequency_penalty stop n response_format
   reasoning_effort reasoning include_reasoning thinking user safety_identifier metadata prompt_cache_key service_tier verbosity
   logprobs top_logprobs logit_bias modalities audio web_search_options`.split(/\s+/),
);

/** Clients of `functions` expect `function_call` in the answer; encoders check this too. */
export function isOlderForm(body: JsonObject): boolean {
  return Array.isArray(body.functions) && !Array.isArray(body.tools);
}

function decodeSampling(body: JsonObject): Sampling {
  return defined({
    temperature: optionalNumber(body.temperature, 'temperature'),
    topP: optionalNumber(body.top_p, 'top_p'),
    topK: optionalNumber(body.top_k, 'top_k'),
    seed: optionalExactNumber(body.seed, 'seed'),
    presencePenalty: optionalNumber(body.presence_penalty, 'presence_penalty'),
    frequencyPenalty: optionalNumber(body.frequency_penalty, 'frequency_penalty'),
  });
}

/** A text or a list of texts; shared with the older completions. */
export function decodeStop(stop: unknown): string[] | undefined {
  if (typeof stop === 'string') return [stop];
  const list = optionalList(stop, 'stop');
  if (list === undefined || list.length === 0) return undefined;
  return list.map((entry, index) => requiredText(entry, `stop[${index}]`));
}

function decodeOutput({ response_format: format }: JsonObject): OutputFormat | undefined {
  const fields = optionalObject(format, 'response_format');
  switch (fields?.type) {
    case undefined:
      return undefined;
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      return decodeSchema(optionalObject(fields?.json_schema, 'response_format.json_schema') ?? {});
    default:
      throw invalid('response_format.type', `'${String(fields?.type)}' is not one of text, json_object, json_schema`);
  }
}

function decodeSchema(fields: JsonObject): OutputFormat {
  const at = 'response_format.json_schema';
  return defined({
    kind: 'json-schema',
    schema: optionalObject(fields.schema, `${at}.schema`) ?? {},
    name: optionalText(fields.name, `${at}.name`),
    description: optionalText(fields.description, `${at}.description`),
    isStrict: optionalBoolean(fields.strict, `${at}.strict`),
  });
}

function decodeMetadata({ metadata }: JsonObject): Record<string, string> | undefined {
  const pairs = optionalObject(metadata, 'metadata');
  if (pairs === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(pairs).map(([key, value]) => [key, isExactNumber(value) ? value.rawJSON : String(value)]),
  );
}

function decodeLogProbabilityCount(body: JsonObject): number | undefined {
  const isAsked = optionalBoolean(body.logprobs, 'logprobs');
  return isAsked ? (optionalNumber(body.top_logprobs, 'top_logprobs') ?? 0) : undefined;
}

function decodeModalities({ modalities }: JsonObject): string[] | undefined {
  return optionalList(modalities, 'modalities')?.map((entry, index) => requiredText(entry, `modalities[${index}]`));
}

/** A voice is a name, or the id of a custom one. */
function decodeSpeech({ audio }: JsonObject): InferenceRequest['speech'] {
  const fields = optionalObject(audio, 'audio');
  if (fields === undefined) return undefined;
  const voice = isObject(fields.voice) ? fields.voice.id : fields.voice;
  return defined({ voice: optionalText(voice, 'audio.voice'), format: optionalText(fields.format, 'audio.format') });
}

function decodeWebSearch(body: JsonObject): InferenceRequest['webSearch'] {
  const fields = optionalObject(body.web_search_options, 'web_search_options');
  if (fields === undefined) return undefined;
  const at = 'web_search_options';
  const location = optionalObject(fields.user_location, `${at}.user_location`);
  return defined({
    contextSize: optionalText(fields.search_context_size, `${at}.search_context_size`),
    userLocation: location === undefined ? undefined : decodeLocation(location, `${at}.user_location`),
    hasOtherLimits: isObject(fields.filters) ? (true as const) : undefined,
  });
}

/** Nested here, flat in the Responses API. */
function decodeLocation(location: JsonObject, at: string): WebSearch['userLocation'] {
  const { city, region, country, timezone } = optionalObject(location.approximate, `${at}.approximate`) ?? location;
  return defined({
    city: optionalText(city, `${at}.city`),
    region: optionalText(region, `${at}.region`),
    country: optionalText(country, `${at}.country`),
    timezone: optionalText(timezone, `${at}.timezone`),
  });
}

function unmappedOfSearch({ web_search_options: options }: JsonObject): JsonObject {
  if (!isObject(options)) return {};
  const { search_context_size: _size, user_location: _location, ...others } = options;
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [`web_search_options.${key}`, value]));
}
