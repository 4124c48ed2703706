// The request body as bytes and as a value. The bytes are what the provider gets. What is in them is bounded before the
// parse builds anything; large bodies are looked over in slices and parsed one a turn, others' requests between them.
import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { JsonScan } from '../../protocols/bounds/json-bounds.ts';
import { parseCarried } from '../../protocols/wire/exact-json.ts';
import { memberBytes } from '../../protocols/wire/json-object.ts';

/** Read at once: a millisecond. */
const LARGE_BYTES = 256 * 1024;
/** Of a large body, so much is looked over in one turn. */
const SLICE_BYTES = 1024 * 1024;

/** Throws a FailureError that says what is wrong and where. */
export async function readBody(body: unknown): Promise<{ bytes: Buffer; value: unknown }> {
  const bytes = expectBytes(body);
  return { bytes, value: await parseInTurn(bytes, parseText) };
}

/** The same where it is kept and serialised again: numbers stay as they were written. */
export async function readExactBody(body: unknown): Promise<unknown> {
  return parseInTurn(expectBytes(body), (bytes) => attempt(() => parseCarried(bytes.toString())));
}

/** The value of a body that may be left out: then there is nothing in it. */
export async function readOptionalBody(body: unknown): Promise<unknown> {
  return isGiven(body) ? (await readBody(body)).value : {};
}

export function isGiven(body: unknown): boolean {
  return Buffer.isBuffer(body) && body.length > 0;
}

/** A body that is not parsed as a whole. */
export function expectBytes(body: unknown): Buffer {
  if (!Buffer.isBuffer(body) || body.length === 0) throw malformed('The request body is empty; send a JSON object.');
  if (!isUtf8(body)) throw malformed('The request body is not valid UTF-8.');
  return body;
}

/** A member of such a body; null where it is absent. Its bytes need not be JSON yet. */
export function readMember(bytes: Buffer, name: string): Buffer | null {
  return attempt(() => memberBytes(bytes, name, MAX_MEMBERS));
}

/** Of a body that nothing else has bounded. */
const MAX_MEMBERS = 1_000;

/** The value of such a member's bytes, or of bytes that were made here of a body's. */
export function parseBounded(bytes: Buffer): unknown {
  refuseExcess(new JsonScan(bytes).step(bytes.length));
  return parseText(bytes);
}

async function parseInTurn(bytes: Buffer, parse: (bytes: Buffer) => unknown): Promise<unknown> {
  const scan = new JsonScan(bytes);
  if (bytes.length <= LARGE_BYTES) {
    refuseExcess(scan.step(bytes.length));
    return parse(bytes);
  }
  while (!scan.isOver) {
    refuseExcess(scan.step(SLICE_BYTES));
    await nextTurn();
  }
  return inTurn(() => parse(bytes));
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Many large bodies at once are parsed in as many turns of the event loop. */
function inTurn<T>(work: () => T): Promise<T> {
  const done = lastTurn.then(() => nextTurn()).then(work);
  lastTurn = done.catch(() => undefined);
  return done;
}

function parseText(bytes: Buffer): unknown {
  return attempt(() => JSON.parse(bytes.toString()));
}

function attempt<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw malformed(`We could not parse the JSON body of your request: ${(error as Error).message}.`);
  }
}

function refuseExcess(excess: string | null): void {
  if (excess !== null) throw malformed(`The request body ${excess}.`);
}

function malformed(message: string): FailureError {
  return new FailureError(createFailure('request_malformed', message));
}
