// The items of a JSON array in its bytes: a batch that comes inline is taken apart without printing it anew.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const COMMA = 0x2c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The JSON must be valid (parse it first) and an array; items come without the white space around them. */
export function* arrayItems(json: Buffer): Generator<Buffer> {
  let depth = 0;
  let start = -1;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (SPACES.has(byte)) continue;
    if (depth === 1 && (byte === COMMA || CLOSING.has(byte))) {
      if (start >= 0) yield trimEnd(json.subarray(start, at));
      start = -1;
      if (byte !== COMMA) return;
      continue;
    }
    if (depth === 1 && start < 0) start = at;
    if (byte === QUOTE) at = closingQuote(json, at);
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
  }
}

/** Long strings are skipped by native search. */
function closingQuote(json: Buffer, opening: number): number {
  let quote = opening;
  for (;;) {
    quote = json.indexOf(QUOTE, quote + 1);
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
}

function trimEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (SPACES.has(bytes[end - 1]!)) end--;
  return bytes.subarray(0, end);
}
