// Values that a JSON Schema allows: of every alternative and every enum one, no more than what is required in objects.

type Schema = Record<string, unknown>;

const MAX_DEPTH = 6;
const MAX_SAMPLES = 24;

export type Resolve = (schema: unknown) => Schema;

/** Follows references into `schemas`. */
export function resolverOf(schemas: Record<string, unknown>): Resolve {
  const resolve = (schema: unknown): Schema => {
    const { $ref } = (schema ?? {}) as { $ref?: string };
    return $ref === undefined ? ((schema ?? {}) as Schema) : resolve(schemas[$ref.split('/').at(-1)!]);
  };
  return resolve;
}

/** Members of an object schema, over all that it is put together of. */
export function membersOf(
  schema: unknown,
  resolve: Resolve,
): { properties: Record<string, unknown>; required: string[] } {
  const own = resolve(schema);
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((name) => (own[name] as unknown[] | undefined) ?? []);
  const inner = parts.map((part) => membersOf(part, resolve));
  const isAll = own.allOf !== undefined;
  return {
    properties: Object.assign({}, ...inner.map(({ properties }) => properties), own.properties),
    // No alternative is required.
    required: [
      ...((own.required as string[] | undefined) ?? []),
      ...(isAll ? inner.flatMap((part) => part.required) : []),
    ],
  };
}

export function samplesOf(schema: unknown, resolve: Resolve, depth = 0): unknown[] {
  const own = resolve(schema);
  if (own.const !== undefined) return [own.const];
  if (Array.isArray(own.enum)) return own.enum;
  const alternatives = (own.anyOf ?? own.oneOf) as unknown[] | undefined;
  if (alternatives !== undefined) {
    return alternatives.flatMap((one) => samplesOf(one, resolve, depth)).slice(0, MAX_SAMPLES);
  }
  const types = [own.type ?? (own.allOf || own.properties ? 'object' : 'string')].flat();
  return types.flatMap((type) => ofType(String(type), own, resolve, depth)).slice(0, MAX_SAMPLES);
}

function ofType(type: string, own: Schema, resolve: Resolve, depth: number): unknown[] {
  switch (type) {
    case 'null':
      return [null];
    case 'boolean':
      return [true, false];
    case 'integer':
    case 'number':
      return [own.minimum, own.maximum, own.default]
        .filter((value) => typeof value === 'number')
        .concat(own.minimum === undefined ? 1 : []);
    case 'array':
      return depth > MAX_DEPTH ? [] : samplesOf(own.items ?? {}, resolve, depth + 1).map((item) => [item]);
    case 'object':
      return depth > MAX_DEPTH ? [] : [objectOf(own, resolve, depth)];
    default:
      return ['x'.repeat(Math.max(1, Number(own.minLength ?? 1)))];
  }
}

/** What is required of it, each by its first sample. */
export function objectOf(schema: unknown, resolve: Resolve, depth = 0): Record<string, unknown> {
  const { properties, required } = membersOf(schema, resolve);
  const members = required.map((name) => [name, samplesOf(properties[name], resolve, depth + 1)[0]]);
  return Object.fromEntries(members) as Record<string, unknown>;
}
