// Validates client input by a schema and reports the first fault in OpenAI's form: which field, what is wrong.
import { z } from 'zod';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';

/** Throws a FailureError (400). @param within path of the object that contains the value. */
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

/** A day (UTC) or a timestamp. */
export const dayOrMoment = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

const DAY_MS = 24 * 3_600_000;

/** The exclusive end of a time span, unix ms: a day is included completely. */
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

/** For a value that the schema accepts, but that is invalid in the current state. */
export function invalidValue(param: string, what: string): FailureError {
  return new FailureError(createFailure('request_invalid', `Invalid value for '${param}': ${what}.`, { param }));
}
