// The request body as bytes and as a value. The bytes are what the vendor gets.
import { isUtf8 } from 'node:buffer';
import { createFailure, FailureError } from '../contracts/failure.ts';

/** Throws a FailureError that says what is wrong and where. */
export function parseBody(body: unknown): { bytes: Buffer; value: unknown } {
  if (!Buffer.isBuffer(body) || body.length === 0) throw malformed('The request body is empty; send a JSON object.');
  if (!isUtf8(body)) throw malformed('The request body is not valid UTF-8.');
  try {
    return { bytes: body, value: JSON.parse(body.toString()) };
  } catch (error) {
    throw malformed(`We could not parse the JSON body of your request: ${(error as Error).message}.`);
  }
}

function malformed(message: string): FailureError {
  return new FailureError(createFailure('request_malformed', message));
}
