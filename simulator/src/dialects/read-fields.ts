// Reads members of a parsed request body and refuses wrong types with OpenAI's messages. Other providers' messages differ, but
// their SDKs show any text.
import { invalid } from '../engine/refusal.ts';

export type Body = Record<string, unknown>;

export function readObject(value: unknown, param: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw invalid(`Invalid type for '${param}': expected an object.`, param, 'invalid_type');
}

/** Null if the member is absent or null. */
export function readBoolean(body: Body, member: string): boolean | null {
  const value = body[member] ?? null;
  if (value === null || typeof value === 'boolean') return value;
  throw invalid(`Invalid type for '${member}': expected a boolean.`, member, 'invalid_type');
}

/** Null if the member is absent or null. */
export function readWholeNumber(body: Body, member: string, least: number, most: number): number | null {
  const value = body[member] ?? null;
  if (value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw invalid(`Invalid type for '${member}': expected an integer.`, member, 'invalid_type');
  }
  if (value < least) {
    const message = `Invalid '${member}': integer below minimum value. Expected a value >= ${least}, but got ${value} instead.`;
    throw invalid(message, member, 'integer_below_min_value');
  }
  if (value > most) {
    const message = `Invalid '${member}': integer above maximum value. Expected a value <= ${most}, but got ${value} instead.`;
    throw invalid(message, member, 'integer_above_max_value');
  }
  return value;
}
