// Tools and the choice between them.
import type {
  CustomTool,
  FunctionTool,
  InferenceRequest,
  OutputFormat,
  ToolDefinition,
  WebSearch,
} from '#src/contracts/inference-request.ts';
import { cacheControl } from '#src/protocols/anthropic-messages/blocks.ts';
import { defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { Encoding, ModelTraits } from '#src/protocols/anthropic-messages/models.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { describeCustom, FREE_TEXT } from '#src/protocols/translate/fit-request.ts';
import { includesTool } from '#src/protocols/translate/tool-names.ts';
import { fitsStrictLimits, toStrictSchema } from './strict-schema.ts';

export interface EncodedTools {
  tools?: JsonObject[];
  tool_choice?: JsonObject;
}

/** The server tool that every current model has; billed per search by the provider. */
const WEB_SEARCH = { type: 'web_search_20250305', name: 'web_search' };

export function encodeTools(request: InferenceRequest, traits: ModelTraits, encoding: Encoding): EncodedTools {
  const offered = allowedTools(request);
  const areStrict = traits.hasStructuredOutputs && fitsStrictLimits(offered);
  const tools = offered.map((tool) => encodeTool(tool, areStrict, encoding));
  if (request.webSearch !== undefined) tools.push(encodeSearch(request.webSearch));
  if (tools.length === 0) {
    if (isForced(request)) encoding.refuse('toolChoice', 'requires tools with a tool choice');
    return {};
  }
  const choice = encodeChoice(request, traits, encoding);
  return { tools, ...(choice === null ? {} : { tool_choice: choice }) };
}

/** A choice among some tools is expressed by offering only those. */
function allowedTools({ tools, toolChoice }: InferenceRequest): ToolDefinition[] {
  return toolChoice?.kind === 'allowed' ? tools.filter((tool) => includesTool(toolChoice.tools, tool)) : tools;
}

export function isForced({ toolChoice }: InferenceRequest): boolean {
  if (toolChoice?.kind === 'allowed') return toolChoice.isRequired;
  return toolChoice?.kind === 'required' || toolChoice?.kind === 'tool';
}

function encodeTool(tool: ToolDefinition, areStrict: boolean, encoding: Encoding): JsonObject {
  const encoded = tool.kind === 'custom' ? encodeCustom(tool) : encodeFunction(tool, areStrict, encoding);
  return { ...encoded, ...cacheControl(tool) };
}

/** A strict tool whose schema Anthropic cannot enforce is sent as an ordinary one. */
function encodeFunction(
  { name, description, parameters, isStrict }: FunctionTool,
  areStrict: boolean,
  encoding: Encoding,
): JsonObject {
  const strict = isStrict && areStrict && parameters !== undefined ? toStrictSchema(parameters) : null;
  if (isStrict === true && strict === null && parameters !== undefined) encoding.drop('strict');
  return {
    name,
    ...defined({ description }),
    input_schema: { type: 'object', properties: {}, ...(strict ?? parameters) },
    ...(strict === null ? {} : { strict: true }),
  };
}

function encodeCustom(tool: CustomTool): JsonObject {
  return { name: tool.name, ...defined({ description: describeCustom(tool) }), input_schema: FREE_TEXT };
}

function encodeSearch({ allowedDomains, blockedDomains, userLocation, maxUses }: WebSearch): JsonObject {
  return {
    ...WEB_SEARCH,
    ...defined({
      allowed_domains: allowedDomains,
      blocked_domains: blockedDomains,
      user_location: userLocation === undefined ? undefined : { type: 'approximate', ...userLocation },
      max_uses: maxUses,
    }),
  };
}

function encodeChoice(request: InferenceRequest, traits: ModelTraits, encoding: Encoding): JsonObject | null {
  const { toolChoice, allowsParallelToolCalls } = request;
  if (isForced(request) && !traits.takesForcedTools) {
    encoding.refuse('toolChoice', 'has a model that cannot be forced to call a tool');
  }
  if (toolChoice?.kind === 'none') return { type: 'none' };
  const isSerial = allowsParallelToolCalls === false;
  if (toolChoice === undefined && !isSerial) return null;
  return { ...choiceType(request), ...(isSerial ? { disable_parallel_tool_use: true } : {}) };
}

function choiceType(request: InferenceRequest): JsonObject {
  const { toolChoice } = request;
  if (toolChoice?.kind === 'tool') return { type: 'tool', name: toolChoice.name };
  return { type: isForced(request) ? 'any' : 'auto' };
}

// Answers in JSON, in one of three ways, by the model's abilities: constrained decoding; a forced tool whose input is the answer;
// an instruction.

export interface EncodedOutput {
  /** `output_config.format`. */
  format?: JsonObject;
  /** Instruction in the system prompt. */
  instruction?: string;
  /** The model must call it; the decoder shows its input as the answer's text. */
  tool?: JsonObject;
}

/** Recognised by the decoder, which does not know the request. */
export const ANSWER_TOOL = 'sluice_json_answer';

type FormTraits = Pick<ModelTraits, 'hasStructuredOutputs' | 'takesForcedTools'>;

const FREE_FORM: FormTraits = { hasStructuredOutputs: false, takesForcedTools: false };

type SchemaOutput = Extract<OutputFormat, { kind: 'json-schema' }>;

/** `isPrefilled`: the model continues an assistant turn, for which no format can be enforced. */
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
  // A model that must call one of the client's tools writes no other answer.
  if (isForced(request) && request.tools.length > 0) return {};
  if (schema !== null && canAnswerByTool(request, traits)) return { tool: answerTool(output) };
  if (output.isStrict) {
    const what =
      schema === null
        ? 'this JSON schema (maps, recursion and external references are not supported)'
        : 'a JSON schema';
    encoding.refuse('output', `has a model that cannot guarantee output that matches ${what}`);
  }
  // A schema that is not strict is only a best effort with OpenAI's models too.
  encoding.drop('output');
  return {
    instruction: `Answer with one valid JSON object that fits this JSON schema, and nothing else: ${JSON.stringify(output.schema)}`,
  };
}

/** Whether nothing in the request rules out a forced tool. */
function canAnswerByTool(request: InferenceRequest, { takesForcedTools }: FormTraits): boolean {
  const { webSearch, reasoning, output } = request;
  const isObject = output?.kind === 'json-schema' && output.schema.type === 'object';
  return isObject && webSearch === undefined && !isForced(request) && takesForcedTools && reasoning === undefined;
}

function answerTool({ schema, description }: SchemaOutput): JsonObject {
  return { name: ANSWER_TOOL, description: description ?? 'Gives the answer.', input_schema: schema };
}
