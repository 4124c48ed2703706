// `generationConfig`: lengths, stops, formats.
import type { AnswerFormat } from '../../engine/call.ts';
import { checkSchema } from './check-schema.ts';
import { type Body, fields, readList, readMessage, readText, readWhole, refuse } from './read-fields.ts';

const PATH = 'generation_config';
const FIELDS = fields(
  'temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty ' +
    'responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema responseModalities mediaResolution ' +
    'thinkingConfig imageConfig speechConfig audioTranscriptionConfig enableEnhancedCivicAnswers',
);
const MOST_CANDIDATES = 8;
const MOST_STOP_SEQUENCES = 5;
const MOST_TEMPERATURE = 2;

export interface Generation {
  config: Body;
  maxOutputTokens: number | null;
  candidates: number;
  stop: readonly string[];
  seed: number | null;
  format: AnswerFormat;
}

export function readGeneration({ generationConfig }: Body): Generation {
  const config = generationConfig === undefined ? {} : readMessage(generationConfig, PATH, FIELDS);
  const maxOutputTokens = readWhole(config.maxOutputTokens, `${PATH}.max_output_tokens`);
  if (maxOutputTokens !== null && maxOutputTokens < 1) refuse('max_output_tokens must be positive.');
  const candidates = readWhole(config.candidateCount, `${PATH}.candidate_count`) ?? 1;
  if (candidates < 1 || candidates > MOST_CANDIDATES) {
    refuse(`candidate_count must be between 1 and ${MOST_CANDIDATES}.`);
  }
  checkTemperature(config.temperature);
  return {
    config,
    maxOutputTokens,
    candidates,
    stop: readStop(config),
    seed: readWhole(config.seed, `${PATH}.seed`),
    format: readFormat(config),
  };
}

function checkTemperature(value: unknown): void {
  if (value === undefined) return;
  if (typeof value === 'number' && value >= 0 && value <= MOST_TEMPERATURE) return;
  refuse(`* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].`);
}

function readStop({ stopSequences }: Body): readonly string[] {
  const sequences = readList(stopSequences).map((value) => readText(value, `${PATH}.stop_sequences`) ?? '');
  if (sequences.length > MOST_STOP_SEQUENCES) {
    refuse(`The number of stop sequences must be at most ${MOST_STOP_SEQUENCES}.`);
  }
  return sequences;
}

function readFormat({ responseMimeType, responseSchema, responseJsonSchema }: Body): AnswerFormat {
  const type = readText(responseMimeType, `${PATH}.response_mime_type`) ?? 'text/plain';
  if (responseSchema !== undefined && responseJsonSchema !== undefined) {
    refuse('Only one of response_schema and response_json_schema may be set.');
  }
  if (responseSchema !== undefined) checkSchema(responseSchema, `${PATH}.response_schema`);
  const schema = responseSchema ?? responseJsonSchema;
  switch (type) {
    case 'text/plain':
      if (schema === undefined) return { kind: 'text' };
      return refuse('response_schema requires the response_mime_type application/json or text/x.enum.');
    case 'application/json':
      return schema === undefined ? { kind: 'json' } : { kind: 'schema', schema };
    case 'text/x.enum':
      return { kind: 'enum', values: readList((schema as Body | undefined)?.enum).map(String) };
    default:
      return refuse(
        `* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are \`text/plain\`, \`application/json\`, \`application/xml\`, \`application/yaml\` and \`text/x.enum\`.`,
      );
  }
}
