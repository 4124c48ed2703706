// Checks what a client sent and words the first fault as OpenAI does: which field, what is wrong.
import type { z } from 'zod';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';

type Path = readonly PropertyKey[];

/** The value as the schema has it. Throws a FailureError that names the field; `at` is where the value stands in the body. */
export function parseMember<T>(schema: z.ZodType<T>, value: unknown, at: Path = []): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FailureError(describeIssue(parsed.error.issues[0]!, value, at));
}

/** What `build` gives, or the failure that it threw. Anything else that it throws is a bug and passes. */
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
