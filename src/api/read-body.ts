// The request body as bytes and as a value. The bytes are what the vendor gets.
import { isUtf8 } from 'node:buffer';
import { createFailure, FailureError } from '../contracts/failure.ts';
import { parseCarried } from '../protocols/exact-json.ts';
import { findExcess } from '../protocols/json-bounds.ts';

/** A body of this size takes milliseconds to read: others have their turn before it. */
const LARGE_BYTES = 512 * 1024;

/** As `parseBody`; of several large bodies that arrive together, others' requests are served in between. */
export async function parseBodyInTurn(body: unknown): Promise<{ bytes: Buffer; value: unknown }> {
  if (Buffer.isBuffer(body) && body.length > LARGE_BYTES) await new Promise((resolve) => setImmediate(resolve));
  return parseBody(body);
}

/** Throws a FailureError that says what is wrong and where. */
export function parseBody(body: unknown): { bytes: Buffer; value: unknown } {
  if (!Buffer.isBuffer(body) || body.length === 0) throw malformed('The request body is empty; send a JSON object.');
  if (!isUtf8(body)) throw malformed('The request body is not valid UTF-8.');
  const excess = findExcess(body);
  if (excess !== null) throw malformed(`The request body ${excess}.`);
  try {
    return { bytes: body, value: JSON.parse(body.toString()) };
  } catch (error) {
    throw malformed(`We could not parse the JSON body of your request: ${(error as Error).message}.`);
  }
}

/** The same where it is kept and printed anew: numbers stay as they were written. */
export function parseExactBody(body: unknown): unknown {
  return parseCarried(parseBody(body).bytes.toString());
}

function malformed(message: string): FailureError {
  return new FailureError(createFailure('request_malformed', message));
}
