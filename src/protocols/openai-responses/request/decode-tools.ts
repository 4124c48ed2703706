// Decodes a client's tools by kind, and the choice between them; tool-list.ts finds them. Of the tools that run at OpenAI, only
// the web search has a counterpart at other providers.
import { z } from 'zod';
import { createFailure, FailureError } from '#src/contracts/failure.ts';
import type { ToolChoice, ToolDefinition, ToolName, WebSearch } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { paramOf, parseMember } from '#src/protocols/openai/request-fields.ts';
import { isObject, objectOf, objectsOf, present, textOf } from '#src/protocols/wire/loose-json.ts';
import type { DeclaredTool } from './built-in-tools.ts';
import type { WireTool, WireToolChoice } from './request-schema.ts';

const functionTool = z.looseObject({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

const customTool = z.looseObject({
  name: z.string().min(1),
  description: z.string().nullish(),
  format: z.looseObject({}).nullish(),
});

/** `web_search`, `web_search_2025_08_26`, `web_search_preview`, `web_search_preview_2025_03_11`. */
export const WEB_SEARCH = /^web_search/;

/**
 * Functions are strict by default in this API, and OpenAI rewrites schemas that do not qualify. No other provider does, so by
 * default only functions whose schemas qualify unchanged are strict.
 */
export function decodeFunction(tool: JsonObject, path: PropertyKey[]): ToolDefinition {
  const { name, description, parameters, strict } = parseMember(functionTool, tool, path);
  return {
    kind: 'function',
    name,
    isStrict: strict ?? isStrictSchema(parameters ?? {}),
    ...present({ description, parameters }),
  };
}

export function decodeSearch(tool: JsonObject): WebSearch {
  const { allowed_domains: allowed, blocked_domains: blocked, ...otherFilters } = objectOf(tool.filters);
  const location = tool.user_location;
  return present({
    contextSize: textOf(tool.search_context_size) || null,
    userLocation: isObject(location) ? readLocation(location) : null,
    allowedDomains: textsOf(allowed),
    blockedDomains: textsOf(blocked),
    isCachedOnly: tool.external_web_access === false ? true : null,
    hasOtherLimits: Object.keys(otherFilters).length > 0 ? true : null,
  });
}

function readLocation({ city, region, country, timezone }: JsonObject): WebSearch['userLocation'] {
  const named = { city, region, country, timezone };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'string'));
}

/** An empty list limits nothing. */
function textsOf(value: unknown): string[] | null {
  const texts = Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
  return texts.length === 0 ? null : texts;
}

export function decodeCustom(tool: JsonObject, path: PropertyKey[]): ToolDefinition {
  const { name, description, format } = parseMember(customTool, tool, path);
  return { kind: 'custom', name, ...present({ description, format: nestGrammar(format) }) };
}

/** The canonical form is that of Chat Completions: `{type, grammar: {definition, syntax}}`, which is flat here. */
function nestGrammar(format: JsonObject | null | undefined): JsonObject | null | undefined {
  if (format?.type !== 'grammar' || 'grammar' in format) return format;
  const { type, ...grammar } = format;
  return { type, grammar };
}

/** Throws a FailureError if a tool that runs at OpenAI is forced. */
export function decodeToolChoice(choice: WireToolChoice | null, declared: readonly DeclaredTool[]): ToolChoice | null {
  if (choice === null) return null;
  const type = typeof choice === 'string' ? choice : choice.type;
  switch (type) {
    case 'auto':
    case 'none':
    case 'required':
      return { kind: type };
    case 'function':
    case 'custom':
      if (isObject(choice)) return { kind: 'tool', ...nameOf(choice) };
      break;
    case 'allowed_tools':
      if (isObject(choice)) return decodeAllowed(choice, declared);
      break;
  }
  const own = declared.find(({ builtIn }) => builtIn?.type === type);
  if (own !== undefined) return { kind: 'tool', name: own.definition.name };
  throw unsupported(['tool_choice'], `Other providers do not support the tool choice '${type}'`);
}

function nameOf(choice: WireTool): ToolName {
  const name = parseMember(z.string(), choice.name, ['tool_choice', 'name']);
  return { name, ...present({ namespace: textOf(choice.namespace) || null }) };
}

/** Of the tools that run at OpenAI, only the search is offered. A group includes all its tools. */
function decodeAllowed(choice: WireTool, declared: readonly DeclaredTool[]): ToolChoice {
  const listed = objectsOf(choice.tools);
  const tools = listed.flatMap((tool): ToolName[] => {
    if (tool.type === 'namespace') return namesIn(textOf(tool.name), declared);
    const own = declared.find(({ builtIn }) => builtIn !== undefined && builtIn.type === tool.type);
    const name = own?.definition.name ?? textOf(tool.name);
    return name === '' ? [] : [{ name, ...present({ namespace: textOf(tool.namespace) || null }) }];
  });
  const allowsSearch = listed.some(({ type }) => WEB_SEARCH.test(textOf(type)));
  return { kind: 'allowed', tools, isRequired: choice.mode === 'required', ...(allowsSearch ? { allowsSearch } : {}) };
}

function namesIn(group: string, declared: readonly DeclaredTool[]): ToolName[] {
  return declared.flatMap(({ definition: { name, namespace } }) =>
    namespace === group ? [{ name, ...present({ namespace }) }] : [],
  );
}

function unsupported(path: PropertyKey[], what: string): FailureError {
  const param = paramOf(path);
  const message = `${what}, and this model is served by another provider: leave out '${param}' or use an OpenAI model.`;
  return new FailureError(createFailure('parameter_unsupported', message, { param }));
}

// Whether a JSON Schema can be used as it is in strict mode: every object is closed and requires all its members (OpenAI's
// guide "Structured outputs").

/** Keywords whose value is a schema, a list of schemas, or a map of them. */
const SINGLE = ['items', 'additionalProperties'];
const LISTS = ['anyOf', 'prefixItems'];
const MAPS = ['properties', '$defs', 'definitions'];
/** Not part of strict mode. */
const REFUSED = ['allOf', 'oneOf', 'not', 'if', 'patternProperties'];

export function isStrictSchema(schema: unknown): boolean {
  if (!isObject(schema)) return true;
  if (REFUSED.some((keyword) => keyword in schema)) return false;
  if (isObjectType(schema.type) && !isClosed(schema)) return false;
  const inner = [
    ...SINGLE.map((keyword) => schema[keyword]),
    ...LISTS.flatMap((keyword) => (Array.isArray(schema[keyword]) ? schema[keyword] : [])),
    ...MAPS.flatMap((keyword) => Object.values(objectOf(schema[keyword]))),
  ];
  return inner.every(isStrictSchema);
}

function isObjectType(type: unknown): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object'));
}

function isClosed(schema: Record<string, unknown>): boolean {
  const required = new Set<unknown>(Array.isArray(schema.required) ? schema.required : []);
  return (
    schema.additionalProperties === false &&
    Object.keys(objectOf(schema.properties)).every((name) => required.has(name))
  );
}
