// Edits members of a JSON object in its bytes. Everything else stays as the client or the provider wrote it: unknown
// fields, number precision (a parse and print would round a 64-bit seed), spacing, order.
import { stringEnd } from '../bounds/json-bounds.ts';

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
  /** Member → its new value as JSON text. Replaced in place; a new member is appended. */
  set?: ReadonlyMap<string, string | Buffer>;
  remove?: readonly string[];
}

const NO_MEMBERS: ReadonlyMap<string, string | Buffer> = new Map();

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

function skipString(json: Buffer, from: number): number {
  const end = stringEnd(json, from);
  if (end < 0) throw new TypeError('unterminated string');
  return end;
}

function skipValue(json: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      at = skipString(json, at);
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

/** The JSON must be valid (parse it first); the object may stand among white space. */
function scanObject(json: Buffer, maxMembers = Number.POSITIVE_INFINITY): ScannedObject {
  const open = skipSpace(json, 0);
  if (json[open] !== BRACE_OPEN) throw new TypeError('not a JSON object');
  const members: Member[] = [];
  let start = open + 1;
  let at = skipSpace(json, start);
  while (json[at] === QUOTE) {
    const keyEnd = skipString(json, at);
    const key = JSON.parse(json.toString('utf8', at, keyEnd)) as string;
    at = skipSpace(json, keyEnd);
    if (json[at] !== COLON) throw new TypeError('member without a value');
    const valueStart = skipSpace(json, at + 1);
    const valueEnd = skipValue(json, valueStart);
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

/** Bytes of a member's value, or null. Of a repeated member the last one, as `JSON.parse` has it. */
export function memberBytes(json: Buffer, key: string, maxMembers?: number): Buffer | null {
  const member = scanObject(json, maxMembers).members.findLast((candidate) => candidate.key === key);
  return member === undefined ? null : json.subarray(member.valueStart, member.valueEnd);
}

/** Every member with its value's bytes; a repeated one has its last value. */
export function memberEntries(json: Buffer): Map<string, Buffer> {
  return new Map(
    scanObject(json).members.map((member) => [member.key, json.subarray(member.valueStart, member.valueEnd)]),
  );
}

/** True for the bytes of a JSON object, whose first byte tells. */
export function isObjectBytes(json: Buffer | null): json is Buffer {
  return json !== null && json[0] === BRACE_OPEN;
}

/** Applies an edit; gives the same buffer when there is nothing to do. Throws a TypeError if it is not an object. */
export function editObject(json: Buffer, edit: ObjectEdit): Buffer {
  const set = edit.set ?? NO_MEMBERS;
  const remove = new Set(edit.remove ?? []);
  const { members, open } = scanObject(json);
  const kept = members.filter((member) => !remove.has(member.key));
  const isTouched = kept.length < members.length || set.size > 0;
  if (!isTouched) return json;

  const parts: Buffer[] = [json.subarray(0, open + 1)];
  let written = 0;
  for (const member of kept) {
    const value = set.get(member.key);
    if (written++ > 0) parts.push(Buffer.from(','));
    if (value === undefined) parts.push(json.subarray(member.start, member.valueEnd));
    else parts.push(json.subarray(member.start, member.valueStart), asBuffer(value));
  }
  const present = new Set(kept.map((member) => member.key));
  for (const [key, value] of set) {
    if (present.has(key)) continue;
    parts.push(Buffer.from(`${written++ > 0 ? ',' : ''}${JSON.stringify(key)}:`), asBuffer(value));
  }
  parts.push(json.subarray(members.at(-1)?.valueEnd ?? open + 1));
  return Buffer.concat(parts);
}

function asBuffer(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
