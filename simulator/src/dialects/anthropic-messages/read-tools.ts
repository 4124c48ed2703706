// Tools and the choice between them. Server tools (those with a dated type) are accepted and never called.
import type { Tool, ToolChoice } from '../../engine/call.ts';
import { checkOutputSchema } from './check-output-schema.ts';
import type { ModelTraits } from './model-traits.ts';
import {
  at,
  type Body,
  isAbsent,
  readFlag,
  readList,
  readObject,
  readOneOf,
  readStrictObject,
  readText,
  refuse,
} from './read-fields.ts';
import type { Thinking } from './read-thinking.ts';

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const SERVER_TOOL = /_\d{8}$/;
const TOOL_MEMBERS = new Set(
  'type name description input_schema strict cache_control defer_loading eager_input_streaming input_examples allowed_callers'.split(
    ' ',
  ),
);
const CHOICE_MEMBERS = new Set(['type', 'name', 'disable_parallel_tool_use']);

export function readTools({ tools }: Body): readonly Tool[] {
  if (isAbsent(tools)) return [];
  const read = readList(tools, 'tools').flatMap((tool, index) => readTool(tool, `tools.${index}`));
  if (new Set(read.map(({ name }) => name)).size < read.length) refuse('tools', 'Tool names must be unique.');
  return read;
}

function readTool(value: unknown, path: string): Tool[] {
  const { type } = readObject(value, path);
  if (typeof type === 'string' && SERVER_TOOL.test(type)) return [];
  if (!isAbsent(type) && type !== 'custom') {
    refuse(path, `Input tag '${type}' found using 'type' does not match any of the expected tags: 'custom'`);
  }
  const inner = at(path, 'custom');
  const tool = readStrictObject(value, inner, TOOL_MEMBERS);
  const name = readText(tool.name, at(inner, 'name'));
  if (!TOOL_NAME.test(name)) refuse(at(inner, 'name'), `String should match pattern '${TOOL_NAME.source}'`);
  const schema = readObject(tool.input_schema, at(inner, 'input_schema'));
  readOneOf(schema.type, at(inner, 'input_schema.type'), ['object']);
  if (readFlag(tool.strict, at(inner, 'strict'))) checkOutputSchema(schema, at(inner, 'input_schema'));
  return [{ name, parameters: schema, takesText: false }];
}

interface Choice {
  toolChoice: ToolChoice;
  isToolUseParallel: boolean;
}

export function readToolChoice(body: Body, traits: ModelTraits, thinking: Thinking, tools: readonly Tool[]): Choice {
  if (isAbsent(body.tool_choice)) return { toolChoice: { mode: 'auto', allowed: null }, isToolUseParallel: true };
  const choice = readStrictObject(body.tool_choice, 'tool_choice', CHOICE_MEMBERS);
  const type = readOneOf(choice.type, 'tool_choice.type', ['auto', 'any', 'tool', 'none']);
  if (isAbsent(body.tools)) refuse('tool_choice', 'may only be specified while providing tools');
  if (type === 'any' || type === 'tool') checkForce(traits, thinking);
  return {
    toolChoice: chooseTool(type, choice, tools),
    isToolUseParallel: readFlag(choice.disable_parallel_tool_use, 'tool_choice.disable_parallel_tool_use') !== true,
  };
}

function chooseTool(type: 'auto' | 'any' | 'tool' | 'none', choice: Body, tools: readonly Tool[]): ToolChoice {
  if (type !== 'tool') return { mode: type === 'any' ? 'required' : type, allowed: null };
  const name = readText(choice.name, 'tool_choice.tool.name');
  if (!tools.some((tool) => tool.name === name)) refuse('tool_choice', `Tool '${name}' not found in provided tools`);
  return { mode: 'required', allowed: [name] };
}

function checkForce({ takesForcedTools }: ModelTraits, { isManual }: Thinking): void {
  if (isManual) refuse('', 'Thinking may not be enabled when tool_choice forces tool use.');
  if (!takesForcedTools) refuse('', 'tool_choice that forces tool use is not supported for this model.');
}
