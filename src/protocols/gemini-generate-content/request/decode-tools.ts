// Tools and their choice, from a client.
import type {
  InferenceRequest,
  ToolChoice,
  ToolDefinition,
  ToolName,
  WebSearch,
} from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  asArray,
  asObject,
  asObjects,
  asRepeated,
  asText,
  camelCase,
  defined,
  field,
  othersIn,
} from '#src/protocols/gemini-generate-content/wire-values.ts';
import { exactNumber, isExactNumber } from '#src/protocols/wire/exact-json.ts';

const SEARCHES = new Set(['googleSearch', 'googleSearchRetrieval', 'enterpriseWebSearch']);

type ToolMembers = Pick<InferenceRequest, 'tools' | 'webSearch' | 'unmapped'>;

/** Server tools other than a search are Google's own. */
export function decodeTools(body: JsonObject): ToolMembers {
  const decoded: ToolMembers = { tools: [], unmapped: {} };
  for (const tool of asObjects(body.tools)) {
    for (const [key, value] of Object.entries(tool)) {
      const name = camelCase(key);
      if (name === 'functionDeclarations') decodeFunctions(asObjects(value), decoded);
      else if (SEARCHES.has(name)) decoded.webSearch = decodeSearch(asObject(value) ?? {}, name, decoded);
      else decoded.unmapped[`tools.${name}`] = value;
    }
  }
  return decoded;
}

/** Members that limit which sites or times may be searched; others are only reported. */
const LIMITS = new Set(['excludeDomains', 'timeRangeFilter', 'blockingConfidence']);

function decodeSearch(search: JsonObject, tool: string, { unmapped }: ToolMembers): WebSearch {
  const members = Object.entries(search).map(([key, value]) => [camelCase(key), value] as const);
  const { excludeDomains } = Object.fromEntries(members);
  const others = members.filter(([name]) => name !== 'excludeDomains');
  for (const [name, value] of others) unmapped[`tools.${tool}.${name}`] = value;
  const blocked = asArray(excludeDomains).filter((domain) => typeof domain === 'string');
  return defined({
    blockedDomains: blocked.length === 0 ? undefined : blocked,
    hasOtherLimits: others.some(([name]) => LIMITS.has(name)) ? (true as const) : undefined,
  });
}

const KNOWN_OF_FUNCTIONS = ['name', 'description', 'parameters', 'parametersJsonSchema'];

function decodeFunctions(declarations: readonly JsonObject[], { tools, unmapped }: ToolMembers): void {
  tools.push(...declarations.map(decodeFunction));
  for (const declaration of declarations) {
    Object.assign(unmapped, othersIn(declaration, KNOWN_OF_FUNCTIONS, 'tools.functionDeclarations'));
  }
}

function decodeFunction(declaration: JsonObject): ToolDefinition {
  const schema = asObject(declaration.parameters);
  const jsonSchema = asObject(field(declaration, 'parametersJsonSchema'));
  const parameters = jsonSchema ?? (schema === null ? undefined : readSchema(schema));
  const description = asText(declaration.description);
  return { kind: 'function', name: asText(declaration.name) ?? '', ...defined({ description, parameters }) };
}

export function decodeToolChoice(body: JsonObject): ToolChoice | undefined {
  const config = asObject(field(asObject(field(body, 'toolConfig')), 'functionCallingConfig'));
  const names = asRepeated(field(config, 'allowedFunctionNames')).filter((name) => typeof name === 'string');
  switch (asText(config?.mode)?.toUpperCase()) {
    case 'NONE':
      return { kind: 'none' };
    case 'ANY':
      return chooseAny(names);
    case 'VALIDATED':
      return names.length === 0 ? { kind: 'auto' } : { kind: 'allowed', tools: names.map(named), isRequired: false };
    case 'AUTO':
      return { kind: 'auto' };
    default:
      return undefined;
  }
}

function chooseAny(names: string[]): ToolChoice {
  if (names.length === 0) return { kind: 'required' };
  return names.length === 1
    ? { kind: 'tool', name: names[0]! }
    : { kind: 'allowed', tools: names.map(named), isRequired: true };
}

function named(name: string): ToolName {
  return { name };
}

// Gemini's `Schema` (an OpenAPI 3.0 subset, types in capitals) as JSON Schema.

/** Keywords that both have. Schema's int64 bounds are strings in proto3 JSON. */
const BOUNDS = new Set([
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
]);
const SAME = new Set(['title', 'description', 'enum', 'required', 'pattern', 'default']);

export function readSchema(schema: JsonObject): JsonObject {
  const known: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) Object.assign(known, readMember(camelCase(key), value));
  const type = readType(asText(schema.type), schema.nullable === true);
  return defined({ type, ...known });
}

function readMember(key: string, value: unknown): JsonObject {
  if (SAME.has(key)) return { [key]: value };
  if (BOUNDS.has(key)) return { [key]: boundOf(value) };
  switch (key) {
    case 'format':
      // Format `enum` only marks strings with an `enum`, which JSON Schema does not need.
      return value === 'enum' ? {} : { format: value };
    case 'items':
      return { items: readSchema(asObject(value) ?? {}) };
    case 'anyOf':
      return { anyOf: asObjects(value).map(readSchema) };
    case 'properties':
      return { properties: readProperties(asObject(value) ?? {}) };
    case 'example':
      return { examples: asArray([value]) };
    default:
      return {};
  }
}

function boundOf(value: unknown): unknown {
  if (typeof value === 'number' || isExactNumber(value)) return value;
  return typeof value === 'string' && IS_NUMBER.test(value) ? exactNumber(value) : undefined;
}

/** As JSON has it. */
const IS_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function readProperties(properties: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, readSchema(asObject(schema) ?? {})]),
  );
}

function readType(type: string | undefined, isNullable: boolean): string | string[] | undefined {
  if (type === undefined || type === 'TYPE_UNSPECIFIED') return undefined;
  const name = type.toLowerCase();
  return isNullable && name !== 'null' ? [name, 'null'] : name;
}
