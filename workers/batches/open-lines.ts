// Lines that were handed out and have no result: those that take room here, and those that a provider has.
import type { OpenLine } from '#src/batches/run-position.ts';

export class OpenLines {
  readonly #all = new Map<number, OpenLine>();
  /** Open, but nothing of them stands in Redis: a provider has them, or they wait to be started again. */
  readonly #parked = new Set<number>();
  /** In the order in which they came back. */
  readonly #returned = new Set<number>();
  #bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Those that need room. */
  get here(): number {
    return this.#all.size - this.#parked.size;
  }

  /** Of those that need room. */
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

  /** Returned lines that are started again: from now on they need room. */
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
