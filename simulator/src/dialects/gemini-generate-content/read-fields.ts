// Reads members of a request by the rules of proto3 JSON: camelCase or snake_case, null means absent, and unknown members are
// refused. Paths in messages are snake_case, as the provider writes them.
import { RefusalError } from '../../engine/refusal.ts';

export type Body = Record<string, unknown>;

/** An INVALID_ARGUMENT; `field` is the path that its details name. */
export function refuse(message: string, field: string | null = null): never {
  throw new RefusalError({ kind: 'invalid', message, param: field, code: null });
}

/** The members of a message, by their camelCase names. */
export function fields(names: string): ReadonlySet<string> {
  return new Set(names.split(' '));
}

/** The message with camelCase names and without nulls. `path` is empty for the request itself. */
export function readMessage(value: unknown, path: string, known: ReadonlySet<string>): Body {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuseValue(value, path, 'Message');
  const message: Body = {};
  for (const [name, member] of Object.entries(value)) {
    const camel = toCamelCase(name);
    if (!known.has(camel)) refuseName(name, path, 'Cannot find field.');
    if (member !== null) message[camel] = member;
  }
  return message;
}

export function refuseName(name: string, path: string, reason: string): never {
  const place = path === '' ? '' : ` at '${path}'`;
  return refuse(`Invalid JSON payload received. Unknown name "${name}"${place}: ${reason}`, path);
}

export function refuseValue(value: unknown, path: string, type: string): never {
  return refuse(`Invalid value at '${path}' (${type}), ${JSON.stringify(value)?.slice(0, 100)}`, path);
}

function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** A single value is read as a list of one, as in the provider's own examples. */
export function readList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export function readText(value: unknown, path: string): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : refuseValue(value, path, 'TYPE_STRING');
}

export function readFlag(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : refuseValue(value, path, 'TYPE_BOOL');
}

/** Whole numbers may be texts: the only way to write an int64 safely. */
export function readWhole(value: unknown, path: string): number | null {
  if (value === undefined) return null;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : refuseValue(value, path, 'TYPE_INT32');
}

/** Enum values are upper case, but accepted in any case. */
export function readEnum(value: unknown, path: string, values: readonly string[]): string | null {
  if (value === undefined) return null;
  const name = typeof value === 'string' ? value.toUpperCase() : '';
  return values.includes(name) ? name : refuseValue(value, path, 'Enum');
}

/** An object of any shape. */
export function readStruct(value: unknown, path: string): Body | null {
  if (value === undefined) return null;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  return refuseValue(value, path, 'type.googleapis.com/google.protobuf.Struct');
}
