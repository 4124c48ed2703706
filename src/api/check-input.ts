// Checks what a client sent by a schema and says the first fault as OpenAI would: which field, what is wrong.
import type { z } from 'zod';
import { createFailure, FailureError } from '../contracts/failure.ts';

/** Throws a FailureError (400). */
export function checkInput<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = issue.path.join('.');
  if (param === '') throw new FailureError(createFailure('request_invalid', 'The request body must be a JSON object.'));
  const isMissing = valueAt(value, issue.path) === undefined;
  throw new FailureError(
    isMissing
      ? createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param })
      : createFailure('request_invalid', `Invalid value for '${param}': ${issue.message}.`, { param }),
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return at;
}
