// A canonical request for a Gemini provider.

import type { InferenceRequest, OutputFormat, RawNumber, ReasoningRequest } from '#src/contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, JsonObject, Refusal, RequestField } from '#src/protocols/codec.ts';
import { RefusalError } from '#src/protocols/codec.ts';
import { withAnswerFunction } from '#src/protocols/gemini-generate-content/answer-function.ts';
import {
  type GeminiModel,
  geminiModel,
  LEVELS,
  type Level,
  type Thinking,
} from '#src/protocols/gemini-generate-content/models.ts';
import { encodeServiceTier } from '#src/protocols/gemini-generate-content/usage.ts';
import { defined } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { EFFORT_SHARES } from '../../providers/effort-shares.ts';
import { encodeTurns } from './encode-contents.ts';
import { cleanSchema, encodeTools } from './encode-tools.ts';

export function encodeGeminiRequest(request: InferenceRequest, input: EncodeRequestInput): EncodedRequest | Refusal {
  try {
    return encode(request, input);
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return error.refusal;
  }
}

function encode(asked: InferenceRequest, { upstreamModel }: EncodeRequestInput): EncodedRequest {
  const model = geminiModel(upstreamModel);
  const request = withAnswerFunction(asked, model);
  const isReshaped = request.tools.length > asked.tools.length;
  const { config, dropped } = encodeGenerationConfig(request, model);
  const serviceTier = encodeServiceTier(request.serviceTier ?? '');
  const body: JsonObject = {
    ...encodeTurns(request.turns, model),
    ...encodeTools(request, model),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    ...(serviceTier === null ? {} : { serviceTier }),
  };
  return {
    kind: 'request',
    body,
    dropped: [...dropped, ...droppedOf(asked)],
    ...(isReshaped ? { isReshaped } : {}),
  };
}

/** Members that Gemini does not have and that do not change the answer's meaning. */
function droppedOf(request: InferenceRequest): RequestField[] {
  const { serviceTier, speech } = request;
  const isDropped: [RequestField, boolean][] = [
    ['endUser', request.endUser !== undefined],
    ['metadata', request.metadata !== undefined],
    ['promptCacheKey', request.promptCacheKey !== undefined],
    ['verbosity', request.verbosity !== undefined],
    ['logitBias', request.logitBias !== undefined],
    ['parallelToolCalls', request.allowsParallelToolCalls === false && request.tools.length > 0],
    ['serviceTier', serviceTier !== undefined && serviceTier !== 'auto' && encodeServiceTier(serviceTier) === null],
    // Gemini returns audio only as 16-bit PCM.
    ['speech', speech?.format !== undefined && speech.format !== 'pcm16'],
  ];
  return isDropped.filter(([, is]) => is).map(([name]) => name);
}

// Canonical settings as `generationConfig`.

/** docs/reference/gemini-generate-content.md section 2. */
const MAX_STOP_SEQUENCES = 5;

interface EncodedConfig {
  config: JsonObject;
  dropped: RequestField[];
}

/** Throws a RefusalError for too many stop sequences. */
function encodeGenerationConfig(request: InferenceRequest, model: GeminiModel): EncodedConfig {
  const { maxOutputTokens, choices, stop, logProbabilities } = request;
  if (stop !== undefined && stop.length > MAX_STOP_SEQUENCES) {
    throw new RefusalError('stop', `accepts at most ${MAX_STOP_SEQUENCES} stop sequences`);
  }
  const parts = [encodeSampling(request, model), encodeReasoning(request, model), encodeModalities(request)];
  const config = Object.assign(
    defined({
      maxOutputTokens,
      candidateCount: choices === 1 ? undefined : choices,
      stopSequences: stop?.length === 0 ? undefined : stop,
      responseLogprobs: logProbabilities === undefined ? undefined : true,
      // 0 means the chosen token alone, which is the default without a number.
      logprobs: logProbabilities === 0 ? undefined : logProbabilities,
    }),
    encodeOutput(request),
    ...parts.map((part) => part.config),
  );
  return { config, dropped: parts.flatMap((part) => part.dropped) };
}

function encodeSampling({ sampling }: InferenceRequest, model: GeminiModel): EncodedConfig {
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = sampling;
  // An int32 here, larger in other protocols: every seed is mapped deterministically.
  const config = defined({ temperature, topP, topK, seed: seed === undefined ? undefined : shortSeed(seed) });
  const penalties = defined({ presencePenalty, frequencyPenalty });
  if (model.hasPenalties) return { config: { ...config, ...penalties }, dropped: [] };
  return { config, dropped: Object.keys(penalties) as RequestField[] };
}

function encodeReasoning({ reasoning, maxOutputTokens }: InferenceRequest, model: GeminiModel): EncodedConfig {
  if (reasoning === undefined) return { config: {}, dropped: [] };
  const thinkingConfig = encodeThinking(reasoning, model.thinking, maxOutputTokens);
  if (thinkingConfig === null) return { config: {}, dropped: asksForMore(reasoning) ? ['reasoning'] : [] };
  return { config: Object.keys(thinkingConfig).length === 0 ? {} : { thinkingConfig }, dropped: [] };
}

