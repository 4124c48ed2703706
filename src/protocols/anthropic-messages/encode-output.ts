// Answers in JSON. Three ways, by what the model has: constrained decoding; a forced tool whose input is the answer; words.
import type { InferenceRequest, OutputFormat } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { isForced } from './encode-tools.ts';
import type { Encoding } from './encoding.ts';
import type { ModelTraits } from './models.ts';
import { toStrictSchema } from './strict-schema.ts';

export interface EncodedOutput {
  /** `output_config.format`. */
  format?: JsonObject;
  /** Said to the model by the system. */
  instruction?: string;
  /** The model must call it; the decoder shows its input as the answer's text. */
  tool?: JsonObject;
}

/** Known to the decoder, which keeps no memory of the request. */
export const ANSWER_TOOL = 'sluice_json_answer';

type FormTraits = Pick<ModelTraits, 'hasStructuredOutputs' | 'takesForcedTools'>;

const FREE_FORM: FormTraits = { hasStructuredOutputs: false, takesForcedTools: false };

type SchemaOutput = Extract<OutputFormat, { kind: 'json-schema' }>;

/** `isPrefilled`: the model continues an assistant's turn, and cannot be held to a form while it does. */
export function encodeOutput(
  request: InferenceRequest,
  traits: ModelTraits,
  isPrefilled: boolean,
  encoding: Encoding,
): EncodedOutput {
  switch (request.output?.kind) {
    case 'json':
      return { instruction: 'Answer with one valid JSON object and nothing else: no prose, no Markdown fence.' };
    case 'json-schema':
      return encodeSchema(request.output, request, isPrefilled ? FREE_FORM : traits, encoding);
    default:
      return {};
  }
}

function encodeSchema(
  output: SchemaOutput,
  request: InferenceRequest,
  traits: FormTraits,
  encoding: Encoding,
): EncodedOutput {
  const schema = toStrictSchema(output.schema);
  if (schema !== null && traits.hasStructuredOutputs) return { format: { type: 'json_schema', schema } };
  if (schema !== null && isSimple(request, traits)) return { tool: answerTool(output) };
  if (output.isStrict) {
    const what =
      schema === null ? 'this JSON schema (maps, recursion and references outside are not)' : 'a JSON schema';
    encoding.refuse('output', `has a model that cannot be held to ${what}`);
  }
  // A schema that is not strict is a best effort with OpenAI's models too.
  encoding.drop('output');
  return {
    instruction: `Answer with one valid JSON object that fits this JSON schema, and nothing else: ${JSON.stringify(output.schema)}`,
  };
}

/** Nothing else asks for a tool, and nothing refuses a forced one. */
function isSimple(request: InferenceRequest, { takesForcedTools }: FormTraits): boolean {
  const { tools, webSearch, reasoning, output } = request;
  const isObject = output?.kind === 'json-schema' && output.schema.type === 'object';
  const isAlone = tools.length === 0 && webSearch === undefined && !isForced(request);
  return isObject && isAlone && takesForcedTools && reasoning === undefined;
}

function answerTool({ schema, description }: SchemaOutput): JsonObject {
  return { name: ANSWER_TOOL, description: description ?? 'Gives the answer.', input_schema: schema };
}
