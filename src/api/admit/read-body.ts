// The request body as bytes and as a value. The provider gets the bytes. Their content is checked against bounds before the
// parser builds anything; large bodies are scanned in slices and parsed one per turn of the event loop, so that other requests
// run in between.
import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { JsonScan, type StringRange } from '../../protocols/bounds/json-bounds.ts';
import { parseCarried } from '../../protocols/wire/exact-json.ts';
import { memberBytes } from '../../protocols/wire/json-object.ts';
import { parseAround } from '../../protocols/wire/long-strings.ts';

/** Smaller bodies are read in one go: a millisecond. */
const LARGE_BYTES = 256 * 1024;
/** How much of a large body is scanned per turn of the event loop. */
const SLICE_BYTES = 1024 * 1024;

/** Throws a FailureError that describes the fault and its position. */
export async function readBody(body: unknown): Promise<{ bytes: Buffer; value: unknown }> {
  const bytes = expectBytes(body);
  return { bytes, value: await parseInTurn(bytes, JSON.parse) };
}

/** The same for a body that is stored and serialised again: numbers keep their spelling. */
export async function readExactBody(body: unknown): Promise<unknown> {
  return parseInTurn(expectBytes(body), parseCarried);
}

/** The value of an optional body; an empty object if it is missing. */
export async function readOptionalBody(body: unknown): Promise<unknown> {
  return isGiven(body) ? (await readBody(body)).value : {};
}

export function isGiven(body: unknown): boolean {
  return Buffer.isBuffer(body) && body.length > 0;
}

/** For a body that is not parsed as a whole. */
export function expectBytes(body: unknown): Buffer {
  if (!Buffer.isBuffer(body) || body.length === 0) throw malformed('The request body is empty; send a JSON object.');
  if (!isUtf8(body)) throw malformed('The request body is not valid UTF-8.');
  return body;
}

/** A member of such a body; null if absent. Its bytes are not validated as JSON. */
export function readMember(bytes: Buffer, name: string): Buffer | null {
  return attempt(() => memberBytes(bytes, name, MAX_MEMBERS));
}

/** Limit for a body that is not otherwise bounded. */
const MAX_MEMBERS = 1_000;

/** Parses the bytes of such a member, or bytes that Sluice made from a body. */
export function parseBounded(bytes: Buffer): unknown {
  const scan = new JsonScan(bytes);
  refuseExcess(scan.step(bytes.length));
  return parseText(bytes, scan.longStrings, JSON.parse);
}

type Parse = (text: string) => unknown;

async function parseInTurn(bytes: Buffer, parse: Parse): Promise<unknown> {
  const scan = new JsonScan(bytes);
  if (bytes.length <= LARGE_BYTES) {
    refuseExcess(scan.step(bytes.length));
    return parseText(bytes, scan.longStrings, parse);
  }
  while (!scan.isOver) {
    refuseExcess(scan.step(SLICE_BYTES));
    await nextTurn();
  }
  return inTurn(() => parseText(bytes, scan.longStrings, parse));
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Large bodies that arrive together are each parsed in a separate turn of the event loop. */
function inTurn<T>(work: () => T): Promise<T> {
  const done = lastTurn.then(() => nextTurn()).then(work);
  lastTurn = done.catch(() => undefined);
  return done;
}

function parseText(bytes: Buffer, longStrings: readonly StringRange[], parse: Parse): unknown {
  return attempt(() => parseAround(bytes, longStrings, parse));
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
