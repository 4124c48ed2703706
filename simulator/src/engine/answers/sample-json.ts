// Makes a value that roughly fits a JSON Schema, for tool arguments and structured answers. Every property is set, the first
// alternative is used, numbers are within their bounds. `pattern` and `not` are ignored.
import type { Random } from './random.ts';
import { sayTokens } from './tokens.ts';

type Schema = Record<string, unknown>;

/** Schemas may recurse: below this, optional members are left out and arrays stay empty. */
const MAX_DEPTH = 8;
/** Bounds the value for a hostile schema (a wide object that refers to itself). */
const MAX_NODES = 5_000;
const MAX_ITEMS = 100;
const MAX_STRING_CHARS = 10_000;
const WORDS_PER_STRING = 2;
/** How far inside an exclusive bound a fraction stays. */
const SMALL_GAP = 0.001;

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T12:00:00Z',
  date: '2026-01-01',
  time: '12:00:00Z',
  duration: 'P1D',
  email: 'lume@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

interface Sampling {
  root: unknown;
  random: Random;
  nodes: number;
}

export function sampleJson(schema: unknown, random: Random): unknown {
  return sample(schema, { root: schema, random, nodes: 0 }, 0);
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}

function sample(value: unknown, sampling: Sampling, depth: number): unknown {
  sampling.nodes += 1;
  const schema = asSchema(value);
  if (depth > 2 * MAX_DEPTH || sampling.nodes > MAX_NODES) return null;
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return pick(schema.enum, sampling.random);
  if (typeof schema.$ref === 'string') return sample(resolve(schema.$ref, sampling.root), sampling, depth + 1);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives)) return sample(firstUseful(alternatives, depth), sampling, depth + 1);
  if (Array.isArray(schema.allOf)) return sample(merge(schema, schema.allOf, sampling.root), sampling, depth + 1);
  return sampleType(typeOf(schema), schema, sampling, depth);
}

function pick(values: readonly unknown[], random: Random): unknown {
  return values[random() % values.length];
}

/** Near the depth limit, prefers `null`, which ends a recursion such as a linked list. */
function firstUseful(alternatives: readonly unknown[], depth: number): unknown {
  const isNull = (schema: unknown) => asSchema(schema).type === 'null';
  const wanted = depth > MAX_DEPTH ? alternatives.find(isNull) : alternatives.find((schema) => !isNull(schema));
  return wanted ?? alternatives[0];
}

/** Only references into the schema itself: `#`, `#/$defs/name`. */
function resolve(reference: string, root: unknown): unknown {
  let value: unknown = root;
  for (const part of reference.split('/').slice(1)) {
    value = asSchema(value)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return reference.startsWith('#') ? value : {};
}

function merge(schema: Schema, parts: readonly unknown[], root: unknown): Schema {
  const { allOf: _, ...rest } = schema;
  const members = parts.map((part) => {
    const reference = asSchema(part).$ref;
    return typeof reference === 'string' ? asSchema(resolve(reference, root)) : asSchema(part);
  });
  const properties = Object.assign({}, ...members.map((member) => member.properties), rest.properties);
  return Object.assign({}, ...members, rest, Object.keys(properties).length === 0 ? {} : { properties });
}

function typeOf(schema: Schema): string {
  const { type } = schema;
  if (Array.isArray(type)) return String(type.find((name) => name !== 'null') ?? 'null');
  // Gemini writes its types in capitals.
  if (typeof type === 'string') return type.toLowerCase();
  if (schema.properties !== undefined) return 'object';
  return schema.items === undefined ? 'string' : 'array';
}

function sampleType(type: string, schema: Schema, sampling: Sampling, depth: number): unknown {
  switch (type) {
    case 'object':
      return sampleObject(schema, sampling, depth);
    case 'array':
      return sampleArray(schema, sampling, depth);
    case 'integer':
      return sampleNumber(schema, sampling.random, 1);
    case 'number':
      return sampleNumber(schema, sampling.random, 0);
    case 'boolean':
      return sampling.random() % 2 === 0;
    case 'null':
      return null;
    default:
      return sampleString(schema, sampling.random);
  }
}

function sampleObject(schema: Schema, sampling: Sampling, depth: number): Schema {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const result: Schema = {};
  for (const [name, member] of Object.entries(asSchema(schema.properties))) {
    if (depth < MAX_DEPTH || required.includes(name)) result[name] = sample(member, sampling, depth + 1);
  }
  return result;
}

function sampleArray(schema: Schema, sampling: Sampling, depth: number): unknown[] {
  const fewest = Number(schema.minItems ?? 0);
  const wanted = depth < MAX_DEPTH ? Math.max(1, fewest) : fewest;
  const most = Math.min(MAX_ITEMS, Number(schema.maxItems ?? MAX_ITEMS));
  return Array.from({ length: Math.min(wanted, most) }, () => sample(schema.items, sampling, depth + 1));
}

function sampleNumber(schema: Schema, random: Random, unit: 0 | 1): number {
  const step = numberOr(schema.multipleOf, unit);
  const gap = step === 0 ? SMALL_GAP : step;
  const lowest = numberOr(schema.minimum, numberOr(schema.exclusiveMinimum, Number.NEGATIVE_INFINITY) + gap);
  const highest = numberOr(schema.maximum, numberOr(schema.exclusiveMaximum, Number.POSITIVE_INFINITY) - gap);
  const value = Math.min(highest, Math.max(lowest, random() % 100));
  if (step <= 0) return value;
  const above = Math.ceil(value / step) * step;
  return above > highest ? Math.floor(highest / step) * step : above;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function sampleString(schema: Schema, random: Random): string {
  const known = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined;
  if (known !== undefined) return known;
  const shortest = Math.min(MAX_STRING_CHARS, numberOr(schema.minLength, 0));
  const words = Math.max(WORDS_PER_STRING, Math.ceil(shortest / 4) + 1);
  return sayTokens(words, random())
    .slice(0, -1)
    .slice(0, Math.min(MAX_STRING_CHARS, numberOr(schema.maxLength, MAX_STRING_CHARS)));
}
