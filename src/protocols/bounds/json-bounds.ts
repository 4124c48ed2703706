// Scans the bytes of a JSON text before it is parsed: `JSON.parse` of 31 MB of `[{},{},…]` holds the event
// loop for seconds and takes a gigabyte, and a text nested deeply enough ends in a RangeError wherever it is walked.
// Only counts; validity is left to the parser. Long strings are skipped by native search, so that a body that
// is mostly one image costs next to nothing. Measured by bench/micro/json-bounds.ts.

import { readLongString } from './long-string.ts';

/** Strings from this length on are reported, because they are cheaper to handle apart (wire/long-strings.ts). */
export const LONG_BYTES = 64 * 1024;

/** A long string in a JSON text, with its quotes. */
export interface StringRange {
  start: number;
  end: number;
  /** Bytes of its text in UTF-8; null if `JSON.parse` would refuse it. */
  textBytes: number | null;
}

/** By the buffer that holds the text, which is never written to: ends of its long strings by their starts. */
const knownEnds = new WeakMap<Buffer, ReadonlyMap<number, number>>();

/** Ends of the long values of a text that was scanned before, by their starts: they need no second search. */
export function longStringEnds(json: Buffer): ReadonlyMap<number, number> | undefined {
  return knownEnds.get(json);
}

export interface JsonBounds {
  /** Nesting of objects and arrays. */
  depth: number;
  /** Total number of objects and arrays. Each takes a parser fifty bytes or more. */
  containers: number;
  /** Keys and texts. Many different ones are the slowest to build, a microsecond each. */
  strings: number;
  /** Commas: members and items, numbers of an embedding's token list among them. */
  items: number;
  /** Longest key, with its quotes. */
  keyBytes: number;
  /** Longest number, in bytes: useless digits cost time to read. */
  numberBytes: number;
}

/**
 * Well above what clients send: the largest agents' requests have some ten thousand containers, 40 deep. What passes is
 * parsed within a fifth of a second.
 */
export const BODY_BOUNDS: Readonly<JsonBounds> = {
  depth: 128,
  containers: 200_000,
  strings: 250_000,
  items: 1_000_000,
  keyBytes: 8_192,
  numberBytes: 1_000,
};

/** Null if the text is within the bounds, else what it exceeds, as the rest of "The body …". */
export function findExcess(json: Buffer, bounds: Readonly<JsonBounds> = BODY_BOUNDS): string | null {
  return new JsonScan(json, bounds).step(json.length);
}

/** Scans one text in steps, so that its caller can yield to others between them. */
export class JsonScan {
  readonly #json: Buffer;
  readonly #bounds: Readonly<JsonBounds>;
  #at = 0;
  #depth = 0;
  #containers = 0;
  #strings = 0;
  #items = 0;
  /** Found so far: long strings that are values. */
  readonly longStrings: StringRange[] = [];

  constructor(json: Buffer, bounds: Readonly<JsonBounds> = BODY_BOUNDS) {
    this.#json = json;
    this.#bounds = bounds;
  }

  get isOver(): boolean {
    return this.#at >= this.#json.length;
  }

