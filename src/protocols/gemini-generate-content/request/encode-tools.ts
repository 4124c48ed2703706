// Canonical tools and their choice as `tools` and `toolConfig`.

import type { InferenceRequest, ToolChoice, ToolDefinition } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { RefusalError } from '#src/protocols/codec.ts';
import type { GeminiModel } from '#src/protocols/gemini-generate-content/models.ts';
import { asArray, asObject, asObjects, defined } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { describeCustom, FREE_TEXT } from '#src/protocols/translate/fit-request.ts';
import { isExactNumber } from '#src/protocols/wire/exact-json.ts';

/** Throws a RefusalError for a search together with functions, which models before Gemini 3 refuse. */
export function encodeTools(request: InferenceRequest, model: GeminiModel): JsonObject {
  const { tools, toolChoice, webSearch } = request;
  const encoded: JsonObject[] = [];
  if (webSearch !== undefined) encoded.push({ googleSearch: {} });
  if (tools.length > 0) encoded.push({ functionDeclarations: tools.map(encodeFunction) });
  if (encoded.length === 0) {
    if (mustCall(toolChoice)) throw new RefusalError('toolChoice', 'requires tools with a tool choice');
    return {};
  }
  const isMixed = encoded.length > 1;
  if (isMixed && !model.isGemini3) {
    throw new RefusalError('webSearch', 'cannot search the web and call functions in one request with this model');
  }
  const calling = tools.length === 0 ? undefined : encodeChoice(toolChoice, tools, isMixed);
  const config = defined({
    functionCallingConfig: calling,
    // Required if the two are mixed (docs/reference/gemini-generate-content.md section 4).
    includeServerSideToolInvocations: isMixed ? true : undefined,
  });
  return { tools: encoded, ...(Object.keys(config).length === 0 ? {} : { toolConfig: config }) };
}

function encodeFunction(tool: ToolDefinition): JsonObject {
  const parameters = tool.kind === 'custom' ? FREE_TEXT : tool.parameters;
  const isTaken = parameters !== undefined && !isEmptyObject(parameters);
  return {
    name: tool.name,
    description: (tool.kind === 'custom' ? describeCustom(tool) : tool.description) ?? '',
    ...(isTaken ? { parametersJsonSchema: cleanSchema(parameters) } : {}),
  };
}

export function mustCall(choice: ToolChoice | undefined): boolean {
  return choice?.kind === 'allowed' ? choice.isRequired : choice?.kind === 'required' || choice?.kind === 'tool';
}

/** `VALIDATED` leaves the choice to the model and enforces the schemas of calls: the closest to strict functions. */
function encodeChoice(
  choice: ToolChoice | undefined,
  tools: readonly ToolDefinition[],
  isMixed: boolean,
): JsonObject | undefined {
  const isStrict = tools.some((tool) => tool.kind === 'function' && tool.isStrict === true);
  switch (choice?.kind) {
    case 'none':
      return { mode: 'NONE' };
    case 'required':
      return { mode: 'ANY' };
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.name] };
    case 'allowed':
      // An empty list would allow all of them.
      if (choice.tools.length === 0) return { mode: 'NONE' };
      return {
        mode: choice.isRequired ? 'ANY' : 'VALIDATED',
        allowedFunctionNames: choice.tools.map(({ name }) => name),
      };
    case 'auto':
      return { mode: isStrict || isMixed ? 'VALIDATED' : 'AUTO' };
    case undefined:
      return isStrict || isMixed ? { mode: 'VALIDATED' } : undefined;
  }
}

// JSON Schema as Gemini's `parametersJsonSchema` and `responseJsonSchema` take it: a list of keywords, everything else is
// rewritten (const, allOf, definitions, nullable) or left out. Source:
// docs/reference/gemini-generate-content.md section 4.

const KEPT = new Set(
  (
    'type format title description enum required minimum maximum minItems maxItems propertyOrdering ' +
    '$anchor $id properties $defs items prefixItems anyOf oneOf additionalProperties'
  ).split(' '),
);

/** Members whose values are schemas by name. */
const MAPS = new Set(['properties', '$defs']);

