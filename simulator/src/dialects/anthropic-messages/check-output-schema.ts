// The schemas that Anthropic's structured outputs take: `output_config.format` and strict tools. Source:
// docs/reference/anthropic-messages.md section 7.
import { type Body, readObject, refuse } from './read-fields.ts';

/** Members that are refused at any place in a schema. */
const REFUSED = [
  'oneOf',
  'not',
  'if',
  'patternProperties',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
];

const FORMATS = new Set('date-time time date duration email hostname uri ipv4 ipv6 uuid'.split(' '));

interface Checking {
  path: string;
  root: Body;
  /** References being followed; a repeated one would be an endless recursion. */
  following: ReadonlySet<string>;
}

/** `path` names the schema in messages. */
export function checkOutputSchema(schema: unknown, path: string): void {
  const root = readObject(schema, path);
  checkSchema(root, { path, root, following: new Set() });
}

function checkSchema(value: unknown, checking: Checking): void {
  const { path } = checking;
  if (typeof value === 'boolean') return;
  const schema = readObject(value, path);
  const refused = REFUSED.find((member) => member in schema);
  if (refused !== undefined) refuse(path, `Schema keyword '${refused}' is not supported`);
  if (Number(schema.minItems ?? 0) > 1) refuse(path, "'minItems' values other than 0 or 1 are not supported");
  if (typeof schema.format === 'string' && !FORMATS.has(schema.format)) {
    refuse(path, `String format '${schema.format}' is not supported`);
  }
  if (typeof schema.$ref === 'string') return follow(schema.$ref, checking);
  if (schema.type === 'object' || schema.properties !== undefined) checkObject(schema, path);
  for (const part of partsOf(schema)) checkSchema(part, checking);
}

function checkObject(schema: Body, path: string): void {
  if (schema.additionalProperties === false) return;
  refuse(path, "For 'object' type, 'additionalProperties' must be explicitly set to false");
}

function partsOf(schema: Body): unknown[] {
  const lists = [schema.anyOf, schema.allOf].filter((list) => Array.isArray(list)).flat();
  const named = schema.properties === undefined ? [] : Object.values(schema.properties as Body);
  return [...lists, ...named, ...(schema.items === undefined ? [] : [schema.items])];
}

function follow(reference: string, { path, root, following }: Checking): void {
  if (!reference.startsWith('#')) refuse(path, `External references are not supported: '${reference}'`);
  if (following.has(reference)) refuse(path, `Recursive schemas are not supported: '${reference}'`);
  let target: unknown = root;
  for (const part of reference.split('/').slice(1)) target = (target as Body | undefined)?.[part];
  checkSchema(target, { path, root, following: new Set([...following, reference]) });
}
