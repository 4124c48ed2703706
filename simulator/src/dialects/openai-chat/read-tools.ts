// Tools and the choice between them in a chat request.
import type { Tool, ToolChoice } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { checkToolChoice, readToolName } from '../openai/tool-names.ts';
import { type Body, readObject } from '../read-fields.ts';

const MOST_NAME_CHARACTERS = 64;

export function readTools({ tools }: Body): readonly Tool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw invalid("Invalid type for 'tools': expected an array.", 'tools', 'invalid_type');
  return tools.map((tool, index) => readTool(readObject(tool, `tools[${index}]`), `tools[${index}]`));
}

function readTool(tool: Body, param: string): Tool {
  if (tool.type === 'function') {
    const { name, parameters } = readObject(tool.function, `${param}.function`);
    return { name: readName(name, `${param}.function.name`), parameters: parameters ?? null, takesText: false };
  }
  if (tool.type === 'custom') {
    const { name } = readObject(tool.custom, `${param}.custom`);
    return { name: readName(name, `${param}.custom.name`), parameters: null, takesText: true };
  }
  const message = `Invalid value: '${tool.type}'. Supported values are: 'function' and 'custom'.`;
  throw invalid(message, `${param}.type`, 'invalid_value');
}

function readName(name: unknown, param: string): string {
  return readToolName(name, param, MOST_NAME_CHARACTERS);
}

export function readToolChoice({ tool_choice: choice }: Body, tools: readonly Tool[]): ToolChoice {
  if (choice === undefined || choice === null) return { mode: 'auto', allowed: null };
  if (tools.length === 0) {
    throw invalid(
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
      'tool_choice',
    );
  }
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { mode: choice, allowed: null };
  return checkToolChoice(readChosen(readObject(choice, 'tool_choice')), tools);
}

function readChosen(choice: Body): ToolChoice {
  if (choice.type === 'allowed_tools') {
    const { mode, tools } = readObject(choice.allowed_tools, 'tool_choice.allowed_tools');
    return { mode: mode === 'required' ? 'required' : 'auto', allowed: Array.isArray(tools) ? tools.map(nameOf) : [] };
  }
  return { mode: 'required', allowed: [nameOf(choice)] };
}

function nameOf(tool: unknown): string {
  const { function: called, custom } = (tool ?? {}) as Record<string, Body | undefined>;
  return String(called?.name ?? custom?.name);
}
