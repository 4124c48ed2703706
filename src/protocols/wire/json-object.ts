// Edits members of a JSON object in its bytes. Everything else stays as the client or the provider wrote it: unknown
// fields, number precision (a parse and print would round a 64-bit seed), spacing, order.
import { longStringEnds, stringEnd } from '../bounds/json-bounds.ts';

interface Member {
  key: string;
  /** Where the white space before the key begins: after the brace or the comma. */
  start: number;
  valueStart: number;
  /** One past the value's last byte. */
  valueEnd: number;
}

interface ScannedObject {
  members: Member[];
  /** Offset of the opening brace. */
  open: number;
}

export interface ObjectEdit {
  /** Member → its new value. Replaced in place; a new member is appended. */
  set?: ReadonlyMap<string, NewValue>;
  remove?: readonly string[];
}

/** JSON text, or a function that makes it from the current value, which is null if the member is absent. */
export type NewValue = string | Buffer | ((value: Buffer | null) => string | Buffer);

const NO_MEMBERS: ReadonlyMap<string, NewValue> = new Map();
const NO_NAMES: readonly string[] = [];

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (at < json.length && isSpace(json[at]!)) at++;
  return at;
}

/** Ends of long strings, if they are known. */
type Ends = ReadonlyMap<number, number> | undefined;

function skipString(json: Buffer, from: number, ends: Ends): number {
  const end = ends?.get(from) ?? stringEnd(json, from);
  if (end < 0) throw new TypeError('unterminated string');
  return end;
}

function skipValue(json: Buffer, from: number, ends: Ends): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      at = skipString(json, at, ends);
      if (depth === 0) return at;
      continue;
    }
    if (byte === BRACE_OPEN || byte === BRACKET_OPEN) depth++;
    else if (byte === BRACE_CLOSE || byte === BRACKET_CLOSE) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
    at++;
  }
  return at;
}

/** Bodies of requests, which are read member by member and then edited. */
const LARGE_BYTES = 64 * 1024;
/** Buffers with JSON are never written to. */
const scannedBefore = new WeakMap<Buffer, ScannedObject>();

/** The JSON must be valid (parse it first); white space around the object is allowed. */
function scanObject(json: Buffer, maxMembers = Number.POSITIVE_INFINITY): ScannedObject {
  if (json.length < LARGE_BYTES) return scanSmall(json, maxMembers);
  const scanned = scannedBefore.get(json) ?? scan(json, maxMembers);
  scannedBefore.set(json, scanned);
  return scanned;
}

/** A body is read and edited in one go, so that the last one is enough. */
let lastSmall: { json: Buffer; scanned: ScannedObject } | null = null;

function scanSmall(json: Buffer, maxMembers: number): ScannedObject {
  if (lastSmall?.json === json && lastSmall.scanned.members.length <= maxMembers) return lastSmall.scanned;
  const scanned = scan(json, maxMembers);
  lastSmall = { json, scanned };
  return scanned;
}

function scan(json: Buffer, maxMembers: number): ScannedObject {
  const ends = json.length < LARGE_BYTES ? undefined : longStringEnds(json);
  const open = skipSpace(json, 0);
  if (json[open] !== BRACE_OPEN) throw new TypeError('not a JSON object');
  const members: Member[] = [];
  let start = open + 1;
  let at = skipSpace(json, start);
  while (json[at] === QUOTE) {
    const keyEnd = skipString(json, at, ends);
    const key = readKey(json, at, keyEnd);
    at = skipSpace(json, keyEnd);
    if (json[at] !== COLON) throw new TypeError('member without a value');
    const valueStart = skipSpace(json, at + 1);
    const valueEnd = skipValue(json, valueStart, ends);
    if (members.length === maxMembers) throw new TypeError(`an object of more than ${maxMembers} members`);
    members.push({ key, start, valueStart, valueEnd });
    at = skipSpace(json, valueEnd);
    if (json[at] !== COMMA) break;
    start = at + 1;
    at = skipSpace(json, start);
  }
  if (json[at] !== BRACE_CLOSE) throw new TypeError('object does not end');
  return { members, open };
}

