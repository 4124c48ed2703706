// `generationConfig` of a client in canonical members; what has none is named.
import type { InferenceRequest, OutputFormat, ReasoningRequest } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { readSchema } from './read-schema.ts';
import { UnsupportedError } from './unsupported.ts';
import { asArray, asNumber, asObject, asText, camelCase, defined, field } from './wire-values.ts';

type ConfigMembers = Omit<InferenceRequest, 'turns' | 'tools'>;

/** Members that the functions below read. */
const KNOWN = new Set(
  (
    'temperature topP topK seed presencePenalty frequencyPenalty maxOutputTokens candidateCount stopSequences ' +
    'responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema responseModalities thinkingConfig ' +
    'imageConfig speechConfig'
  ).split(' '),
);

/** Throws an UnsupportedError for an output format that no other protocol has. */
export function decodeGenerationConfig(config: JsonObject | null): ConfigMembers {
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
    unmapped: unmappedOf(config),
  };
}

function textsOf(value: unknown): string[] | undefined {
  const texts = asArray(value).filter((text) => typeof text === 'string');
  return texts.length === 0 ? undefined : texts;
}

function unmappedOf(config: JsonObject | null): Record<string, unknown> {
  const unknown = Object.entries(config ?? {}).filter(([key]) => !KNOWN.has(camelCase(key)));
  return Object.fromEntries(unknown.map(([key, value]) => [`generationConfig.${camelCase(key)}`, value]));
}

function decodeOutput(config: JsonObject | null): OutputFormat | undefined {
  const mimeType = asText(field(config, 'responseMimeType'));
  if (mimeType === undefined || mimeType === '') return undefined;
  if (mimeType === 'text/plain') return { kind: 'text' };
  // One bare value of an enum: JSON output would put it in quotes.
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
