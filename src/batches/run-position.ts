// How far a batch has come: the place where its reader stands and the lines that were handed out and have no result yet.
// Every other line before that place is done. It stays as small as the number of open lines, whatever the file's size.
import { FIRST_LINE, type LinePlace } from './line-reader.ts';

export interface OpenLine {
  number: number;
  offset: number;
  /** Bytes. */
  length: number;
}

export interface RunPosition {
  next: LinePlace;
  open: readonly OpenLine[];
}

export const START: RunPosition = Object.freeze({ next: FIRST_LINE, open: [] });

/** Written twice a second: each open line is three small numbers, its distances from the one before and its length. */
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