/** Unquotes a name. Few names have escapes. */
function readKey(json: Buffer, start: number, end: number): string {
  const text = json.toString('utf8', start + 1, end - 1);
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

/** Bytes of a member's value, or null. For a repeated member the last one, as with `JSON.parse`. */
export function memberBytes(json: Buffer, key: string, maxMembers?: number): Buffer | null {
  const member = scanObject(json, maxMembers).members.findLast((candidate) => candidate.key === key);
  return member === undefined ? null : json.subarray(member.valueStart, member.valueEnd);
}

/** Every member with the bytes of its value; for a repeated member the last one. */
export function memberEntries(json: Buffer): Map<string, Buffer> {
  return new Map(
    scanObject(json).members.map((member) => [member.key, json.subarray(member.valueStart, member.valueEnd)]),
  );
}

/** True for valid JSON that is an object; only checks the first byte. */
export function isObjectBytes(json: Buffer | null): json is Buffer {
  return json !== null && json[0] === BRACE_OPEN;
}

/** Applies an edit; returns the same buffer if there is nothing to do. Throws a TypeError if it is not an object. */
export function editObject(json: Buffer, { set = NO_MEMBERS, remove = NO_NAMES }: ObjectEdit): Buffer {
  const scanned = scanObject(json);
  if (!scanned.members.some(({ key }) => remove.includes(key))) return setMembers(json, scanned, set);
  const rest = withoutMembers(json, scanned, remove);
  return set.size === 0 ? rest : setMembers(rest, scanObject(rest), set);
}

function withoutMembers(json: Buffer, { members, open }: ScannedObject, remove: readonly string[]): Buffer {
  const parts: Buffer[] = [json.subarray(0, open + 1)];
  for (const { key, start, valueEnd } of members) {
    if (remove.includes(key)) continue;
    if (parts.length > 1) parts.push(COMMA_BYTES);
    parts.push(json.subarray(start, valueEnd));
  }
  parts.push(json.subarray(members.at(-1)!.valueEnd));
  return Buffer.concat(parts);
}

const COMMA_BYTES = Buffer.from(',');

function setMembers(json: Buffer, { members, open }: ScannedObject, set: ReadonlyMap<string, NewValue>): Buffer {
  if (set.size === 0) return json;
  const parts: Buffer[] = [];
  let written = 0;
  for (const { key, valueStart, valueEnd } of members) {
    const value = set.get(key);
    if (value === undefined) continue;
    const old = json.subarray(valueStart, valueEnd);
    const made = bytesOf(value, old);
    if (made.equals(old)) continue;
    parts.push(json.subarray(written, valueStart), made);
    written = valueEnd;
  }
  const end = members.at(-1)?.valueEnd ?? open + 1;
  // Texts that follow each other become one buffer: making one costs more than what is written to it.
  let text = '';
  let separator = members.length === 0 ? '' : ',';
  for (const [key, value] of set) {
    if (members.some((member) => member.key === key)) continue;
    if (written !== end) parts.push(json.subarray(written, end));
    written = end;
    text += `${separator}${JSON.stringify(key)}:`;
    separator = ',';
    const made = typeof value === 'function' ? value(null) : value;
    if (typeof made === 'string') text += made;
    else {
      parts.push(Buffer.from(text), made);
      text = '';
    }
  }
  if (text !== '') parts.push(Buffer.from(text));
  if (written === 0) return json;
  parts.push(json.subarray(written));
  return Buffer.concat(parts);
}

function bytesOf(value: NewValue, old: Buffer): Buffer {
  const made = typeof value === 'function' ? value(old) : value;
  return typeof made === 'string' ? Buffer.from(made) : made;
}
