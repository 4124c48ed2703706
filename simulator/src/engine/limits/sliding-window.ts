// Amounts of the last sixty seconds, exact to the entry: no sixty seconds anywhere hold more than the limit. This is the
// strictest reading of "per minute", so callers that keep within it keep within every provider's.

export const WINDOW_MS = 60_000;
/** 17,000 calls a second for a minute; beyond it the oldest entries are dropped early. */
const MAX_ENTRIES = 1 << 20;
const FIRST_ENTRIES = 1 << 10;

export class SlidingWindow {
  /** A ring of entries; an entry's number, counted from the start of time, finds its slot. */
  #times = new Float64Array(FIRST_ENTRIES);
  #amounts = new Float64Array(FIRST_ENTRIES);
  #oldest = 0;
  #next = 0;
  #total = 0;

  /** Gives the entry's number, for a later correction. Times must not go backwards. */
  add(nowMs: number, amount: number): number {
    this.#expire(nowMs);
    if (this.#next - this.#oldest === this.#times.length) this.#makeRoom();
    const slot = this.#next & (this.#times.length - 1);
    this.#times[slot] = nowMs;
    this.#amounts[slot] = amount;
    this.#total += amount;
    return this.#next++;
  }

  /** Sets the actual amount of an entry; no effect if it has left the window. */
  correct(entry: number, amount: number): void {
    if (entry < this.#oldest) return;
    const slot = entry & (this.#times.length - 1);
    this.#total += amount - this.#amounts[slot]!;
    this.#amounts[slot] = amount;
  }

  total(nowMs: number): number {
    this.#expire(nowMs);
    return this.#total;
  }

  /** Time until the total is at most `most`. */
  waitMs(nowMs: number, most: number): number {
    this.#expire(nowMs);
    let total = this.#total;
    for (let entry = this.#oldest; entry < this.#next; entry++) {
      if (total <= most) break;
      const slot = entry & (this.#times.length - 1);
      total -= this.#amounts[slot]!;
      if (total <= most) return this.#times[slot]! + WINDOW_MS - nowMs;
    }
    return 0;
  }

  /** Time until the window is empty. */
  emptyInMs(nowMs: number): number {
    this.#expire(nowMs);
    if (this.#oldest === this.#next) return 0;
    return this.#times[(this.#next - 1) & (this.#times.length - 1)]! + WINDOW_MS - nowMs;
  }

  #expire(nowMs: number): void {
    const from = nowMs - WINDOW_MS;
    const mask = this.#times.length - 1;
    while (this.#oldest < this.#next && this.#times[this.#oldest & mask]! <= from) this.#dropOldest();
  }

  #dropOldest(): void {
    this.#total -= this.#amounts[this.#oldest & (this.#times.length - 1)]!;
    this.#oldest += 1;
  }

  #makeRoom(): void {
    if (this.#times.length === MAX_ENTRIES) return this.#dropOldest();
    const times = new Float64Array(this.#times.length * 2);
    const amounts = new Float64Array(times.length);
    for (let entry = this.#oldest; entry < this.#next; entry++) {
      const from = entry & (this.#times.length - 1);
      times[entry & (times.length - 1)] = this.#times[from]!;
      amounts[entry & (times.length - 1)] = this.#amounts[from]!;
    }
    this.#times = times;
    this.#amounts = amounts;
  }
}