export function cleanSchema(schema: JsonObject): JsonObject {
  if (typeof schema.$ref === 'string') return cleanReference(schema.$ref, schema);
  const { const: constant, definitions, nullable, ...rest } = mergeAllOf(schema);
  const merged: JsonObject = { ...rest };
  if (constant !== undefined) merged.enum = [constant];
  if (asObject(definitions) !== null) merged.$defs = { ...asObject(definitions), ...asObject(rest.$defs) };
  if (nullable === true) merged.type = withNull(merged.type);
  return fitEnum(keepKnown(merged));
}

/** `$ref` allows no siblings, but at the root the definitions must stay. */
function cleanReference(ref: string, schema: JsonObject): JsonObject {
  const definitions = { ...asObject(schema.definitions), ...asObject(schema.$defs) };
  const $ref = ref.replace(/^#\/definitions\//, '#/$defs/');
  return Object.keys(definitions).length === 0 ? { $ref } : { $ref, $defs: cleanMap(definitions) };
}

function keepKnown(schema: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) kept[key] = MAPS.has(key) ? cleanMap(asObject(value) ?? {}) : cleanMember(key, value);
  }
  return kept;
}

function cleanMember(key: string, value: unknown): unknown {
  // Data, not schemas.
  if (key === 'enum' || key === 'required' || key === 'type' || key === 'propertyOrdering') return value;
  return Array.isArray(value) ? value.map(cleanValue) : cleanValue(value);
}

function cleanValue(value: unknown): unknown {
  const schema = asObject(value);
  return schema === null ? value : cleanSchema(schema);
}

function cleanMap(schemas: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, cleanValue(schema)]));
}

/** Merges object schemas into one with all their properties; for other keywords, later schemas win. */
function mergeAllOf(schema: JsonObject): JsonObject {
  const { allOf, ...own } = schema;
  const members = asObjects(allOf);
  // A single reference stays a reference; among several members it cannot be merged, since `$ref` allows no siblings.
  const [only] = members;
  if (members.length === 1 && typeof only?.$ref === 'string' && own.properties === undefined)
    return { ...own, anyOf: [only] };
  return members.length === 0 ? own : mergeMembers([own, ...members.map(mergeAllOf)]);
}

/** In one pass, because merging pairwise would take minutes for thousands of members. */
function mergeMembers(schemas: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {};
  const properties: JsonObject = {};
  const required = new Set<unknown>();
  for (const schema of schemas) {
    Object.assign(merged, schema);
    Object.assign(properties, asObject(schema.properties));
    for (const name of asArray(schema.required)) required.add(name);
  }
  if (Object.keys(properties).length > 0) merged.properties = properties;
  if (required.size > 0) merged.required = [...required];
  return merged;
}

function withNull(type: unknown): unknown {
  if (type === undefined) return undefined;
  const types = Array.isArray(type) ? type : [type];
  return types.includes('null') ? types : [...types, 'null'];
}

/** Values may be strings and numbers. Null becomes a type; a list with other values is replaced by the type alone. */
function fitEnum(schema: JsonObject): JsonObject {
  if (!Array.isArray(schema.enum)) return schema;
  const { enum: values, ...rest } = schema;
  const kept = (values as unknown[]).filter((value) => value !== null);
  const type =
    kept.length < (values as unknown[]).length ? (withNull(rest.type ?? typesOf(kept)) ?? 'null') : rest.type;
  const isAllowed = kept.length > 0 && kept.every((value) => typeof value === 'string' || typeOf(value) === 'number');
  const fitted: JsonObject = { ...rest, ...(isAllowed ? { enum: kept } : {}) };
  const fallback = type ?? typesOf(kept);
  return fallback === undefined ? fitted : { ...fitted, type: fallback };
}

function typesOf(values: readonly unknown[]): unknown {
  const types = [...new Set(values.map(typeOf))];
  return types.length > 1 ? types : types[0];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (isExactNumber(value)) return 'number';
  return value === null ? 'null' : typeof value;
}

/** Gemini refuses an OBJECT without properties as parameters: such a function is declared without any (section 4). */
export function isEmptyObject(schema: JsonObject): boolean {
  const isOpen = ['$ref', 'anyOf', 'oneOf', 'allOf'].some((key) => schema[key] !== undefined);
  const takesMore = asObject(schema.additionalProperties) !== null;
  return !isOpen && !takesMore && Object.keys(asObject(schema.properties) ?? {}).length === 0;
}
