// Names of tools in all of OpenAI's protocols.
import type { Tool, ToolChoice } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { missing } from './read-body.ts';

export function readToolName(name: unknown, param: string, mostCharacters: number): string {
  if (name === undefined) throw missing(param);
  const pattern = new RegExp(`^[a-zA-Z0-9_-]{1,${mostCharacters}}$`);
  if (typeof name === 'string' && pattern.test(name)) return name;
  const message = `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${pattern.source}'.`;
  throw invalid(message, param, 'invalid_value');
}

/** Returns the choice if every tool that it names is declared. */
export function checkToolChoice(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  for (const name of choice.allowed ?? []) {
    if (tools.some((tool) => tool.name === name)) continue;
    throw invalid(`Tool choice '${name}' not found in 'tools' parameter.`, 'tool_choice');
  }
  return choice;
}
