// Looks over the bytes of a JSON text before anything is built of it: `JSON.parse` of 31 MB of `[{},{},…]` holds the event
// loop for seconds and takes a gigabyte, and a text nested deeply enough ends in a RangeError wherever it is walked.
// Counts only; whether the text is valid, the parser says. Strings are skipped by native search, so that a body that is
// mostly one image costs next to nothing.

export interface JsonBounds {
  /** Objects and arrays within each other. */
  depth: number;
  /** Objects and arrays in all. Each costs a parser some fifty bytes and more. */
  containers: number;
  /** Commas: members and items, numbers of an embedding's token list among them. */
  items: number;
  /** Longest number, in bytes: digits that nobody needs cost time to read. */
  numberBytes: number;
}

/** Well above what clients send: the largest agents' requests have some ten thousand containers, 40 deep. */
export const BODY_BOUNDS: JsonBounds = { depth: 128, containers: 200_000, items: 1_000_000, numberBytes: 1_000 };

/** Null where the text keeps within the bounds, else what it exceeds, as the rest of "The body …". */
export function findExcess(json: Buffer, bounds: JsonBounds = BODY_BOUNDS): string | null {
  let depth = 0;
  let containers = 0;
  let items = 0;
  let numberStart = -1;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (isOfNumber(byte)) {
      if (numberStart < 0) numberStart = at;
      else if (at - numberStart >= bounds.numberBytes)
        return `has a number of more than ${bounds.numberBytes} characters`;
      continue;
    }
    numberStart = -1;
    switch (byte) {
      case QUOTE:
        at = endOfString(json, at + 1);
        break;
      case BRACE_OPEN:
      case BRACKET_OPEN:
        if (++depth > bounds.depth) return `is nested more than ${bounds.depth} levels deep`;
        if (++containers > bounds.containers) return `has more than ${bounds.containers} objects and arrays`;
        break;
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        depth--;
        break;
      case COMMA:
        if (++items > bounds.items) return `has more than ${bounds.items} members and items`;
    }
  }
  return null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;

/** Digits, sign, point and exponent. The `e` of `true` counts too, and harms nobody. */
function isOfNumber(byte: number): boolean {
  return (byte >= 0x2b && byte <= 0x39 && byte !== COMMA) || byte === 0x45 || byte === 0x65;
}

/** Most strings are short, and in some every other byte is an escape: a native search costs more than so many looks. */
const LOOKED_AT = 64;

/** Place of the closing quote; the end where there is none. */
function endOfString(json: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const near = Math.min(json.length, at + LOOKED_AT);
    while (at < near) {
      const byte = json[at]!;
      if (byte === QUOTE) return at;
      at += byte === BACKSLASH ? 2 : 1;
    }
    const quote = json.indexOf(QUOTE, at);
    if (quote < 0) return json.length;
    // Whether it is escaped, the backslashes before it say; those before `at` were read in pairs.
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && json[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}
