// OpenAI's built-in tools that the client runs itself: `local_shell`, `shell` on the client's machine,
// `apply_patch`, `tool_search` with `execution: client` (npm openai 7.55.0; openai-openapi f85dbe2). Other providers get a
// function whose arguments are the members of the call's item, and its calls are turned back into such items.
import type { FunctionTool, ToolDefinition } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { isObject, objectOf, objectsOf, textOf } from '#src/protocols/wire/loose-json.ts';

/** A tool of a request in the form that providers get, with OpenAI's built-in tool if it is one. */
export interface DeclaredTool {
  definition: ToolDefinition;
  builtIn?: BuiltInTool;
}

export interface BuiltInTool {
  /** Type of the tool, and name of its function. */
  type: string;
  /** Types of the items. */
  call: string;
  output: string;
  /** Null if this tool runs at OpenAI. */
  describe(tool: JsonObject): Omit<FunctionTool, 'kind' | 'name'> | null;
  /** The members of a call's item; null for invalid arguments. */
  toItem(args: JsonObject): JsonObject | null;
  toArguments(item: JsonObject): JsonObject;
  outputText(item: JsonObject): string;
}

const TEXT = { type: 'string' };
const TEXTS = { type: 'array', items: TEXT };
const WHOLE = { type: 'integer' };

function parameters(properties: JsonObject, required: string[]): JsonObject {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** A command given as one string is run by a shell. */
function commandOf(command: unknown): string[] | null {
  if (typeof command === 'string') return ['bash', '-lc', command];
  const words = Array.isArray(command) ? command.filter((word) => typeof word === 'string') : [];
  return words.length === 0 ? null : words;
}

const LOCAL_SHELL: BuiltInTool = {
  type: 'local_shell',
  call: 'local_shell_call',
  output: 'local_shell_call_output',
  describe: () => ({
    description: 'Runs a command on the user’s machine.',
    parameters: parameters(
      {
        command: { ...TEXTS, description: 'The program and its arguments.' },
        env: { type: 'object', additionalProperties: TEXT },
        working_directory: TEXT,
        timeout_ms: WHOLE,
        user: TEXT,
      },
      ['command'],
    ),
  }),
  toItem(args) {
    const command = commandOf(args.command);
    return command === null ? null : { action: { ...args, type: 'exec', command, env: objectOf(args.env) } };
  },
  toArguments: ({ action }) => withoutType(action),
  outputText: ({ output }) => textOf(output),
};

const SHELL: BuiltInTool = {
  type: 'shell',
  call: 'shell_call',
  output: 'shell_call_output',
  describe({ environment }) {
    const where = objectOf(environment).type;
    if (where !== undefined && where !== 'local') return null;
    return {
      description: 'Runs commands in a shell on the user’s machine.',
      parameters: parameters({ commands: TEXTS, timeout_ms: WHOLE, max_output_length: WHOLE }, ['commands']),
    };
  },
  toItem({ commands, timeout_ms: timeoutMs, max_output_length: maxLength }) {
    const lines = typeof commands === 'string' ? [commands] : commands;
    if (!Array.isArray(lines)) return null;
    return { action: { commands: lines, timeout_ms: timeoutMs ?? null, max_output_length: maxLength ?? null } };
  },
  toArguments: ({ action }) => withoutType(action),
  outputText: ({ output }) => (typeof output === 'string' ? output : objectsOf(output).map(ranText).join('\n')),
};

function ranText({ stdout, stderr, outcome }: JsonObject): string {
  const { type, exit_code: code } = objectOf(outcome);
  const end = type === 'timeout' ? 'It ran out of time.' : `Exit code ${String(code ?? 0)}.`;
  return [textOf(stdout), textOf(stderr), end].filter((text) => text !== '').join('\n');
}

const APPLY_PATCH: BuiltInTool = {
  type: 'apply_patch',
  call: 'apply_patch_call',
  output: 'apply_patch_call_output',
  describe: () => ({
    description:
      'Creates, updates or deletes a file. `diff` is in the V4A format: lines with +, - or a space before them, in ' +
      'sections that begin with @@ and the line that they stand under.',
    parameters: parameters(
      { type: { type: 'string', enum: ['create_file', 'update_file', 'delete_file'] }, path: TEXT, diff: TEXT },
      ['type', 'path'],
    ),
  }),
  toItem: ({ type, path, diff }) =>
    typeof type === 'string' && typeof path === 'string'
      ? { operation: { type, path, ...(type === 'delete_file' ? {} : { diff: textOf(diff) }) } }
      : null,
  toArguments: ({ operation }) => objectOf(operation),
  outputText: ({ status, output }) => [textOf(status), textOf(output)].filter((text) => text !== '').join(': '),
};

const TOOL_SEARCH: BuiltInTool = {
  type: 'tool_search',
  call: 'tool_search_call',
  output: 'tool_search_output',
  describe(tool) {
    if (tool.execution !== 'client') return null;
    const asked = parameters({ query: TEXT }, ['query']);
    return {
      description: textOf(tool.description) || 'Finds more tools, which can be called once they are found.',
      parameters: isObject(tool.parameters) ? tool.parameters : asked,
    };
  },
  toItem: (args) => ({ execution: 'client', arguments: args }),
  toArguments: ({ arguments: args }) => objectOf(args),
  outputText({ tools }) {
    const names = objectsOf(tools).map(({ name }) => textOf(name));
    return names.length === 0 ? 'No tools were found.' : `These tools can be called now: ${names.join(', ')}`;
  },
};

const BUILT_IN: readonly BuiltInTool[] = [LOCAL_SHELL, SHELL, APPLY_PATCH, TOOL_SEARCH];

export function builtInTool(type: unknown): BuiltInTool | undefined {
  return BUILT_IN.find((tool) => tool.type === type);
}

/** The tool whose call, or whose output, an item is. */
export function builtInOfItem({ type, execution }: JsonObject): { tool: BuiltInTool; isOutput: boolean } | null {
  // A search that ran at OpenAI is only a trace.
  if (execution === 'server') return null;
  const tool = BUILT_IN.find(({ call, output }) => call === type || output === type);
  return tool === undefined ? null : { tool, isOutput: tool.output === type };
}

function withoutType(action: unknown): JsonObject {
  const { type: _, ...args } = objectOf(action);
  return args;
}
