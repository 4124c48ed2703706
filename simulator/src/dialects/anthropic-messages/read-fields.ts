// Reads members of a request body and refuses wrong types with the messages of Anthropic's validator (pydantic): the path, a
// colon, the reason.
import { invalid } from '../../engine/refusal.ts';

export type Body = Record<string, unknown>;

export function refuse(path: string, reason: string): never {
  throw invalid(path === '' ? reason : `${path}: ${reason}`);
}

export function at(path: string, member: string | number): string {
  return path === '' ? String(member) : `${path}.${member}`;
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function readObject(value: unknown, path: string): Body {
  if (value === undefined) refuse(path, 'Field required');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  return refuse(path, 'Input should be a valid dictionary');
}

/** An object that has no members but these. */
export function readStrictObject(value: unknown, path: string, members: ReadonlySet<string>): Body {
  const body = readObject(value, path);
  const extra = Object.keys(body).find((member) => !members.has(member));
  if (extra !== undefined) refuse(at(path, extra), 'Extra inputs are not permitted');
  return body;
}

export function readList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) refuse(path, 'Field required');
  return Array.isArray(value) ? value : refuse(path, 'Input should be a valid list');
}

export function readText(value: unknown, path: string): string {
  if (value === undefined) refuse(path, 'Field required');
  return typeof value === 'string' ? value : refuse(path, 'Input should be a valid string');
}

/** Null if absent. */
export function readFlag(value: unknown, path: string): boolean | null {
  if (isAbsent(value)) return null;
  return typeof value === 'boolean' ? value : refuse(path, 'Input should be a valid boolean');
}

export function readWhole(value: unknown, path: string, least: number): number {
  if (value === undefined) refuse(path, 'Field required');
  if (typeof value !== 'number' || !Number.isInteger(value)) refuse(path, 'Input should be a valid integer');
  return value >= least ? value : refuse(path, `Input should be greater than or equal to ${least}`);
}

export function readOneOf<Value extends string>(value: unknown, path: string, values: readonly Value[]): Value {
  if (value === undefined) refuse(path, 'Field required');
  const known = values.find((candidate) => candidate === value);
  return known ?? refuse(path, `Input should be ${values.map((candidate) => `'${candidate}'`).join(' or ')}`);
}
