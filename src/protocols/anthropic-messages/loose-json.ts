// Reads JSON from outside: every member may be missing or of another type, and nothing throws.
import type { JsonObject } from '../codec.ts';
import { isJsonObject, parseCarried, parseMessage } from '../wire/exact-json.ts';

export function asObject(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asObjects(value: unknown): JsonObject[] {
  return asList(value).flatMap((element) => {
    const object = asObject(element);
    return object === null ? [] : [object];
  });
}

/** '' for any other value. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** A message of the protocol; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  return parsed(text, parseMessage);
}

/** JSON that a model or client wrote, with exact numbers; undefined if it is not JSON. */
export function parseCarriedJson(text: string): unknown {
  return parsed(text, parseCarried);
}

function parsed(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
export function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}
