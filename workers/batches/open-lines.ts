// The lines of a batch that are in flight, and how they are read from its input.

import type { StoredFile } from '#src/batches/file-store.ts';
import {
  type BatchLine,
  type InputLine,
  isLineFault,
  type LinePlace,
  LineReader,
  type OpenLine,
  readLine,
} from '#src/batches/input-lines.ts';
import { type BlobStore, readPieces } from '#src/storage/blobs.ts';
import type { RunnableLine } from './line-runner.ts';

export class OpenLines {
  readonly #all = new Map<number, OpenLine>();
  /** In a provider's own batch, or back from it and not restarted yet: they use no slot and no Redis memory. */
  readonly #parked = new Set<number>();
  /** Parked lines to start again, in the order in which they came back. */
  readonly #returned = new Set<number>();
  #bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Lines that use a slot. */
  get here(): number {
    return this.#all.size - this.#parked.size;
  }

  /** Of the lines that use a slot. */
  get bytes(): number {
    return this.#bytes;
  }

  add({ number, offset, length }: OpenLine): void {
    this.#all.set(number, { number, offset, length });
    this.#bytes += length;
  }

  /** False when it was not open. */
  remove(number: number): boolean {
    const line = this.#all.get(number);
    if (line === undefined) return false;
    this.#all.delete(number);
    this.#returned.delete(number);
    if (!this.#parked.delete(number)) this.#bytes -= line.length;
    return true;
  }

  park(numbers: readonly number[]): void {
    for (const number of numbers) {
      const line = this.#all.get(number);
      if (line === undefined || this.#parked.has(number)) continue;
      this.#parked.add(number);
      this.#bytes -= line.length;
    }
  }

  return(numbers: readonly number[]): void {
    for (const number of numbers) if (this.#parked.has(number)) this.#returned.add(number);
  }

  /** Takes returned lines to start again: from now on they use a slot. */
  takeReturned(limit: number): OpenLine[] {
    const lines: OpenLine[] = [];
    for (const number of this.#returned) {
      if (lines.length >= limit) break;
      const line = this.#all.get(number)!;
      this.#returned.delete(number);
      this.#parked.delete(number);
      this.#bytes += line.length;
      lines.push(line);
    }
    return lines;
  }

  list(): OpenLine[] {
    return [...this.#all.values()];
  }
}

export function openInput(blobs: BlobStore, file: StoredFile, from: LinePlace, maxLineBytes: number): LineReader {
  return new LineReader((offset, length) => readPieces(blobs, file.pieces, offset, length), from, maxLineBytes);
}

/** The file was validated: if a line cannot be read now, the stored file was changed. */
export function toRunnable(line: InputLine, endpoint: string): RunnableLine {
  const parsed = expectLine(line, endpoint);
  return { number: line.number, offset: line.offset, length: line.length, ...parsed };
}

/** Reads one line again: for a retry, or for a new owner of the batch. */
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
