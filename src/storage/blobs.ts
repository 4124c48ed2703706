// The interface of blob stores: the local disk by default, S3-compatible object storage for several machines. Keys are the
// broker's ids, never a client's names.
import { Readable } from 'node:stream';

/** One blob, or the beginning of one: bytes after `bytes` are not part of it (their writer died before committing). */
export interface BlobPiece {
  key: string;
  bytes: number;
}

export interface WrittenBlob {
  bytes: number;
  /** Hex. */
  sha256: string;
}

export interface ListedBlob {
  key: string;
  /** Unix ms. */
  changedAtMs: number;
}

export interface BlobAppender {
  /** Resolves when the bytes survive a crash of the machine; returns every piece that this appender has written. */
  append(bytes: readonly Buffer[]): Promise<BlobPiece[]>;
  close(): Promise<void>;
}

export interface BlobStore {
  /** Identifies the storage: only processes whose store has the same id can read its blobs. */
  readonly id: string;
  /** How many bytes, or how long, to gather before an append. */
  readonly appendPolicy: { bytes: number; intervalMs: number };
  /**
   * Writes a blob completely or not at all: nothing is left if the source fails or is longer than `maxBytes`. Rejects with
   * BlobTooLarge for the latter.
   */
  write(key: string, source: AsyncIterable<Buffer>, maxBytes: number): Promise<WrittenBlob>;
  /** For one writer and once per key: a writer that takes over from a dead one uses another key. */
  openAppender(key: string): BlobAppender;
  /** Up to `length` bytes from `offset`, fewer only at the end. */
  read(key: string, offset: number, length: number): Promise<Buffer>;
  /** The bytes from `offset` to before `end`. */
  stream(key: string, offset: number, end: number): Promise<Readable>;
  /** All blobs, those that are being written included. */
  list(): AsyncIterable<ListedBlob>;
  /** Missing keys are ignored. */
  delete(keys: readonly string[]): Promise<void>;
  close(): void;
}

export class BlobTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`larger than ${maxBytes} bytes`);
    this.name = 'BlobTooLarge';
  }
}

/** A file is a list of pieces, one after the other: uploads have one, result files may have several. */
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

/** The bytes from `offset` to before `end`, with one chunk in memory at a time. */
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
