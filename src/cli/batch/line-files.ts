// JSONL files of any size: reading lines with their numbers, one in memory at a time; parsing a line and collecting what
// is wrong; writing lines with backpressure; temporary files.
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

export interface Line {
  /** 1-based, as an editor shows it. */
  number: number;
  /** Where it begins in the file. */
  offset: number;
  /** Without its line break; empty for an empty line. */
  bytes: Buffer;
  /** Longer than the limit: `bytes` is only its beginning. */
  isTooLong: boolean;
}

export const MAX_LINE_BYTES = 64 * 1024 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const PIECE_BYTES = 1024 * 1024;

/** A last line without a line break counts; an empty one after the last line break does not. */
export async function* readLines(path: string, maxLineBytes = MAX_LINE_BYTES): AsyncGenerator<Line> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let isTooLong = false;
  let number = 1;
  let offset = 0;

  function finish(lineBytes: number): Line {
    const whole = begun.length === 1 ? begun[0]! : Buffer.concat(begun);
    const hasReturn = whole.at(-1) === CARRIAGE_RETURN;
    const line = { number, offset, bytes: hasReturn ? whole.subarray(0, -1) : whole, isTooLong };
    number += 1;
    offset += lineBytes;
    begun = [];
    begunBytes = 0;
    isTooLong = false;
    return line;
  }

  for await (const read of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    const piece = read as Buffer;
    let from = 0;
    while (from < piece.length) {
      const feed = piece.indexOf(LINE_FEED, from);
      const part = piece.subarray(from, feed < 0 ? piece.length : feed);
      // Only the beginning of an overlong line is kept; its length is still counted.
      if (begunBytes + part.length > maxLineBytes) isTooLong = true;
      else begun.push(part);
      begunBytes += part.length;
      if (feed < 0) break;
      yield finish(begunBytes + 1);
      from = feed + 1;
    }
  }
  if (begunBytes > 0) yield finish(begunBytes);
}

export interface LineFault {
  /** 1-based; null for a fault of the file as a whole. */
  line: number | null;
  /** The same code as in `errors.data[]` of a failed batch, where OpenAI has one. */
  code: string;
  message: string;
}

export interface FaultList {
  add(line: number | null, code: string, message: string): void;
  /** The first ones, up to the limit. */
  readonly faults: readonly LineFault[];
  /** Number of all faults. */
  readonly count: number;
}

/** More than anyone reads; a file of the wrong format has a fault on each of a million lines. */
export const MAX_FAULTS = 50;

export function createFaultList(limit = MAX_FAULTS): FaultList {
  const faults: LineFault[] = [];
  let count = 0;
  return {
    add(line, code, message) {
      count += 1;
      if (faults.length < limit) faults.push({ line, code, message });
    },
    faults,
    get count() {
      return count;
    },
  };
}

/** `FILE:LINE: message`, which editors and terminals turn into a link. */
export function formatFaults(file: string, { faults, count }: Pick<FaultList, 'faults' | 'count'>): string {
  const lines = faults.map(({ line, message }) => `${file}${line === null ? '' : `:${line}`}: ${message}`);
  const rest = count - faults.length;
  return [...lines, ...(rest > 0 ? [`… and ${rest} more errors`] : [])].join('\n');
}

export type JsonObject = Record<string, unknown>;

/** The object on a line; null if there is none, after adding the fault. */
export function readObject(line: Line, faults: FaultList): JsonObject | null {
  const refuse = (message: string) => {
    faults.add(line.number, 'invalid_json_line', message);
    return null;
  };
  if (line.isTooLong) return refuse('is too long; each line must be one request');
  if (!isUtf8(line.bytes)) return refuse('is not UTF-8; save the file as UTF-8');
  if (line.bytes.length === 0) return refuse('is empty');
  let value: unknown;
  try {
    value = JSON.parse(line.bytes.toString());
  } catch (error) {
    return refuse(`is not JSON: ${(error as Error).message}`);
  }
  return isObject(value) ? value : refuse('is not a JSON object');
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface LineSink {
  /** Null while the buffer has room; otherwise await the promise before the next line. */
  write(text: string | Buffer): Promise<void> | null;
  close(): Promise<void>;
}

const BUFFER_BYTES = 1024 * 1024;

export function openLineSink(path: string): LineSink {
  const stream = createWriteStream(path, { highWaterMark: BUFFER_BYTES });
  let failure: Error | null = null;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write(text) {
      if (failure !== null) throw failure;
      return stream.write(text) ? null : once(stream, 'drain').then(() => undefined);
    },
    async close() {
      stream.end();
      await finished(stream);
    },
  };
}

const LINE_BREAK = Buffer.from('\n');

export async function appendLine(sink: LineSink, line: string | Buffer): Promise<void> {
  if (typeof line === 'string') return void (await sink.write(`${line}\n`));
  // Not awaited in between: the stream takes both in order.
  await Promise.all([sink.write(line), sink.write(LINE_BREAK)]);
}

/** A path in a new directory that only this user can read; removed when the process exits. */
export function temporaryFile(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-batch-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}
