// Tools and the choice among them for a Responses provider: flat, where Chat Completions nests.
import type {
  CustomTool,
  FunctionTool,
  InferenceRequest,
  ToolChoice,
  ToolDefinition,
  ToolName,
  WebSearch,
} from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { includesTool } from '../translate/tool-names.ts';
import { isObject, present } from '../wire/loose-json.ts';

/** Nothing at all without tools: the API refuses a choice among none. */
export function encodeTools(request: InferenceRequest): JsonObject {
  const tools = [...groupTools(request.tools), ...encodeHosted(request)];
  if (tools.length === 0) return {};
  return {
    tools,
    ...present({
      tool_choice: request.toolChoice === undefined ? undefined : encodeChoice(request.toolChoice, request.tools),
      parallel_tool_calls: request.allowsParallelToolCalls,
      max_tool_calls: request.webSearch?.maxUses,
    }),
  };
}

function encodeHosted({ webSearch, modalities, image }: InferenceRequest): JsonObject[] {
  const hosted: JsonObject[] = [];
  if (webSearch !== undefined) {
    hosted.push(encodeSearch(webSearch));
  }
  if (modalities?.includes('image')) hosted.push({ type: 'image_generation', ...present({ size: imageSize(image) }) });
  return hosted;
}

function encodeSearch({ contextSize, userLocation, allowedDomains, isCachedOnly }: WebSearch): JsonObject {
  return {
    type: 'web_search',
    ...present({
      search_context_size: contextSize,
      user_location: userLocation === undefined ? undefined : { type: 'approximate', ...userLocation },
      filters: allowedDomains === undefined ? undefined : { allowed_domains: allowedDomains },
      external_web_access: isCachedOnly === true ? false : undefined,
    }),
  };
}

/** In pixels, or left to the model; `2K` and the like are another provider's. */
export function imageSize(image: InferenceRequest['image']): string | undefined {
  return /^(\d+x\d+|auto)$/.test(image?.size ?? '') ? image?.size : undefined;
}

/** A group stands where its first tool does. */
function groupTools(tools: readonly ToolDefinition[]): JsonObject[] {
  const groups = new Map<string, JsonObject[]>();
  return tools.flatMap((tool): JsonObject[] => {
    const { namespace: name } = tool;
    if (name === undefined) return [encodeTool(tool)];
    const group = groups.get(name);
    group?.push(encodeTool(tool));
    if (group !== undefined) return [];
    const members = [encodeTool(tool)];
    groups.set(name, members);
    return [{ type: 'namespace', name, description: name, tools: members }];
  });
}

function encodeTool(tool: ToolDefinition): JsonObject {
  return tool.kind === 'function' ? encodeFunction(tool) : encodeCustom(tool);
}

const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false };

/** `strict` is always said: left out it means true here, and false in every other protocol. */
function encodeFunction({ name, description, parameters, isStrict }: FunctionTool): JsonObject {
  return {
    type: 'function',
    name,
    ...present({ description }),
    parameters: parameters ?? NO_PARAMETERS,
    strict: isStrict ?? false,
  };
}

function encodeCustom({ name, description, format }: CustomTool): JsonObject {
  return { type: 'custom', name, ...present({ description, format: flattenGrammar(format) }) };
}

/** Chat Completions: `{type: "grammar", grammar: {definition, syntax}}`; here the two stand beside the type. */
function flattenGrammar(format: unknown): unknown {
  if (!isObject(format) || !isObject(format.grammar)) return format;
  const { grammar, ...rest } = format;
  return { ...rest, ...(grammar as JsonObject) };
}

function encodeChoice(choice: ToolChoice, tools: readonly ToolDefinition[]): string | JsonObject {
  switch (choice.kind) {
    case 'tool':
      return nameTool(choice, tools);
    case 'allowed':
      return {
        type: 'allowed_tools',
        mode: choice.isRequired ? 'required' : 'auto',
        tools: [
          ...choice.tools.map((tool) => nameTool(tool, tools)),
          ...(choice.allowsSearch === true ? [{ type: 'web_search' }] : []),
        ],
      };
    default:
      return choice.kind;
  }
}

function nameTool({ name, namespace }: ToolName, tools: readonly ToolDefinition[]): JsonObject {
  const isCustom = tools.some(
    (tool) => tool.kind === 'custom' && includesTool([{ name, ...present({ namespace }) }], tool),
  );
  return { type: isCustom ? 'custom' : 'function', name, ...present({ namespace }) };
}
