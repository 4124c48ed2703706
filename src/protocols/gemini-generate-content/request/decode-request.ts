// A client's request in the canonical form.
import { createFailure, type Failure, FailureError } from '#src/contracts/failure.ts';
import type { InferenceRequest, OutputFormat, ReasoningRequest } from '#src/contracts/inference-request.ts';
import { type Extras, mergeExtras } from '#src/protocols/call/effective-request.ts';
import type { JsonObject, RequestField } from '#src/protocols/codec.ts';
import { decodeServiceTier } from '#src/protocols/gemini-generate-content/usage.ts';
import {
  asNumber,
  asObject,
  asRepeated,
  asText,
  camelCase,
  defined,
  field,
  othersIn,
} from '#src/protocols/gemini-generate-content/wire-values.ts';
import { checkValues } from './check-values.ts';
import { decodeTurns, UnsupportedError, unmappedParts } from './decode-contents.ts';
import { decodeToolChoice, decodeTools, readSchema } from './decode-tools.ts';
import { BROKER_MEMBERS } from './read-request.ts';

const KNOWN_MEMBERS = new Set<string>([
  ...BROKER_MEMBERS,
  ...['contents', 'systemInstruction', 'tools', 'generationConfig', 'serviceTier', 'model'],
]);

/** Parts of the prompt that are stored at Google; without them the request would be a different one. */
const BOUND = ['cachedContent', 'continuationToken'] as const;

export function decodeGeminiRequest(body: JsonObject): InferenceRequest | Failure {
  try {
    const bound = BOUND.find((name) => field(body, name) !== undefined);
    if (bound !== undefined) throw new UnsupportedError(bound);
    const merged = mergeExtras(body);
    checkValues(merged.body);
    return decode(merged);
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    if (!(error instanceof UnsupportedError)) throw error;
    const { param } = error;
    const message = `'${param}' can only be sent to a provider that speaks Gemini’s own protocol.`;
    return createFailure('parameter_unsupported', message, { param });
  }
}

function decode({ body, extraKeys }: Extras): InferenceRequest {
  const extraBody = Object.fromEntries(Object.entries(body).filter(([name]) => extraKeys.has(name) && !isKnown(name)));
  const config = decodeGenerationConfig(asObject(field(body, 'generationConfig')));
  const tools = decodeTools(body);
  return {
    ...config,
    ...tools,
    turns: decodeTurns(body),
    ...defined({
      toolChoice: decodeToolChoice(body),
      serviceTier: decodeServiceTier(asText(field(body, 'serviceTier'))),
      extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    }),
    unmapped: { ...config.unmapped, ...tools.unmapped, ...unmappedParts(body), ...unmappedOf(body, extraKeys) },
  };
}

function isKnown(name: string): boolean {
  return KNOWN_MEMBERS.has(name) || KNOWN_MEMBERS.has(camelCase(name)) || camelCase(name) === 'toolConfig';
}

function unmappedOf(body: JsonObject, extraKeys: ReadonlySet<string>): Record<string, unknown> {
  const unmapped: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) {
    const name = camelCase(key);
    if (name === 'toolConfig') Object.assign(unmapped, unmappedToolConfig(asObject(value)));
    else if (!isKnown(key) && !extraKeys.has(key)) unmapped[name] = value;
  }
  return unmapped;
}

function unmappedToolConfig(config: JsonObject | null): Record<string, unknown> {
  const others = othersIn(config, ['functionCallingConfig'], 'toolConfig');
  const calling = asObject(field(config, 'functionCallingConfig'));
  return { ...others, ...othersIn(calling, ['mode', 'allowedFunctionNames'], 'toolConfig.functionCallingConfig') };
}

const FIELD_NAMES: Record<RequestField, string> = {
  messages: 'contents',
  tools: 'tools',
  toolChoice: 'toolConfig.functionCallingConfig',
  parallelToolCalls: 'toolConfig',
  maxOutputTokens: 'generationConfig.maxOutputTokens',
  temperature: 'generationConfig.temperature',
  topP: 'generationConfig.topP',
  topK: 'generationConfig.topK',
  seed: 'generationConfig.seed',
  presencePenalty: 'generationConfig.presencePenalty',
  frequencyPenalty: 'generationConfig.frequencyPenalty',
  stop: 'generationConfig.stopSequences',
  choices: 'generationConfig.candidateCount',
  output: 'generationConfig.responseMimeType',
  reasoning: 'generationConfig.thinkingConfig',
  endUser: 'user',
  metadata: 'labels',
  serviceTier: 'serviceTier',
  verbosity: 'verbosity',
  logProbabilities: 'generationConfig.responseLogprobs',
  logitBias: 'logitBias',
  modalities: 'generationConfig.responseModalities',
  image: 'generationConfig.imageConfig',
  speech: 'generationConfig.speechConfig',
  webSearch: 'tools.googleSearch',
  searchContextSize: 'tools.googleSearch',
  searchLocation: 'toolConfig.retrievalConfig',
  searchUses: 'tools.googleSearch',
  cacheBreakpoints: 'cachedContent',
  promptCacheKey: 'promptCacheKey',
  grammar: 'tools',
  strict: 'toolConfig.functionCallingConfig',
};

