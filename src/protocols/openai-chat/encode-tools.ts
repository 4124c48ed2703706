// Tools and the choice among them, for a chat provider.
import type { InferenceRequest, ToolChoice, ToolDefinition } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { describeCustom, FREE_TEXT } from '../translate/fit-request.ts';
import { includesTool } from '../translate/tool-names.ts';
import type { ModelTraits } from './models.ts';
import { Unsendable } from './unsendable.ts';

const NO_ARGUMENTS = { type: 'object', properties: {} };

export function encodeTools(request: InferenceRequest, traits: ModelTraits): JsonObject {
  const { tools, toolChoice, allowsParallelToolCalls } = request;
  const offered = toolChoice?.kind === 'allowed' ? tools.filter((tool) => includesTool(toolChoice.tools, tool)) : tools;
  if (offered.length === 0) {
    if (mustCall(toolChoice)) throw new Unsendable('toolChoice', 'needs tools to choose from');
    return {};
  }
  return {
    tools: offered.map((tool) => encodeTool(tool, traits)),
    ...(toolChoice === undefined ? {} : { tool_choice: encodeChoice(toolChoice, tools, traits) }),
    ...(allowsParallelToolCalls === undefined ? {} : { parallel_tool_calls: allowsParallelToolCalls }),
  };
}

function mustCall(choice: ToolChoice | undefined): boolean {
  return choice?.kind === 'allowed' ? choice.isRequired : choice?.kind === 'required' || choice?.kind === 'tool';
}

function encodeTool(tool: ToolDefinition, traits: ModelTraits): JsonObject {
  const described = {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
  };
  if (tool.kind === 'function') {
    // `strict: false` is the default, and not every provider knows the member.
    const strict = tool.isStrict === true ? { strict: true } : {};
    return { type: 'function', function: { ...described, parameters: tool.parameters ?? NO_ARGUMENTS, ...strict } };
  }
  if (traits.isOpenAi) {
    return { type: 'custom', custom: { ...described, ...(tool.format === undefined ? {} : { format: tool.format }) } };
  }
  const description = describeCustom(tool);
  const words = description === undefined ? {} : { description };
  return { type: 'function', function: { ...described, ...words, parameters: FREE_TEXT } };
}

function encodeChoice(choice: ToolChoice, tools: readonly ToolDefinition[], traits: ModelTraits): unknown {
  switch (choice.kind) {
    case 'tool': {
      const isCustom = traits.isOpenAi && tools.some((tool) => tool.kind === 'custom' && tool.name === choice.name);
      return isCustom
        ? { type: 'custom', custom: { name: choice.name } }
        : { type: 'function', function: { name: choice.name } };
    }
    case 'allowed':
      return choice.isRequired ? 'required' : 'auto';
    default:
      return choice.kind;
  }
}