/** A model that does not think has no thoughts to hide. */
function asksForMore({ effort, budgetTokens, isShown }: NonNullable<InferenceRequest['reasoning']>): boolean {
  return (effort !== undefined && effort !== 'none') || (budgetTokens ?? 0) > 0 || isShown === true;
}

function encodeOutput({ output }: InferenceRequest): JsonObject {
  if (output === undefined || output.kind === 'text') return {};
  return { responseMimeType: 'application/json', ...encodeSchema(output) };
}

function encodeSchema(output: OutputFormat): JsonObject {
  return output.kind === 'json-schema' ? { responseJsonSchema: cleanSchema(output.schema) } : {};
}

function encodeModalities({ modalities = [], speech, image }: InferenceRequest): EncodedConfig {
  const isSpoken = modalities.includes('audio');
  const isDrawn = modalities.includes('image') || image !== undefined;
  const drawing = isDrawn ? encodeImage(image ?? {}) : NOTHING;
  // Speech comes alone; pictures come with text.
  const responseModalities = isSpoken ? ['AUDIO'] : isDrawn ? ['TEXT', 'IMAGE'] : undefined;
  const voice = isSpoken ? speech?.voice : undefined;
  const speechConfig = voice === undefined ? undefined : { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } };
  return {
    config: { ...defined({ responseModalities, speechConfig }), ...drawing.config },
    dropped: drawing.dropped,
  };
}

const NOTHING: EncodedConfig = { config: {}, dropped: [] };

const ASPECT_RATIO = /^\d{1,2}:\d{1,2}$/;
const IMAGE_SIZE = /^(512|[124]K)$/i;

/** Sizes in pixels and `auto` belong to other providers. */
function encodeImage({ aspectRatio, size }: NonNullable<InferenceRequest['image']>): EncodedConfig {
  const ratio = ASPECT_RATIO.test(aspectRatio ?? '') ? aspectRatio : undefined;
  const imageSize = IMAGE_SIZE.test(size ?? '') ? size?.toUpperCase() : undefined;
  const isWhole = (aspectRatio === undefined || ratio !== undefined) && (size === undefined || imageSize !== undefined);
  const imageConfig = defined({ aspectRatio: ratio, imageSize });
  return {
    config: Object.keys(imageConfig).length === 0 ? {} : { imageConfig },
    dropped: isWhole ? [] : ['image'],
  };
}

function shortSeed(seed: number | RawNumber): number {
  return (typeof seed === 'number' ? seed : Number(seed.rawJSON)) | 0;
}

// The canonical reasoning request as Gemini's `thinkingConfig`: a level from Gemini 3 on, a budget before.

/** Output limit of the models that take a budget. */
const MAX_OUTPUT_TOKENS = 65_536;

/** Converts a client's budget for models that accept levels: the first row that it does not exceed. */
const LEVEL_OF_BUDGET: readonly [number, Level][] = [
  [512, 'minimal'],
  [4_096, 'low'],
  [16_384, 'medium'],
];

/** Null if it cannot be expressed: an unknown effort, or a model that does not think. */
function encodeThinking(
  { effort, budgetTokens, isShown }: ReasoningRequest,
  thinking: Thinking,
  maxOutputTokens = MAX_OUTPUT_TOKENS,
): JsonObject | null {
  if (thinking === null) return null;
  const shown = isShown === true ? { includeThoughts: true } : {};
  if (effort === undefined && budgetTokens === undefined) return shown;
  if (thinking.kind === 'level') {
    const level = budgetTokens === undefined ? levelOfEffort(effort!) : levelOfBudget(budgetTokens);
    return level === null ? null : { ...shown, thinkingLevel: nearest(level, thinking.levels).toUpperCase() };
  }
  const wanted = budgetTokens ?? budgetOfEffort(effort!, Math.min(maxOutputTokens, MAX_OUTPUT_TOKENS));
  return wanted === null ? null : { ...shown, thinkingBudget: clampBudget(wanted, thinking) };
}

function levelOfEffort(effort: string): Level | null {
  if (effort === 'none') return 'minimal';
  if (effort === 'max') return 'xhigh';
  return LEVELS.find((level) => level === effort) ?? null;
}

function levelOfBudget(tokens: number): Level {
  return LEVEL_OF_BUDGET.find(([most]) => tokens <= most)?.[1] ?? 'high';
}

/** The level itself, else the next lower one, else the lowest available. */
function nearest(level: Level, levels: readonly Level[]): Level {
  const rank = LEVELS.indexOf(level);
  return levels.findLast((candidate) => LEVELS.indexOf(candidate) <= rank) ?? levels[0]!;
}

function budgetOfEffort(effort: string, maxOutputTokens: number): number | null {
  if (effort === 'none') return 0;
  const share = EFFORT_SHARES[effort];
  return share === undefined ? null : Math.round(share * maxOutputTokens);
}

function clampBudget(tokens: number, { minTokens, maxTokens, canBeOff }: Thinking & { kind: 'budget' }): number {
  if (tokens === 0 && canBeOff) return 0;
  return Math.min(maxTokens, Math.max(minTokens, tokens));
}
