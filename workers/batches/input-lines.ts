// The input of a batch as lines that can be run.

import type { StoredFile } from '#src/batches/file-store.ts';
import { type InputLine, type LinePlace, LineReader } from '#src/batches/line-reader.ts';
import { type BatchLine, isLineFault, readLine } from '#src/batches/read-line.ts';
import type { OpenLine } from '#src/batches/run-position.ts';
import { readPieces } from '#src/storage/blob-pieces.ts';
import type { BlobStore } from '#src/storage/blobs.ts';
import type { RunnableLine } from './line-runner.ts';

export function openLines(blobs: BlobStore, file: StoredFile, from: LinePlace, maxLineBytes: number): LineReader {
  return new LineReader((offset, length) => readPieces(blobs, file.pieces, offset, length), from, maxLineBytes);
}

/** The file was validated: a line that cannot be read now has been changed behind the broker's back. */
export function toRunnable(line: InputLine, endpoint: string): RunnableLine {
  const parsed = expectLine(line, endpoint);
  return { number: line.number, offset: line.offset, length: line.length, ...parsed };
}

/** One line by its place: for another try, or by a new owner of the batch. */
export async function loadLine(
  blobs: BlobStore,
  file: StoredFile,
  { number, offset, length }: OpenLine,
  endpoint: string,
): Promise<RunnableLine> {
  const bytes = await readPieces(blobs, file.pieces, offset, length);
  return { number, offset, length, ...expectLine({ number, bytes }, endpoint) };
}

function expectLine(line: { number: number; bytes: Buffer | null }, endpoint: string): BatchLine {
  const parsed = readLine(line, endpoint);
  if (isLineFault(parsed)) throw new Error(`line ${line.number} has changed since it was validated: ${parsed.message}`);
  return parsed;
}
