// Where files live: on the local disk by default, in S3-compatible object storage where several machines must see them.
// Names are the broker's own (ids), never a client's.
import type { Readable } from 'node:stream';

/** One blob, or the beginning of one: what lies behind `bytes` is not part of it (somebody died while writing). */
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
  /** Resolves when the bytes will survive a crash of the machine, with every piece that this appender has written. */
  append(bytes: readonly Buffer[]): Promise<BlobPiece[]>;
  close(): Promise<void>;
}

export interface BlobStore {
  /** Names the place. A blob can only be read by processes whose store has the same id. */
  readonly id: string;
  /** How much is worth one append, and how long it may be gathered for. */
  readonly appendPolicy: { bytes: number; intervalMs: number };
  /**
   * Writes a blob whole or not at all: when the source fails or is longer than `maxBytes` nothing is left. Rejects with
   * BlobTooLarge for the latter.
   */
  write(key: string, source: AsyncIterable<Buffer>, maxBytes: number): Promise<WrittenBlob>;
  /** For one writer and once per key: an appender that takes over from a dead one has a key of its own. */
  openAppender(key: string): BlobAppender;
  /** Up to `length` bytes from `offset`, fewer only at the end. */
  read(key: string, offset: number, length: number): Promise<Buffer>;
  /** The bytes from `offset` to before `end`. */
  stream(key: string, offset: number, end: number): Promise<Readable>;
  /** Everything that is there, what is being written too. */
  list(): AsyncIterable<ListedBlob>;
  /** A key that is not there is fine. */
  delete(keys: readonly string[]): Promise<void>;
  close(): void;
}

export class BlobTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`larger than ${maxBytes} bytes`);
    this.name = 'BlobTooLarge';
  }
}
