// The input of a batch: reading its lines, their positions in the file, and what they contain.
import { isUtf8 } from 'node:buffer';
import type { BatchFault } from '../contracts/batch.ts';
import { findExcess } from '../protocols/bounds/json-bounds.ts';
import { faultOfName } from '../protocols/bounds/request-names.ts';
import { memberBytes } from '../protocols/wire/json-object.ts';

/** Up to `length` bytes from `offset`, fewer only at the end. */
type ReadBytes = (offset: number, length: number) => Promise<Buffer>;

export interface InputLine {
  /** From 1; empty lines count. */
  number: number;
  offset: number;
  /** Without the line break. */
  length: number;
  /** Null if it is longer than a line may be. */
  bytes: Buffer | null;
}

export interface LinePlace {
  number: number;
  offset: number;
}

export const FIRST_LINE: LinePlace = Object.freeze({ number: 1, offset: 0 });

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BLANK = new Set([0x20, 0x09, 0x0d]);

/** Reads the lines of a file of any size, with about a megabyte of it in memory. */
export class LineReader {
  readonly #read: ReadBytes;
  readonly #maxLineBytes: number;
  #number: number;
  /** Offset in the file of the first byte of `#buffer`. */
  #bufferOffset: number;
  /** Where in `#buffer` the next line begins. */
  #at = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #isAtEnd = false;

  constructor(read: ReadBytes, from: LinePlace, maxLineBytes: number) {
    this.#read = read;
    this.#number = from.number;
    this.#bufferOffset = from.offset;
    this.#maxLineBytes = maxLineBytes;
  }

  /** Where the next line begins. */
  get place(): LinePlace {
    return { number: this.#number, offset: this.#bufferOffset + this.#at };
  }

  /** At least one line and at most `limit`, without blank ones; none at the end of the file. */
  async next(limit: number): Promise<InputLine[]> {
    const lines: InputLine[] = [];
    while (lines.length < limit) {
      const line = this.#take() ?? (lines.length > 0 ? null : await this.#readOne());
      if (line === null) break;
      if (!isBlank(line.bytes)) lines.push(line);
    }
    return lines;
  }

  /** The next line, if all of it is in memory. */
  #take(): InputLine | null {
    const end = this.#buffer.indexOf(NEWLINE, this.#at);
    return end < 0 ? null : this.#cut(end, end + 1);
  }

