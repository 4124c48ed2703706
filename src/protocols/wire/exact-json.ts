// JSON whose numbers survive a parse and print. A double holds integers up to 2^53: `JSON.parse` rounds longer ones, turns
// 1e400 into Infinity (printed as null) and forgets that 1.0 was written with a point. What a model or a client wrote into
// arguments, schemas and results is only carried: there such a number becomes a raw one, which `JSON.stringify` prints as
// it was written. Everywhere else it is a plain number, since the broker counts with it.
//
// Few texts hold such a number. Only number tokens are examined (strings are skipped by native search), so
// that all others cost one scan more than `JSON.parse`: 0.8 ms on 500 kB of an agent's history, as much on an image of 3 MB,
// 0.3 µs on an event of a stream (Node 24, November 2026).
import type { RawNumber } from '#src/contracts/inference-request.ts';

/** ECMAScript's "JSON.parse source text access": Node has it from version 21, the types of ES2024 do not. */
interface RawJson {
  rawJSON?(text: string): RawNumber;
  isRawJSON?(value: unknown): boolean;
}

const raw = JSON as unknown as RawJson;

/** Members whose values are carried unchanged, by their names in all four protocols. */
const CARRIED: ReadonlySet<string> = new Set([
  ...['arguments', 'args', 'input', 'metadata', 'functionResponse', 'function_response'],
  ...['parameters', 'input_schema', 'schema', 'parametersJsonSchema', 'parameters_json_schema'],
  // 64 bits at most providers, and never counted with.
  'seed',
  ...['responseSchema', 'response_schema', 'responseJsonSchema', 'response_json_schema'],
]);

/** A message of a protocol: numbers are exact in the members that are carried. Throws as `JSON.parse` does. */
export function parseMessage(text: string): unknown {
  return parse(text, false);
}

/** JSON that is carried as a whole: arguments of a call, an item of a conversation. Throws as `JSON.parse` does. */
export function parseCarried(text: string): unknown {
  return parse(text, true);
}

/** A message of the protocol; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  return orUndefined(text, parseMessage);
}

/** JSON that a model or client wrote, with exact numbers; undefined if it is not JSON. */
export function parseCarriedJson(text: string): unknown {
  return orUndefined(text, parseCarried);
}

function orUndefined(text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch {
    return undefined;
  }
}

/** A number from its text: a plain one if that loses nothing. */
export function exactNumber(source: string): unknown {
  const value = Number(source);
  return String(value) === source || raw.rawJSON === undefined ? value : raw.rawJSON(source);
}

export function isExactNumber(value: unknown): value is RawNumber {
  return typeof value === 'object' && raw.isRawJSON?.(value) === true;
}

/** False for raw numbers, which are objects in JavaScript but not in JSON. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

/**
 * Deeper texts are rejected as invalid JSON: `JSON.parse` takes any depth, but serialising the value ends in a RangeError.
 * A body is bounded as such (json-bounds.ts), and the texts within it that are JSON again are bounded here.
 */
const MAX_LEVELS = 1_000;

function isTooDeep(text: string): boolean {
  // A shorter text cannot hold that many pairs of brackets.
  if (text.length < 2 * MAX_LEVELS) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === QUOTE) at = endOfString(text, at) - 1;
    else if (char === '[' || char === '{') {
      if (++depth > MAX_LEVELS) return true;
    } else if (char === ']' || char === '}') depth--;
  }
  return false;
}

function parse(text: string, isCarried: boolean): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`nested more than ${MAX_LEVELS} levels deep`);
  const isPlain = raw.rawJSON === undefined || (text.length < SHORT_CHARS && !SUSPECT.test(text));
  const tokens = isPlain ? [] : alteredNumbers(text);
  if (tokens.length === 0) return JSON.parse(text);
  return restore(JSON.parse(withMarks(text, tokens)), isCarried);
}

interface NumberToken {
  start: number;
  end: number;
}

const QUOTE = '"';
const NUMBER = /-?\d[\d.eE+-]*/g;
/** Numbers that are printed as they are written: up to 15 digits, a fraction that is not tiny and does not end in a zero. */
const PLAIN = /^(?:-?[1-9]\d{0,14}|0|-?\d{1,9}\.\d{0,5}[1-9])$/;
/**
 * A cheap test before the scan: every number that is not plain matches it. Digits within an id do not, since they follow no
 * character after which a number may begin. Few stream events match, and a stream has thousands of them.
 */
const SUSPECT = /(?:^|[[:,\s])-?(?:(?<=-)0|\d{16}|\d{10,}\.|\d[\d.]*[eE]|\d+\.(?:\d*0(?!\d)|\d{6}))/;
const SHORT_CHARS = 4_096;

/** The numbers that a parse and print would change, in order. */
function alteredNumbers(text: string): NumberToken[] {
  const tokens: NumberToken[] = [];
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf(QUOTE, at);
    const end = quote < 0 ? text.length : quote;
    // Between strings there are mostly only one or two characters of punctuation.
    if (end - at > 1) addNumbers(text.slice(at, end), at, tokens);
    if (quote < 0) break;
    at = endOfString(text, quote);
  }
  return tokens;
}

function addNumbers(gap: string, offset: number, tokens: NumberToken[]): void {
  for (const match of gap.matchAll(NUMBER)) {
    const [source] = match;
    if (PLAIN.test(source)) continue;
    if (String(Number(source)) !== source) {
      tokens.push({ start: offset + match.index, end: offset + match.index + source.length });
    }
  }
}

/** One past the closing quote; the end of the text if there is none. */
function endOfString(text: string, open: number): number {
  let at = open + 1;
  for (;;) {
    const quote = text.indexOf(QUOTE, at);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** Random, so that no input can contain it. */
const MARK = `number-${crypto.randomUUID()}:`;

/** The text with each of these numbers replaced by a marked string. */
function withMarks(text: string, tokens: readonly NumberToken[]): string {
  let marked = '';
  let at = 0;
  for (const { start, end } of tokens) {
    marked += `${text.slice(at, start)}"${MARK}${text.slice(start, end)}"`;
    at = end;
  }
  return marked + text.slice(at);
}

/** Replaces the marks by their numbers, in place. */
function restore(value: unknown, isCarried: boolean): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? numberOf(value.slice(MARK.length), isCarried) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) value[index] = restore(element, isCarried);
    return value;
  }
  const members = value as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    const restored = restore(member, isCarried || CARRIED.has(name));
    // Defined, because assigning to a member named `__proto__` would set the prototype.
    if (restored !== member) Object.defineProperty(members, name, { value: restored, ...ORDINARY });
  }
  return value;
}

const ORDINARY = { enumerable: true, configurable: true, writable: true };

/** `1.` and the like are not JSON: parsing them throws. */
function numberOf(source: string, isCarried: boolean): unknown {
  return isCarried ? (raw.rawJSON?.(source) ?? Number(source)) : (JSON.parse(source) as number);
}