  /** Scans about `bytes` more, at least one whole string or number. Null while all bounds hold. */
  step(bytes: number): string | null {
    const json = this.#json;
    const bounds = this.#bounds;
    const until = Math.min(json.length, this.#at + bytes);
    let at = this.#at;
    // Counted in locals: fields cost a third of the time.
    let [depth, containers, strings, items] = [this.#depth, this.#containers, this.#strings, this.#items];
    while (at < until) {
      const kind = KINDS[json[at]!];
      if (kind === STRING) {
        if (++strings > bounds.strings) return SAID.strings(bounds.strings);
        let end = stringEnd(json, at, LONG_BYTES);
        const long = end === TOO_LONG || end - at >= LONG_BYTES ? readLongString(json, at) : null;
        end = long?.end ?? end;
        if (end - at > bounds.keyBytes && isKey(json, end)) return SAID.keyBytes(bounds.keyBytes);
        if (long !== null && end - at >= LONG_BYTES && !isKey(json, end)) {
          this.longStrings.push({ start: at, end, textBytes: long.textBytes });
        }
        at = end < 0 ? json.length : end;
        continue;
      }
      if (kind === LITERAL) {
        const end = literalEnd(json, at);
        if (end - at > bounds.numberBytes) return SAID.numberBytes(bounds.numberBytes);
        at = end;
        continue;
      }
      at++;
      if (kind === COMMA) items++;
      else if (kind === CLOSING) depth--;
      else if (kind === OPENING) {
        containers++;
        if (++depth > bounds.depth) return SAID.depth(bounds.depth);
      } else continue;
      if (containers > bounds.containers) return SAID.containers(bounds.containers);
      if (items > bounds.items) return SAID.items(bounds.items);
    }
    [this.#at, this.#depth, this.#containers, this.#strings, this.#items] = [at, depth, containers, strings, items];
    if (this.isOver && this.longStrings.length > 0) {
      knownEnds.set(json, new Map(this.longStrings.map(({ start, end }) => [start, end])));
    }
    return null;
  }
}

const SAID: Readonly<Record<keyof JsonBounds, (limit: number) => string>> = {
  depth: (limit) => `is nested more than ${limit} levels deep`,
  containers: (limit) => `has more than ${limit} objects and arrays`,
  strings: (limit) => `has more than ${limit} keys and strings`,
  items: (limit) => `has more than ${limit} members and items`,
  keyBytes: (limit) => `has a key of more than ${limit} bytes`,
  numberBytes: (limit) => `has a number of more than ${limit} characters`,
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const [LITERAL, SPACE, STRING, OPENING, CLOSING, COMMA, COLON] = [0, 1, 2, 3, 4, 5, 6] as const;

/** A table instead of comparisons: half the time of the scan. */
const KINDS = new Uint8Array(256).fill(LITERAL);
for (const byte of Buffer.from(' \t\r\n')) KINDS[byte] = SPACE;
for (const byte of Buffer.from('{[')) KINDS[byte] = OPENING;
for (const byte of Buffer.from('}]')) KINDS[byte] = CLOSING;
KINDS[QUOTE] = STRING;
KINDS[0x2c] = COMMA;
KINDS[0x3a] = COLON;

/** Native search has a cost per call, so short strings, and strings with many escaped quotes, are read byte by byte. */
const LOOKED_AT = 48;

const TOO_LONG = -2;

/**
 * One past the closing quote of the string that opens at `from`; -1 if it does not end. Takes linear time for any input.
 * @param mostBytes gives up with -2 after about so many; a string without quotes in it may be longer.
 */
export function stringEnd(json: Buffer, from: number, mostBytes = Number.POSITIVE_INFINITY): number {
  let at = from + 1;
  for (;;) {
    if (at - from > mostBytes) return TOO_LONG;
    const near = Math.min(json.length, at + LOOKED_AT);
    while (at < near) {
      const byte = json[at]!;
      if (byte === QUOTE) return at + 1;
      at += byte === BACKSLASH ? 2 : 1;
    }
    const quote = json.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    // An odd number of backslashes before it escapes it; those before `at` were read in pairs.
    let first = quote;
    while (first > at && json[first - 1] === BACKSLASH) first--;
    if ((quote - first) % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function literalEnd(json: Buffer, from: number): number {
  let at = from + 1;
  while (at < json.length && KINDS[json[at]!] === LITERAL) at++;
  return at;
}

/** Whether the string that ends there is the key of a member. */
function isKey(json: Buffer, end: number): boolean {
  let at = end;
  while (at < json.length && KINDS[json[at]!] === SPACE) at++;
  return KINDS[json[at]!] === COLON;
}
