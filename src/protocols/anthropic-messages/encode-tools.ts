// Tools and the choice between them.
import type {
  CustomTool,
  FunctionTool,
  InferenceRequest,
  ToolDefinition,
  WebSearch,
} from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { describeCustom, FREE_TEXT } from '../custom-tools.ts';
import { includesTool } from '../tool-names.ts';
import { cacheControl } from './cache-breakpoints.ts';
import type { Encoding } from './encoding.ts';
import { defined } from './loose-json.ts';
import type { ModelTraits } from './models.ts';
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
    if (isForced(request)) encoding.refuse('toolChoice', 'needs tools to choose from');
    return {};
  }
  const choice = encodeChoice(request, traits, encoding);
  return { tools, ...(choice === null ? {} : { tool_choice: choice }) };
}

/** Choosing among some tools is offering only those. */
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

/** A strict tool whose schema Anthropic's decoder cannot hold to is sent as a plain one. */
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
    encoding.refuse('toolChoice', 'has a model that cannot be made to call a tool');
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
