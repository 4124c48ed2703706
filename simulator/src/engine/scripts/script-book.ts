// Decides which script applies to a call, and which of its turns is next: the one before which as many tools were called as the
// conversation has results. There is no session state: a repeated request, a retry or a fork gets the same turn again.
import type { Call, Tool } from '../call.ts';
import type { Script, ScriptCall, ScriptTurn } from './script.ts';

/** The script's turn for a call; `calls` are of tools that the request declares. */
export interface Cue {
  thoughts?: string | undefined;
  text?: string | undefined;
  calls: readonly { tool: Tool; input: string }[];
}

/** `none`: no script applies. `off`: one applies but has no turn for this call, which must not invent tool calls. */
export type Prompting = { kind: 'none' } | { kind: 'off' } | { kind: 'cue'; cue: Cue };

export interface ScriptReport {
  name: string;
  model: string | null;
  contains: string | null;
  /** In order: the tools that each turn calls, and how often it was sent. */
  turns: { calls: string[]; said: number }[];
  /** Calls under this script that do not belong to its session: titles, summaries, other models of the agent. */
  aside: number;
  /** Why the last of them did not belong to it. */
  lastAside: string | null;
}

interface Played {
  script: Script;
  /** Number of tool results before each turn. */
  starts: readonly number[];
  said: number[];
  aside: number;
  lastAside: string | null;
}

/** Most tool names in a report, so that it stays readable with hundreds of tools. */
const SHOWN_TOOLS = 40;

export class ScriptBook {
  #played: readonly Played[];

  constructor(scripts: readonly Script[]) {
    this.#played = scripts.map(begin);
  }

  /** Resets the counts. */
  replace(scripts: readonly Script[]): void {
    this.#played = scripts.map(begin);
  }

  list(): ScriptReport[] {
    return this.#played.map(({ script, said, aside, lastAside }) => ({
      name: script.name,
      model: script.model ?? null,
      contains: script.contains ?? null,
      turns: script.turns.map(({ calls = [] }, index) => ({
        calls: calls.map(({ tool }) => tool),
        said: said[index]!,
      })),
      aside,
      lastAside,
    }));
  }

  /** `name`: the script that the prompt asks for. Throws a RangeError whose message is for the user. */
  prompt(call: Call, name: string | undefined): Prompting {
    if (call.choices === 0) return { kind: 'none' };
    const played = this.#find(call, name);
    if (played === null) return { kind: 'none' };
    const index = turnAt(played, call.toolResults);
    const turn = played.script.turns[index]!;
    const [missing] = (turn.calls ?? []).filter((wanted) => findTool(call, wanted.tool) === null);
    if (missing !== undefined) return this.#passOver(played, call, index, missing.tool);
    const cue = cueOf(turn, call);
    played.said[index]! += 1;
    return { kind: 'cue', cue };
  }

  #find(call: Call, name: string | undefined): Played | null {
    if (name === undefined) return this.#played.find(({ script }) => holds(script, call)) ?? null;
    const named = this.#played.find(({ script }) => script.name === name);
    if (named !== undefined) return named;
    const known = this.#played.map(({ script }) => script.name).join(', ');
    throw new RangeError(`there is no script "${name}"${known === '' ? '' : `; known: ${known}`}`);
  }

  /**
   * For titles and summaries that agents request outside their session. A forced tool is refused, as its call would be
   * invented.
   */
  #passOver(played: Played, call: Call, index: number, tool: string): Prompting {
    const offered = offeredTools(call).map(nameOf);
    const shown = offered.slice(0, SHOWN_TOOLS).join(', ') || 'none';
    const more = offered.length > SHOWN_TOOLS ? ` and ${offered.length - SHOWN_TOOLS} more` : '';
    const reason = `turn ${index + 1} of "${played.script.name}" calls "${tool}", but the request offers ${shown}${more}`;
    played.aside += 1;
    played.lastAside = reason;
    if (call.toolChoice.mode === 'required') throw new RangeError(`a tool is forced, but ${reason}`);
    return { kind: 'off' };
  }
}

function begin(script: Script): Played {
  let results = 0;
  const starts = script.turns.map(({ calls = [] }) => {
    const start = results;
    results += calls.length;
    return start;
  });
  return { script, starts, said: script.turns.map(() => 0), aside: 0, lastAside: null };
}

function holds({ model, contains }: Script, call: Call): boolean {
  return (
    (model === undefined || model === call.model) && (contains === undefined || call.promptText.includes(contains))
  );
}

function turnAt({ script, starts }: Played, results: number): number {
  const index = starts.indexOf(results);
  if (index >= 0) return index;
  const last = script.turns.at(-1)!;
  const total = starts.at(-1)! + (last.calls?.length ?? 0);
  const seen = `the conversation has ${results} tool results`;
  if (results >= total) throw new RangeError(`"${script.name}" has ended: ${seen}, and it calls ${total} tools`);
  const before = starts.findLastIndex((start) => start < results);
  const wanted = starts[before + 1]! - starts[before]!;
  throw new RangeError(`turn ${before + 1} of "${script.name}" calls ${wanted} tools at once, but ${seen}`);
}

function offeredTools({ tools, toolChoice: { mode, allowed } }: Call): readonly Tool[] {
  if (mode === 'none') return [];
  return allowed === null ? tools : tools.filter(({ name }) => allowed.includes(name));
}

function nameOf({ name, namespace }: Tool): string {
  return namespace === undefined ? name : `${namespace}.${name}`;
}

function findTool(call: Call, wanted: string): Tool | null {
  return offeredTools(call).find((tool) => nameOf(tool) === wanted) ?? null;
}

function cueOf({ thoughts, text, calls = [] }: ScriptTurn, call: Call): Cue {
  if (calls.length > 1 && !call.isToolUseParallel) {
    throw new RangeError(`the turn calls ${calls.length} tools at once, but the request allows one at a time`);
  }
  return {
    thoughts,
    text,
    calls: calls.map((given) => {
      const tool = findTool(call, given.tool)!;
      return { tool, input: inputFor(tool, given) };
    }),
  };
}

/** After translation, a free-text tool is a function with one argument, so the same script serves both. */
function inputFor(tool: Tool, { arguments: given, input }: ScriptCall): string {
  if (tool.takesText) {
    if (given === undefined) return input ?? '';
    throw new RangeError(`"${tool.name}" takes text: use "input" instead of "arguments"`);
  }
  if (input === undefined) return JSON.stringify(given ?? {});
  return JSON.stringify({ [onlyArgument(tool)]: input });
}

function onlyArgument({ name, parameters }: Tool): string {
  const { properties } = (parameters ?? {}) as { properties?: Record<string, unknown> };
  const names = Object.keys(properties ?? {});
  if (names.length === 1) return names[0]!;
  throw new RangeError(`"${name}" takes ${names.length} arguments: use "arguments" instead of "input"`);
}
