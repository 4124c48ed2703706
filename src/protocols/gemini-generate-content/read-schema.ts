// Gemini's `Schema` (an OpenAPI 3.0 subset, types in capitals) as JSON Schema.
import type { JsonObject } from '../codec.ts';
import { exactNumber, isExactNumber } from '../exact-json.ts';
import { asArray, asObject, asObjects, asText, camelCase, defined } from './wire-values.ts';

/** The same in both, but for Schema's int64 bounds, which proto3 JSON writes as strings. */
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
      // `enum` says of a string that it has one, which JSON Schema knows by itself.
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
