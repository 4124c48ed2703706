// Whether a JSON Schema can be used as it is in strict mode: every object is closed and requires all it has (OpenAI's
// guide "Structured outputs").
import { isObject, objectOf } from '../wire/loose-json.ts';

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
