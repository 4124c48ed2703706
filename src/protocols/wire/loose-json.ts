// Reads values of unknown shape: what a provider sends is never trusted to have its documented one.
import { z } from 'zod';
import type { JsonObject } from '../codec.ts';
import { isJsonObject, parseMessage } from './exact-json.ts';

export function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value);
}

/** The string; '' for any other value. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The objects in an array; other items are left out. */
export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function parseObject(json: string): JsonObject | null {
  try {
    const value = parseMessage(json);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> };

/** Without members that are null or undefined: in the canonical form and in requests, what is not set is absent. */
export function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  ) as Present<T>;
}

/**
 * The schema of an object whose members are not looked at. Unlike `z.looseObject({})` it returns the object itself: a copy would
 * make its long strings (wire/long-strings.ts).
 */
export const anyObject = z.unknown().transform((value, context): Record<string, unknown> => {
  if (isObject(value)) return value;
  context.issues.push({ code: 'invalid_type', expected: 'object', input: value });
  return z.NEVER;
});
