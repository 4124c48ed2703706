// A bucket that holds one minute's limit and refills all the time, as OpenAI describes its own: a burst of the whole
// limit is allowed after a rest, and up to twice the limit in the first minute.
import { WINDOW_MS } from './sliding-window.ts';

export class TokenBucket {
  readonly #capacity: number;
  #level: number;
  #atMs: number;

  constructor(capacity: number, nowMs: number) {
    this.#capacity = capacity;
    this.#level = capacity;
    this.#atMs = nowMs;
  }

  get #perMs(): number {
    return this.#capacity / WINDOW_MS;
  }

  level(nowMs: number): number {
    this.#level = Math.min(this.#capacity, this.#level + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    return this.#level;
  }

  /** May be negative, to give back; may leave less than nothing, when more was used than announced. */
  take(nowMs: number, amount: number): void {
    this.#level = Math.min(this.#capacity, this.level(nowMs) - amount);
  }

  /** Until so much is there. */
  waitMs(nowMs: number, amount: number): number {
    return Math.max(0, (amount - this.level(nowMs)) / this.#perMs);
  }

  fullInMs(nowMs: number): number {
    return this.waitMs(nowMs, this.#capacity);
  }
}
