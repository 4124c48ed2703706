// Checks members of a client's request and reports the first fault as OpenAI does: which field, and what is wrong.
import type { z } from 'zod';
import { createFailure, type Failure, FailureError } from '#src/contracts/failure.ts';
import type { RawNumber } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { isExactNumber, isJsonObject } from '../wire/exact-json.ts';

type Path = readonly PropertyKey[];

/** Parses the value by the schema. Throws a FailureError that names the field. @param at path of the value in the body. */
export function parseMember<T>(schema: z.ZodType<T>, value: unknown, at: Path = []): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FailureError(describeIssue(parsed.error.issues[0]!, value, at));
}

/** The result of `build`, or the failure that it threw. Any other error is a bug and is rethrown. */
export function orFailure<T>(build: () => T): T | Failure {
  try {
    return build();
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown, at: Path): Failure {
  const param = paramOf([...at, ...issue.path]);
  if (param === '') return createFailure('request_invalid', 'The request body must be a JSON object.');
  const isMissing = issue.code !== 'custom' && valueAt(value, issue.path) === undefined;
  if (isMissing) return createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param });
  return createFailure('request_invalid', `Invalid value for '${param}': ${lowerFirst(issue.message)}.`, { param });
}

/** `input[0].content[1].image_url`. */
export function paramOf(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(body: unknown, path: Path): unknown {
  let value = body;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

// Readers for members of a client's request, whose failures name the member by the client's path. Failures are thrown as
// `FailureError` and caught where the request is decoded: the whole request is refused.
export function invalid(param: string, message: string): FailureError {
  return new FailureError(createFailure('request_invalid', `Invalid value for '${param}': ${message}.`, { param }));
}

export function unsupported(param: string, message: string): FailureError {
  return new FailureError(createFailure('parameter_unsupported', message, { param }));
}

export function missing(param: string): FailureError {
  return new FailureError(createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param }));
}

export function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value);
}

/** Null counts as absent everywhere, as it does at OpenAI. */
function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function optionalText(value: unknown, param: string): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') throw invalid(param, 'expected a string');
  return value;
}

export function requiredText(value: unknown, param: string): string {
  const text = optionalText(value, param);
  if (text === undefined) throw missing(param);
  return text;
}

export function optionalNumber(value: unknown, param: string): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'number') throw invalid(param, 'expected a number');
  return value;
}

/** For numbers of any size that are only passed on. */
export function optionalExactNumber(value: unknown, param: string): number | RawNumber | undefined {
  return isExactNumber(value) ? value : optionalNumber(value, param);
}

export function optionalBoolean(value: unknown, param: string): boolean | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'boolean') throw invalid(param, 'expected true or false');
  return value;
}

export function optionalObject(value: unknown, param: string): JsonObject | undefined {
  if (isAbsent(value)) return undefined;
  if (!isObject(value)) throw invalid(param, 'expected an object');
  return value;
}

export function requiredObject(value: unknown, param: string): JsonObject {
  const object = optionalObject(value, param);
  if (object === undefined) throw missing(param);
  return object;
}

export function optionalList(value: unknown, param: string): unknown[] | undefined {
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value)) throw invalid(param, 'expected a list');
  return value;
}

/** The entries of a list of objects, each with the path by which its client knows it. */
export function objectEntries(value: unknown, param: string): { item: JsonObject; at: string }[] {
  return (optionalList(value, param) ?? []).map((item, index) => {
    const at = `${param}[${index}]`;
    return { item: requiredObject(item, at), at };
  });
}

/** The object without its undefined members. */
export function defined<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
