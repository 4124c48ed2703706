// JSON Schemas in the form that Anthropic's constrained decoding accepts: `output_config.format` and strict tools. Source:
// docs/reference/anthropic-messages.md section 7.
import type { ToolDefinition } from '#src/contracts/inference-request.ts';
import { asList, asObject, asObjects, asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { JsonObject } from '#src/protocols/codec.ts';

/** Refused anywhere in a schema, so they are described to the model in the description instead. */
const DESCRIBED = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'contains',
  'minProperties',
  'maxProperties',
  'propertyNames',
  'patternProperties',
  'dependentRequired',
  'not',
  'if',
  'then',
  'else',
];
const FORMATS = new Set('date-time time date duration email hostname uri ipv4 ipv6 uuid'.split(' '));
const NAMED_SCHEMAS = ['properties', '$defs', 'definitions'];
const SCHEMA_LISTS = ['anyOf', 'allOf'];

/**
 * A schema as strict as the given one, as far as Anthropic allows; null for what it cannot express: maps (every object must
 * declare all its members), recursion, external references.
 */
export function toStrictSchema(root: JsonObject): JsonObject | null {
  return isExpressible(root, { root, following: new Set(), expressible: new Set() }) ? convert(root) : null;
}

interface Walk {
  root: JsonObject;
  /** References followed on the current path; a repeated one is a recursion. */
  following: Set<string>;
  /** Definitions already checked, so that forty definitions that each refer to the next one twice take forty checks, not 2^40. */
  expressible: Set<string>;
}

function isExpressible(schema: JsonObject, walk: Walk): boolean {
  if (typeof schema.$ref === 'string') return isReferenceExpressible(schema.$ref, walk);
  if (isMap(schema)) return false;
  return childrenOf(schema).every((child) => isExpressible(child, walk));
}

function isMap({ type, properties, additionalProperties }: JsonObject): boolean {
  if (asObject(additionalProperties) !== null) return true;
  return type === 'object' && properties === undefined && additionalProperties !== false;
}

/** Bounds the recursion of this code: a chain of references could exceed the stack. */
const MAX_FOLLOWED = 500;

function isReferenceExpressible(reference: string, walk: Walk): boolean {
  const { root, following, expressible } = walk;
  if (expressible.has(reference)) return true;
  if (!reference.startsWith('#') || following.has(reference) || following.size === MAX_FOLLOWED) return false;
  let target: unknown = root;
  for (const part of reference.split('/').slice(1)) target = asObject(target)?.[part];
  const schema = asObject(target);
  following.add(reference);
  if (schema === null || !isExpressible(schema, walk)) return false;
  following.delete(reference);
  expressible.add(reference);
  return true;
}

/** Definitions are reached by their references. */
function childrenOf({ properties, items, anyOf, oneOf, allOf }: JsonObject): JsonObject[] {
  return asObjects([
    ...Object.values(asObject(properties) ?? {}),
    ...asList(anyOf),
    ...asList(oneOf),
    ...asList(allOf),
    items,
  ]);
}

function convert(schema: JsonObject): JsonObject {
  const { oneOf, ...converted } = describeUnsupported(schema);
  if (oneOf !== undefined) converted.anyOf ??= oneOf;
  for (const name of NAMED_SCHEMAS) {
    const schemas = asObject(converted[name]);
    if (schemas !== null) converted[name] = mapValues(schemas, convertAny);
  }
  for (const name of SCHEMA_LISTS) {
    if (Array.isArray(converted[name])) converted[name] = converted[name].map(convertAny);
  }
  if (converted.items !== undefined) converted.items = convertAny(converted.items);
  if (isObjectSchema(converted)) converted.additionalProperties = false;
  return converted;
}

function convertAny(schema: unknown): unknown {
  const object = asObject(schema);
  return object === null ? schema : convert(object);
}

function isObjectSchema({ type, properties }: JsonObject): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || properties !== undefined;
}

function describeUnsupported(schema: JsonObject): JsonObject {
  const unsupported = Object.entries(schema).filter(([name, value]) => isUnsupported(name, value));
  if (unsupported.length === 0) return { ...schema };
  const words = `Constraints: ${JSON.stringify(Object.fromEntries(unsupported))}`;
  const names = new Set(unsupported.map(([name]) => name));
  const supported = Object.entries(schema).filter(([name]) => !names.has(name));
  const description = asText(schema.description);
  return { ...Object.fromEntries(supported), description: description === '' ? words : `${description}\n${words}` };
}

function isUnsupported(name: string, value: unknown): boolean {
  if (name === 'minItems') return Number(value) > 1;
  if (name === 'format') return !FORMATS.has(asText(value));
  return DESCRIBED.includes(name);
}

function mapValues(object: JsonObject, change: (value: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

const MAX_STRICT_TOOLS = 20;
const MAX_OPTIONAL = 24;
const MAX_UNIONS = 16;

/** Over all strict tools of a request; beyond the limits Anthropic refuses it. */
export function fitsStrictLimits(tools: readonly ToolDefinition[]): boolean {
  const schemas = tools.flatMap((tool): JsonObject[] =>
    tool.kind === 'function' && tool.isStrict && tool.parameters !== undefined ? [tool.parameters] : [],
  );
  const all = schemas.flatMap(schemasIn);
  const optional = all.reduce((sum, schema) => sum + countOptional(schema), 0);
  const unions = all.filter(({ anyOf, oneOf, type }) => Array.isArray(anyOf ?? oneOf ?? type)).length;
  return schemas.length <= MAX_STRICT_TOOLS && optional <= MAX_OPTIONAL && unions <= MAX_UNIONS;
}

function schemasIn(schema: JsonObject): JsonObject[] {
  const definitions = asObjects(Object.values(asObject(schema.$defs) ?? {}));
  return [schema, ...[...childrenOf(schema), ...definitions].flatMap(schemasIn)];
}

function countOptional({ properties, required }: JsonObject): number {
  const names = Object.keys(asObject(properties) ?? {});
  const all = new Set(asList(required));
  return names.filter((name) => !all.has(name)).length;
}