  async #readOne(): Promise<InputLine | null> {
    for (;;) {
      const line = this.#take();
      if (line !== null) return line;
      if (this.#isAtEnd)
        return this.#at < this.#buffer.length ? this.#cut(this.#buffer.length, this.#buffer.length) : null;
      if (this.#buffer.length - this.#at > this.#maxLineBytes) return this.#skipLong();
      await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    const rest = this.#buffer.subarray(this.#at);
    const more = await this.#read(this.#bufferOffset + this.#buffer.length, CHUNK_BYTES);
    this.#bufferOffset += this.#at;
    this.#at = 0;
    this.#buffer = rest.length === 0 ? more : Buffer.concat([rest, more]);
    this.#isAtEnd = more.length < CHUNK_BYTES;
  }

  #cut(end: number, next: number): InputLine {
    const offset = this.#bufferOffset + this.#at;
    const bytes = withoutMark(this.#buffer.subarray(this.#at, end), offset);
    this.#at = next;
    const isTooLong = bytes.length > this.#maxLineBytes;
    return { number: this.#number++, offset, length: bytes.length, bytes: isTooLong ? null : bytes };
  }

  /** Skips a line that is too long, without keeping it in memory. */
  async #skipLong(): Promise<InputLine> {
    const { number, offset } = this.place;
    let end = -1;
    while (end < 0 && !this.#isAtEnd) {
      this.#at = this.#buffer.length;
      await this.#fill();
      end = this.#buffer.indexOf(NEWLINE);
    }
    this.#at = end < 0 ? this.#buffer.length : end + 1;
    this.#number += 1;
    return { number, offset, length: this.place.offset - offset, bytes: null };
  }
}

/** Editors on Windows write a byte order mark at the start of a file. */
function withoutMark(bytes: Buffer, offset: number): Buffer {
  return offset === 0 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

function isBlank(bytes: Buffer | null): boolean {
  // Nearly every line begins with its brace: one byte is enough.
  return bytes !== null && (bytes.length === 0 || (BLANK.has(bytes[0]!) && bytes.every((byte) => BLANK.has(byte))));
}

export interface OpenLine {
  number: number;
  offset: number;
  /** Bytes. */
  length: number;
}

/**
 * The progress of a batch: where its reader is, and the lines in flight. Every other line before that place is done. Its
 * size depends on the lines in flight, not on the file.
 */
export interface RunPosition {
  next: LinePlace;
  open: readonly OpenLine[];
}

export const START: RunPosition = Object.freeze({ next: FIRST_LINE, open: [] });

/** Compact, as it is written with every commit: an open line is two differences from the previous one, and its length. */
export function encodePosition({ next, open }: RunPosition): string {
  const numbers: number[] = [];
  let before: LinePlace = { number: 0, offset: 0 };
  for (const line of [...open].sort((a, b) => a.number - b.number)) {
    numbers.push(line.number - before.number, line.offset - before.offset, line.length);
    before = line;
  }
  return JSON.stringify({ line: next.number, offset: next.offset, open: numbers });
}

export function decodePosition(text: string): RunPosition {
  const { line, offset, open: numbers } = JSON.parse(text) as { line: number; offset: number; open: number[] };
  const open: OpenLine[] = [];
  let before: LinePlace = { number: 0, offset: 0 };
  for (let at = 0; at < numbers.length; at += 3) {
    before = { number: before.number + numbers[at]!, offset: before.offset + numbers[at + 1]! };
    open.push({ ...before, length: numbers[at + 2]! });
  }
  return { next: { number: line, offset }, open };
}

/** The parts of a line: an envelope around an ordinary request body. */
export interface BatchLine {
  customId: string;
  /** The body's bytes, unchanged, and its parsed value. */
  body: Buffer;
  value: Record<string, unknown>;
}

/** It is repeated in result files and kept in memory while the line is in flight. */
const MAX_CUSTOM_ID_CHARS = 512;

export type LineFault = Omit<BatchFault, 'line'>;

/** Fault codes as in OpenAI's `errors.data` (docs/reference/openai-batch.md section 2). */
export function readLine({ bytes }: Pick<InputLine, 'bytes'>, endpoint: string): BatchLine | LineFault {
  if (bytes === null) return fault('line_too_large', 'This line is larger than a request body may be.');
  if (!isUtf8(bytes)) return fault('invalid_json_line', 'This line is not valid UTF-8.');
  const excess = findExcess(bytes);
  if (excess !== null) return fault('invalid_json_line', `This line ${excess}.`);
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch (error) {
    return fault('invalid_json_line', `This line is not parseable as valid JSON: ${(error as Error).message}.`);
  }
  if (!isObject(line)) return fault('invalid_json_line', 'This line is not a JSON object.');
  const { custom_id: customId, method, url, body } = line;
  if (typeof customId !== 'string' || customId === '') {
    return fault('missing_required_parameter', "Missing required parameter: 'custom_id', a text.", 'custom_id');
  }
  const nameFault = faultOfName(customId, MAX_CUSTOM_ID_CHARS);
  if (nameFault !== null) return fault('invalid_value', `'custom_id' must ${nameFault}.`, 'custom_id');
  if (method !== 'POST') return fault('invalid_method', "The method must be 'POST'.", 'method');
  if (url !== endpoint) {
    const said = typeof url === 'string' ? `'${url}'` : 'missing';
    return fault(
      'url_mismatch',
      `The url of this request (${said.slice(0, 200)}) is not the batch's endpoint '${endpoint}'.`,
      'url',
    );
  }
  if (!isObject(body))
    return fault('missing_required_parameter', "Missing required parameter: 'body', an object.", 'body');
  return { customId, body: memberBytes(bytes, 'body')!, value: body };
}

export function isLineFault(line: BatchLine | LineFault): line is LineFault {
  return 'code' in line;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(code: string, message: string, param: string | null = null): LineFault {
  return { code, message, param };
}
