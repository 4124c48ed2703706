import { createFailure, FailureError } from '../contracts/failure.ts';

/** A field that its schema takes and the state of things does not. */
export function invalidValue(param: string, what: string): FailureError {
  return new FailureError(createFailure('request_invalid', `Invalid value for '${param}': ${what}.`, { param }));
}
