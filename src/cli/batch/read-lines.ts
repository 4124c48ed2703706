// A file's lines as bytes with their numbers, however large the file: at most one line is in memory.
import { createReadStream } from 'node:fs';

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

/** The last line counts also without a line break; an empty end does not. */
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
      // Of a line without end only the beginning is kept; its length is still counted.
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
