// Parses JSON whose longest strings are media in base64: `JSON.parse` reads five megabytes of it in 5 to 8 ms and copies them
// twice. Plain strings (printable ASCII without escapes, so their bytes are their characters) are left out of the text that is
// parsed, and made from the bytes when they are read, which few are: 1 ms. Apart from that the value is the one that
// `JSON.parse` returns. Likewise `JSON.stringify` takes 12 ms to look for characters that need an escape.
import { isAscii } from 'node:buffer';
import { JsonScan, LONG_BYTES, type StringRange } from '../bounds/json-bounds.ts';
import { isJsonObject } from './exact-json.ts';

/** Values (not keys) of at least LONG_BYTES, in order. The JSON must be valid. */
export function findLongStrings(json: Buffer): readonly StringRange[] {
  if (json.length < LONG_BYTES) return [];
  const scan = new JsonScan(json, UNBOUNDED);
  scan.step(json.length);
  return scan.longStrings;
}

const NO_BOUND = Number.POSITIVE_INFINITY;
const UNBOUNDED = {
  depth: NO_BOUND,
  containers: NO_BOUND,
  strings: NO_BOUND,
  items: NO_BOUND,
  keyBytes: NO_BOUND,
  numberBytes: NO_BOUND,
};

/** Valid JSON, parsed around its long strings. */
export function parseBytes(json: Buffer, parse: (text: string) => unknown): unknown {
  return parseAround(json, findLongStrings(json), parse);
}

/**
 * Throws as `parse` does, with the positions of the whole text.
 * @param strings values (not keys) of at least LONG_BYTES, in order.
 */
export function parseAround(bytes: Buffer, strings: readonly StringRange[], parse: (text: string) => unknown): unknown {
  const plain = strings.filter((range) => isPlain(bytes, range));
  if (plain.length === 0) return parse(bytes.toString());
  try {
    return fill(parse(textAround(bytes, plain)), bytes, plain);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return parse(bytes.toString());
  }
}

/** Random, so that no input can contain it. */
const MARK = `string-${crypto.randomUUID()}:`;

function textAround(bytes: Buffer, strings: readonly StringRange[]): string {
  let text = '';
  let at = 0;
  for (const [index, { start, end }] of strings.entries()) {
    text += `${bytes.toString('utf8', at, start)}"${MARK}${index}"`;
    at = end;
  }
  return text + bytes.toString('utf8', at);
}

/** Replaces the marks by their strings, in place. Ends at the last one, since the rest of the body may be large. */
function fill(parsed: unknown, bytes: Buffer, strings: readonly StringRange[]): unknown {
  let left = strings.length;
  const stringOf = (mark: string) => () => {
    const { start, end } = strings[Number(mark.slice(MARK.length))]!;
    return bytes.toString('latin1', start + 1, end - 1);
  };
  const fillIn = (holder: object, name: string | number, value: unknown): void => {
    if (typeof value === 'object' && value !== null) return walk(value);
    if (typeof value !== 'string' || !value.startsWith(MARK)) return;
    left--;
    define(holder, name, stringOf(value));
  };
  function walk(value: object): void {
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length && left > 0; index++) fillIn(value, index, value[index]);
    } else if (isJsonObject(value)) {
      for (const name in value) {
        if (left === 0) break;
        fillIn(value, name, value[name]);
      }
    }
  }
  const whole = { parsed };
  fillIn(whole, 'parsed', parsed);
  return whole.parsed;
}

/** A member that is made when it is read for the first time. */
function define(holder: object, name: string | number, make: () => string): void {
  const set = (value: unknown) =>
    Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  const get = () => {
    const text = make();
    set(text);
    return text;
  };
  Object.defineProperty(holder, name, { get, set, enumerable: true, configurable: true });
}

/** The bytes of `JSON.stringify(value)`. */
export function printAround(value: unknown): Buffer {
  const strings: Buffer[] = [];
  const text = JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== 'string' || member.length < LONG_BYTES) return member;
    const bytes = Buffer.from(member);
    if (bytes.includes(QUOTE) || !isPlainText(bytes)) return member;
    return `${MARK}${strings.push(bytes) - 1}`;
  });
  const [begin, ...rest] = text.split(`"${MARK}`);
  const parts = rest.flatMap((piece) => {
    const end = piece.indexOf('"');
    return [QUOTE_BYTES, strings[Number(piece.slice(0, end))]!, Buffer.from(piece.slice(end))];
  });
  return Buffer.concat([Buffer.from(begin!), ...parts]);
}

const QUOTE = 0x22;
const QUOTE_BYTES = Buffer.from('"');
const BACKSLASH = 0x5c;
const SPACES = 0x20202020;
const HIGH_BITS = 0x80808080 | 0;

function isPlain(bytes: Buffer, { start, end }: StringRange): boolean {
  return isPlainText(bytes.subarray(start + 1, end - 1));
}

/** Neither escapes nor control characters (which JSON forbids), and ASCII only. */
function isPlainText(text: Buffer): boolean {
  return !text.includes(BACKSLASH) && isAscii(text) && !hasControl(text);
}

/** Four bytes at a time: subtracting a space from each sets a high bit only if one of them is below it, as all are ASCII. */
function hasControl(ascii: Buffer): boolean {
  const before = Math.min(ascii.length, -ascii.byteOffset & 3);
  const words = new Int32Array(ascii.buffer, ascii.byteOffset + before, (ascii.length - before) >> 2);
  let bits = 0;
  for (let at = 0; at < words.length; at++) bits |= words[at]! - SPACES;
  if ((bits & HIGH_BITS) !== 0) return true;
  const isControl = (byte: number) => byte < 0x20;
  return ascii.subarray(0, before).some(isControl) || ascii.subarray(before + words.length * 4).some(isControl);
}
