// All tools that a request declares: its own, those of groups (`namespace`), and those that input items add
// (`additional_tools`, and what a search of the client's has found). Read for the request, and again for its answer, which
// must show each call in the form of its tool's declaration.
import { isFailure } from '#src/contracts/failure.ts';
import type { ToolDefinition, ToolName, WebSearch } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { orFailure } from '#src/protocols/openai/request-fields.ts';
import { includesTool } from '#src/protocols/translate/tool-names.ts';
import { objectsOf, present, textOf } from '#src/protocols/wire/loose-json.ts';
import { type BuiltInTool, builtInTool, type DeclaredTool } from './built-in-tools.ts';
import { decodeCustom, decodeFunction, decodeSearch, WEB_SEARCH } from './decode-tools.ts';

export interface ToolList {
  declared: DeclaredTool[];
  webSearch?: WebSearch;
  /** Tools that run at OpenAI, by their path. */
  leftOut: Record<string, unknown>;
}

type Path = PropertyKey[];

/** Throws a FailureError for an invalid tool. */
export function readTools(body: JsonObject): ToolList {
  const list: ToolList = { declared: [], leftOut: {} };
  for (const { tools, path } of toolsIn(body)) {
    for (const [index, tool] of tools.entries()) addTool(list, tool, [...path, index]);
  }
  return list;
}

/** For the answer to a request that was valid. */
export function toolsOfAnswered(body: JsonObject): DeclaredTool[] {
  const list = orFailure(() => readTools(body));
  return isFailure(list) ? [] : list.declared;
}

export function findTool(declared: readonly DeclaredTool[], { name, namespace }: ToolName): DeclaredTool | undefined {
  const wanted = { name, ...present({ namespace }) };
  return declared.find(({ definition }) => includesTool([wanted], definition));
}

const ADDING = new Set<unknown>(['additional_tools', 'tool_search_output']);

function toolsIn({ tools, input }: JsonObject): { tools: JsonObject[]; path: Path }[] {
  const added = (Array.isArray(input) ? input : []).flatMap((item: JsonObject, index) =>
    ADDING.has(item.type) ? [{ tools: objectsOf(item.tools), path: ['input', index, 'tools'] }] : [],
  );
  return [{ tools: objectsOf(tools), path: ['tools'] }, ...added];
}

function addTool(list: ToolList, tool: JsonObject, path: Path): void {
  const type = textOf(tool.type);
  if (type === 'function' || type === 'custom') return declare(list, decodeOwn(tool, path));
  if (type === 'namespace') return addGroup(list, tool, path);
  if (WEB_SEARCH.test(type)) {
    list.webSearch = { ...list.webSearch, ...decodeSearch(tool) };
    return;
  }
  const builtIn = builtInTool(type);
  const described = builtIn?.describe(tool) ?? null;
  if (builtIn === undefined || described === null) list.leftOut[`tools.${type}`] = true;
  else declare(list, { kind: 'function', name: freeName(list, type), ...described }, builtIn);
}

function addGroup(list: ToolList, { name, description, tools }: JsonObject, path: Path): void {
  const namespace = textOf(name);
  for (const [index, tool] of objectsOf(tools).entries()) {
    const definition = decodeOwn(tool, [...path, 'tools', index]);
    const words = definition.description ?? (textOf(description) || undefined);
    declare(list, { ...definition, ...present({ description: words, namespace: namespace || null }) });
  }
}

function decodeOwn(tool: JsonObject, path: Path): ToolDefinition {
  return tool.type === 'custom' ? decodeCustom(tool, path) : decodeFunction(tool, path);
}

/** A tool that is declared twice, or added again in a later turn, is one tool; the last declaration counts. */
function declare(list: ToolList, definition: ToolDefinition, builtIn?: BuiltInTool): void {
  const known = list.declared.findIndex((tool) => includesTool([definition], tool.definition));
  const declared = { definition, ...present({ builtIn }) };
  if (known < 0) list.declared.push(declared);
  else list.declared[known] = declared;
}

/** The client may have a function of its own by that name. */
function freeName({ declared }: ToolList, type: string): string {
  const known = findTool(declared, { name: type });
  return known === undefined || known.builtIn?.type === type ? type : `openai_${type}`;
}
