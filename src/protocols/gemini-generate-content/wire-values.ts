// Reading JSON of unknown shape. Google's JSON is proto3 JSON: clients may write a member in camelCase or snake_case,
// and a missing member is its default (docs/reference/gemini-generate-content.md section 1).
import type { JsonObject } from '../codec.ts';
import { isExactNumber, isJsonObject } from '../wire/exact-json.ts';

export function asObject(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A repeated field: Google reads a single value as a list of one (function_calling.sh of its API examples, 2026-11). */
export function asRepeated(value: unknown): unknown[] {
  return value === null || value === undefined ? [] : Array.isArray(value) ? value : [value];
}

export function asObjects(value: unknown): JsonObject[] {
  return asRepeated(value)
    .map(asObject)
    .filter((object) => object !== null);
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A number, or an int64 that proto3 JSON writes as a string. */
export function asNumber(value: unknown): number | undefined {
  if (isExactNumber(value)) return asNumber(value.rawJSON);
  if (typeof value === 'string' && value.trim() === '') return undefined;
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A member by its camelCase name, however the client spelled it. Null counts as absent. */
export function field(object: JsonObject | null, name: string): unknown {
  return object?.[name] ?? object?.[snakeCase(name)] ?? undefined;
}

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase());
}

/** Members that are not among the known ones, by path; reported as dropped. */
export function othersIn(object: JsonObject | null, known: readonly string[], path: string): JsonObject {
  const others = Object.entries(object ?? {}).filter(
    ([key, value]) => !known.includes(camelCase(key)) && value !== null,
  );
  return Object.fromEntries(others.map(([key, value]) => [`${path}.${camelCase(key)}`, value]));
}

/** The object without members that are undefined: for optional members under `exactOptionalPropertyTypes`. */
export function defined<T extends object>(object: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
