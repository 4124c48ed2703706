// A client's request in the canonical form.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { InferenceRequest } from '../../contracts/inference-request.ts';
import type { JsonObject, RequestField } from '../codec.ts';
import { type Extras, mergeExtras } from '../effective-request.ts';
import { decodeTurns } from './decode-contents.ts';
import { decodeGenerationConfig } from './decode-generation-config.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { BROKER_MEMBERS } from './read-request.ts';
import { decodeServiceTier } from './service-tier.ts';
import { UnsupportedError } from './unsupported.ts';
import { asObject, asText, camelCase, defined, field } from './wire-values.ts';

const KNOWN = new Set<string>([
  ...BROKER_MEMBERS,
  ...['contents', 'systemInstruction', 'tools', 'generationConfig', 'serviceTier', 'model'],
]);

/** Parts of the prompt that lie at Google: an answer without them would be to another question. */
const BOUND = ['cachedContent', 'continuationToken'] as const;

export function decodeGeminiRequest(body: JsonObject): InferenceRequest | Failure {
  try {
    const bound = BOUND.find((name) => field(body, name) !== undefined);
    if (bound !== undefined) throw new UnsupportedError(bound);
    return decode(mergeExtras(body));
  } catch (error) {
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
    unmapped: { ...config.unmapped, ...tools.unmapped, ...unmappedOf(body, extraKeys) },
  };
}

function isKnown(name: string): boolean {
  return KNOWN.has(name) || KNOWN.has(camelCase(name)) || camelCase(name) === 'toolConfig';
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
  const others = Object.entries(config ?? {}).filter(([key]) => camelCase(key) !== 'functionCallingConfig');
  return Object.fromEntries(others.map(([key, value]) => [`toolConfig.${camelCase(key)}`, value]));
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
  grammar: 'tools',
  strict: 'toolConfig.functionCallingConfig',
};

export function geminiFieldName(name: RequestField): string {
  return FIELD_NAMES[name];
}
