// Checks what a client sent by a schema and says the first fault as OpenAI would: which field, what is wrong.
import { z } from 'zod';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';

/** Throws a FailureError (400). @param within what the value is a part of. */
export function checkInput<T extends z.ZodType>(schema: T, value: unknown, within = ''): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = [within, ...issue.path].filter((step) => step !== '').join('.');
  if (param === within) throw new FailureError(notAnObject(within));
  const isMissing = valueAt(value, issue.path) === undefined;
  throw new FailureError(
    isMissing
      ? createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param })
      : createFailure('request_invalid', `Invalid value for '${param}': ${issue.message}.`, { param }),
  );
}

/** A day (UTC) or a moment. */
export const dayOrMoment = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

const DAY_MS = 24 * 3_600_000;

/** The end of a span, itself outside of it: a day is included whole. */
export function endOf(to: string): number {
  return Date.parse(to) + (to.length === 'YYYY-MM-DD'.length ? DAY_MS : 0);
}

function notAnObject(within: string): Failure {
  if (within === '') return createFailure('request_invalid', 'The request body must be a JSON object.');
  return createFailure('request_invalid', `Invalid value for '${within}': it must be an object.`, { param: within });
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return at;
}

/** A field that its schema takes and the state of things does not. */
export function invalidValue(param: string, what: string): FailureError {
  return new FailureError(createFailure('request_invalid', `Invalid value for '${param}': ${what}.`, { param }));
}
