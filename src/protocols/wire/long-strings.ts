// Parses JSON whose longest strings are media in base64, or documents as text: `JSON.parse` reads five megabytes of it in 5 to 8 ms
// and copies them twice. Long strings that JSON allows are left out of the text that is parsed, and are made from the bytes when
// they are read, which few are: 1 ms. Apart from that the value is the one that `JSON.parse` returns. Likewise `JSON.stringify`
// takes 12 ms to look for characters that need an escape.
import { isAscii } from 'node:buffer';
import { JsonScan, LONG_BYTES, type StringRange } from '../bounds/json-bounds.ts';
import { hasControlAscii } from '../bounds/long-string.ts';
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
  const valid = strings.filter(({ textBytes }) => textBytes !== null);
  if (valid.length === 0) return parse(bytes.toString());
  try {
    return fill(parse(textAround(bytes, valid)), bytes, valid);
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
  const fillIn = (holder: object, name: string | number, value: unknown): void => {
    if (typeof value === 'object' && value !== null) return walk(value);
    if (typeof value !== 'string' || !value.startsWith(MARK)) return;
    left--;
    const range = strings[Number(value.slice(MARK.length))]!;
    define(holder, name, () => textOf(bytes, range));
    noteTextBytes(holder, name, range.textBytes!);
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

function textOf(bytes: Buffer, { start, end }: StringRange): string {
  const text = bytes.subarray(start + 1, end - 1);
  if (text.includes(BACKSLASH)) return JSON.parse(bytes.toString('utf8', start, end)) as string;
  return text.toString(isAscii(text) ? 'latin1' : 'utf8');
}

/** Lengths of members that were not made yet. */
const lengths = new WeakMap<object, Map<string | number, number>>();

function noteTextBytes(holder: object, name: string | number, textBytes: number): void {
  const known = lengths.get(holder) ?? new Map<string | number, number>();
  lengths.set(holder, known.set(name, textBytes));
}

/** Bytes of a member's text in UTF-8, without making it if it is long; null if it is not a string. */
export function textBytesOf<T extends object>(holder: T, name: keyof T & string): number | null {
  const known = lengths.get(holder)?.get(name);
  if (known !== undefined && Object.getOwnPropertyDescriptor(holder, name)?.get !== undefined) return known;
  const value = holder[name];
  return typeof value === 'string' ? Buffer.byteLength(value) : null;
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

/** Neither escapes nor control characters (which JSON forbids), and ASCII only. */
function isPlainText(text: Buffer): boolean {
  return !text.includes(BACKSLASH) && isAscii(text) && !hasControlAscii(text);
}
