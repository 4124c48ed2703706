// The items of a JSON array in its bytes: a batch that comes inline is taken apart without printing it anew.
import { stringEnd } from '../protocols/json-bounds.ts';

const QUOTE = 0x22;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const COMMA = 0x2c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

const NOTHING = Buffer.alloc(0);

/**
 * The text must begin as an array; items come without the white space around them. Whether each is JSON its parse says:
 * what is missing between two commas comes as nothing, and so does an end that is missing.
 */
export function* arrayItems(json: Buffer): Generator<Buffer> {
  let depth = 0;
  let start = -1;
  let isAfterComma = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (SPACES.has(byte)) continue;
    if (depth === 1 && (byte === COMMA || CLOSING.has(byte))) {
      if (start >= 0) yield trimEnd(json.subarray(start, at));
      else if (byte === COMMA || isAfterComma) yield NOTHING;
      start = -1;
      isAfterComma = byte === COMMA;
      if (byte !== COMMA) return;
      continue;
    }
    if (depth === 1 && start < 0) start = at;
    if (byte === QUOTE) at = Math.max(at, stringEnd(json, at) - 1);
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
  }
  yield NOTHING;
}

function trimEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (SPACES.has(bytes[end - 1]!)) end--;
  return bytes.subarray(0, end);
}