export function geminiFieldName(name: RequestField): string {
  return FIELD_NAMES[name];
}

// Decodes a client's `generationConfig`; members without a canonical form are reported.

type ConfigMembers = Omit<InferenceRequest, 'turns' | 'tools'>;

/** Members that the functions below read. */
const KNOWN_CONFIG = new Set(
  (
    'temperature topP topK seed presencePenalty frequencyPenalty maxOutputTokens candidateCount stopSequences ' +
    'responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema responseModalities thinkingConfig ' +
    'imageConfig speechConfig'
  ).split(' '),
);

/** Throws an UnsupportedError for an output format that no other protocol has. */
function decodeGenerationConfig(config: JsonObject | null): ConfigMembers {
  const number = (name: string) => asNumber(field(config, name));
  return {
    sampling: defined({
      temperature: number('temperature'),
      topP: number('topP'),
      topK: number('topK'),
      seed: number('seed'),
      presencePenalty: number('presencePenalty'),
      frequencyPenalty: number('frequencyPenalty'),
    }),
    ...defined({
      maxOutputTokens: number('maxOutputTokens'),
      choices: number('candidateCount'),
      stop: textsOf(field(config, 'stopSequences')),
      output: decodeOutput(config),
      reasoning: decodeThinking(asObject(field(config, 'thinkingConfig'))),
      logProbabilities: field(config, 'responseLogprobs') === true ? (number('logprobs') ?? 0) : undefined,
      modalities: textsOf(field(config, 'responseModalities'))?.map((modality) => modality.toLowerCase()),
      image: decodeImage(asObject(field(config, 'imageConfig'))),
      speech: decodeSpeech(asObject(field(config, 'speechConfig'))),
    }),
    unmapped: unmappedConfigOf(config),
  };
}

function textsOf(value: unknown): string[] | undefined {
  const texts = asRepeated(value).filter((text) => typeof text === 'string');
  return texts.length === 0 ? undefined : texts;
}

/** Members within members that are read in part. */
const KNOWN_WITHIN: Readonly<Record<string, readonly string[]>> = {
  thinkingConfig: ['includeThoughts', 'thinkingBudget', 'thinkingLevel'],
  imageConfig: ['aspectRatio', 'imageSize'],
  speechConfig: ['voiceConfig'],
};

function unmappedConfigOf(config: JsonObject | null): Record<string, unknown> {
  const within = Object.entries(KNOWN_WITHIN).map(([name, known]) =>
    othersIn(asObject(field(config, name)), known, `generationConfig.${name}`),
  );
  return Object.assign(othersIn(config, [...KNOWN_CONFIG], 'generationConfig'), ...within);
}

function decodeOutput(config: JsonObject | null): OutputFormat | undefined {
  const mimeType = asText(field(config, 'responseMimeType'));
  if (mimeType === undefined || mimeType === '') return undefined;
  if (mimeType === 'text/plain') return { kind: 'text' };
  // `text/x.enum` returns a bare value, while JSON output would quote it.
  if (mimeType !== 'application/json') throw new UnsupportedError('generationConfig.responseMimeType');
  const schema = asObject(field(config, 'responseSchema'));
  const jsonSchema = asObject(field(config, 'responseJsonSchema')) ?? (schema === null ? null : readSchema(schema));
  return jsonSchema === null ? { kind: 'json' } : { kind: 'json-schema', schema: jsonSchema };
}

/** A budget of −1 is the automatic one, which is the default everywhere. */
function decodeThinking(config: JsonObject | null): ReasoningRequest | undefined {
  if (config === null) return undefined;
  const budget = asNumber(field(config, 'thinkingBudget'));
  const level = asText(field(config, 'thinkingLevel'))?.toLowerCase();
  const isShown = field(config, 'includeThoughts');
  return defined({
    effort: level === 'thinking_level_unspecified' ? undefined : level,
    budgetTokens: budget !== undefined && budget >= 0 ? budget : undefined,
    isShown: typeof isShown === 'boolean' ? isShown : undefined,
  });
}

function decodeImage(config: JsonObject | null): InferenceRequest['image'] {
  if (config === null) return undefined;
  return defined({ aspectRatio: asText(field(config, 'aspectRatio')), size: asText(field(config, 'imageSize')) });
}

function decodeSpeech(config: JsonObject | null): InferenceRequest['speech'] {
  if (config === null) return undefined;
  const prebuilt = asObject(field(asObject(field(config, 'voiceConfig')), 'prebuiltVoiceConfig'));
  return defined({ voice: asText(field(prebuilt, 'voiceName')) });
}
