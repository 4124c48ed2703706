// A file is a list of pieces, one after the other: an upload is one piece, what was appended to is several.
import { Readable } from 'node:stream';
import type { BlobPiece, BlobStore } from './blobs.ts';

export function totalBytes(pieces: readonly BlobPiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.bytes, 0);
}

/** Up to `length` bytes from `offset`, fewer only at the end. */
export async function readPieces(
  store: BlobStore,
  pieces: readonly BlobPiece[],
  offset: number,
  length: number,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const range of rangesOf(pieces, offset, offset + length)) {
    parts.push(await store.read(range.key, range.from, range.to - range.from));
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** The bytes from `offset` to before `end`, never more in memory than a chunk. */
export function streamPieces(
  store: BlobStore,
  pieces: readonly BlobPiece[],
  offset = 0,
  end = totalBytes(pieces),
): Readable {
  async function* chunks() {
    for (const range of rangesOf(pieces, offset, end)) yield* await store.stream(range.key, range.from, range.to);
  }
  return Readable.from(chunks(), { objectMode: false });
}

function rangesOf(pieces: readonly BlobPiece[], offset: number, end: number) {
  const ranges: { key: string; from: number; to: number }[] = [];
  let start = 0;
  for (const { key, bytes } of pieces) {
    const from = Math.max(offset - start, 0);
    const to = Math.min(end - start, bytes);
    if (from < to) ranges.push({ key, from, to });
    start += bytes;
  }
  return ranges;
}
