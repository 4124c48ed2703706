// Canonical settings as `generationConfig`.
import type { InferenceRequest, OutputFormat, RawNumber } from '../../contracts/inference-request.ts';
import type { JsonObject, RequestField } from '../codec.ts';
import { cleanSchema } from './clean-schema.ts';
import type { GeminiModel } from './models.ts';
import { RefusalError } from './refusal.ts';
import { encodeThinking } from './thinking-config.ts';
import { defined } from './wire-values.ts';

/** docs/reference/gemini-generate-content.md section 2. */
const MAX_STOP_SEQUENCES = 5;

export interface EncodedConfig {
  config: JsonObject;
  dropped: RequestField[];
}

/** Throws a RefusalError for more stop sequences than there can be, and for JSON beside functions on older models. */
export function encodeGenerationConfig(request: InferenceRequest, model: GeminiModel): EncodedConfig {
  const { maxOutputTokens, choices, stop, logProbabilities } = request;
  if (stop !== undefined && stop.length > MAX_STOP_SEQUENCES) {
    throw new RefusalError('stop', `takes at most ${MAX_STOP_SEQUENCES} stop sequences`);
  }
  const parts = [encodeSampling(request, model), encodeReasoning(request, model), encodeModalities(request)];
  const config = Object.assign(
    defined({
      maxOutputTokens,
      candidateCount: choices === 1 ? undefined : choices,
      stopSequences: stop?.length === 0 ? undefined : stop,
      responseLogprobs: logProbabilities === undefined ? undefined : true,
      // 0 stands for the chosen token alone, which is what comes without a number.
      logprobs: logProbabilities === 0 ? undefined : logProbabilities,
    }),
    encodeOutput(request, model),
    ...parts.map((part) => part.config),
  );
  return { config, dropped: parts.flatMap((part) => part.dropped) };
}

function encodeSampling({ sampling }: InferenceRequest, model: GeminiModel): EncodedConfig {
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = sampling;
  // An int32 here, more in other protocols: the same seed stays the same, whatever its size.
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

/** A model that does not think has none of it to hide. */
function asksForMore({ effort, budgetTokens, isShown }: NonNullable<InferenceRequest['reasoning']>): boolean {
  return (effort !== undefined && effort !== 'none') || (budgetTokens ?? 0) > 0 || isShown === true;
}

function encodeOutput({ output, tools }: InferenceRequest, model: GeminiModel): JsonObject {
  if (output === undefined || output.kind === 'text') return {};
  // 400 on 2.x (googleapis/python-genai#867).
  if (tools.length > 0 && !model.isGemini3) {
    throw new RefusalError('output', 'has no JSON output beside functions with this model');
  }
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
