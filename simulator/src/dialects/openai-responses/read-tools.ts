// Tools and the choice between them in a Responses request; flat, unlike in Chat.
import type { Tool, ToolChoice } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { unsupported } from '../openai/read-body.ts';
import { checkToolChoice, readToolName } from '../openai/tool-names.ts';
import { type Body, readObject } from '../read-fields.ts';

const MOST_NAME_CHARACTERS = 128;

/** Tools that the provider runs itself; the simulator accepts them and never calls them. */
const HOSTED = [
  'file_search',
  'web_search',
  'web_search_preview',
  'computer',
  'computer_use_preview',
  'code_interpreter',
  'image_generation',
  'mcp',
  'local_shell',
  'shell',
  'apply_patch',
  'tool_search',
  'programmatic_tool_calling',
];

export function readTools({ tools }: Body): readonly Tool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw invalid("Invalid type for 'tools': expected an array.", 'tools', 'invalid_type');
  return tools.flatMap((tool, index) => readTool(readObject(tool, `tools[${index}]`), `tools[${index}]`));
}

function readTool({ type, name, parameters, tools }: Body, param: string): Tool[] {
  if (type === 'namespace') return readGroup(name, tools, param);
  if (HOSTED.includes(String(type))) return [];
  if (type !== 'function' && type !== 'custom') {
    throw unsupported(type, `${param}.type`, ['function', 'custom', 'namespace', ...HOSTED]);
  }
  const named = readToolName(name, `${param}.name`, MOST_NAME_CHARACTERS);
  if (type === 'custom') return [{ name: named, parameters: null, takesText: true }];
  if (parameters !== undefined && parameters !== null) readObject(parameters, `${param}.parameters`);
  return [{ name: named, parameters: parameters ?? null, takesText: false }];
}

/** A named group of the caller's own tools; calls of them name the group. */
function readGroup(name: unknown, tools: unknown, param: string): Tool[] {
  const namespace = readToolName(name, `${param}.name`, MOST_NAME_CHARACTERS);
  return readTools({ tools }).map((tool) => ({ ...tool, namespace }));
}

export function readToolChoice({ tool_choice: choice, tools: given }: Body, tools: readonly Tool[]): ToolChoice {
  if (choice === undefined || choice === null) return { mode: 'auto', allowed: null };
  if (choice === 'auto' || choice === 'none') return { mode: choice, allowed: null };
  if (!Array.isArray(given) || given.length === 0) {
    throw invalid("Tool choice must be one of 'none' or 'auto' when 'tools' are not specified.", 'tool_choice');
  }
  if (choice === 'required') return { mode: 'required', allowed: null };
  return checkToolChoice(readChosen(readObject(choice, 'tool_choice')), tools);
}

function readChosen(choice: Body): ToolChoice {
  if (choice.type === 'allowed_tools') {
    if (!Array.isArray(choice.tools)) {
      throw invalid("Invalid type for 'tool_choice.tools': expected an array.", 'tool_choice.tools', 'invalid_type');
    }
    const named = choice.tools.filter((tool) => !HOSTED.includes(String((tool as Body)?.type)));
    const allowed = named.map((tool, index) => readChosenName(tool as Body, `tool_choice.tools[${index}].name`));
    return { mode: choice.mode === 'required' ? 'required' : 'auto', allowed };
  }
  if (HOSTED.includes(String(choice.type))) return { mode: 'auto', allowed: [] };
  return { mode: 'required', allowed: [readChosenName(choice, 'tool_choice.name')] };
}

/** Chat's nested form is refused, because it has no name at this level. */
function readChosenName(tool: Body, param: string): string {
  return readToolName(tool?.name, param, MOST_NAME_CHARACTERS);
}
