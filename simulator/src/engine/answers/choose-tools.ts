// When the simulator calls a tool, and which: because the request forces it, a command asks for it, or the person's
// words name it.
import type { Call, Tool } from '../call.ts';
import { withoutCommands } from '../faults/prompt-commands.ts';

/** Shorter parts of a tool's name ("get", "a") stand in too many sentences. */
const LEAST_TELLING_LETTERS = 4;

/** The tools to call, in order; empty when the answer is text. */
export function chooseTools(call: Call, commanded: readonly string[] | undefined): readonly Tool[] {
  const allowed = allowedTools(call);
  // Results are answered in words, also where the request forces a tool or a command asks for one: the command still
  // stands in the last user message, and an agent's loop would never end.
  if (call.endsWithToolResult) return [];
  if (commanded !== undefined) return commanded.flatMap((name) => allowed.find((tool) => tool.name === name) ?? []);
  const named = allowed.filter((tool) => isNamed(tool.name, call.lastUserText));
  const wanted = named.length === 0 && call.toolChoice.mode === 'required' ? allowed.slice(0, 1) : named;
  return call.isToolUseParallel ? wanted : wanted.slice(0, 1);
}

function allowedTools({ tools, toolChoice }: Call): readonly Tool[] {
  if (toolChoice.mode === 'none') return [];
  const { allowed } = toolChoice;
  return allowed === null ? tools : tools.filter((tool) => allowed.includes(tool.name));
}

/** "What is the weather in Paris?" names `get_weather`. */
function isNamed(toolName: string, text: string): boolean {
  const words = new Set(
    withoutCommands(text)
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u),
  );
  const parts = toolName
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u);
  const isWhole = parts.every((part) => words.has(part));
  return isWhole || parts.some((part) => part.length >= LEAST_TELLING_LETTERS && words.has(part));
}
