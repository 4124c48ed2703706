// One limit per minute, of requests or of tokens, in either style. It also measures without a limit, for the peaks in the
// records.
import type { Refusal } from '../refusal.ts';
import { SlidingWindow, WINDOW_MS } from './sliding-window.ts';

export type LimitStyle = 'window' | 'bucket';

/** One limit as response headers announce it. */
export interface Allowance {
  limit: number;
  remaining: number;
  /** Time until the whole limit is available again. */
  resetMs: number;
}

export class RateMeter {
  readonly #thing: 'requests' | 'tokens';
  readonly #window = new SlidingWindow();
  #limit: number | null = null;
  #style: LimitStyle = 'window';
  /** Set only in the bucket style, and only with a limit. */
  #bucket: TokenBucket | null = null;
  #peak = 0;

  constructor(thing: 'requests' | 'tokens') {
    this.#thing = thing;
  }

  /** A new bucket is full; the window keeps past use. */
  change(limit: number | null, style: LimitStyle, nowMs: number): void {
    if (limit === this.#limit && style === this.#style) return;
    this.#limit = limit;
    this.#style = style;
    this.#bucket = style === 'bucket' && limit !== null ? new TokenBucket(limit, nowMs) : null;
  }

  /** Why this amount may not be used now; null if it may. */
  refuse(nowMs: number, amount: number): Refusal | null {
    const limit = this.#limit;
    if (limit === null) return null;
    if (amount > limit) return { kind: 'exceeds_limit', limit, requested: amount };
    const used = this.#used(nowMs, limit);
    if (used + amount <= limit) return null;
    const waitMs = this.#bucket?.waitMs(nowMs, amount) ?? this.#window.waitMs(nowMs, limit - amount);
    return {
      kind: 'rate_limited',
      thing: this.#thing,
      limit,
      used: Math.ceil(used),
      requested: amount,
      retryAfterMs: Math.ceil(waitMs),
      hint: 'both',
    };
  }

  /** Returns the number of the entry, for a later correction. */
  take(nowMs: number, amount: number): number {
    this.#bucket?.take(nowMs, amount);
    const entry = this.#window.add(nowMs, amount);
    this.#peak = Math.max(this.#peak, this.#window.total(nowMs));
    return entry;
  }

  correct(nowMs: number, entry: number, taken: number, used: number): void {
    this.#window.correct(entry, used);
    this.#bucket?.take(nowMs, used - taken);
  }

  allowance(nowMs: number): Allowance | null {
    const limit = this.#limit;
    if (limit === null) return null;
    const remaining = Math.max(0, Math.floor(limit - this.#used(nowMs, limit)));
    return { limit, remaining, resetMs: this.#bucket?.fullInMs(nowMs) ?? this.#window.emptyInMs(nowMs) };
  }

  /** The largest total of any sixty seconds, as counted when calls began. */
  get peak(): number {
    return this.#peak;
  }

  /** Resets the peak; current use still counts. */
  clearPeak(): void {
    this.#peak = 0;
  }

  #used(nowMs: number, limit: number): number {
    return this.#bucket === null ? this.#window.total(nowMs) : limit - this.#bucket.level(nowMs);
  }
}

// A token bucket that holds one minute's limit and refills continuously, as OpenAI describes its own: a burst of the whole
// limit is allowed after a rest, and up to twice the limit in the first minute.

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

  /** A negative amount is returned to the bucket. The level may become negative if more was used than announced. */
  take(nowMs: number, amount: number): void {
    this.#level = Math.min(this.#capacity, this.level(nowMs) - amount);
  }

  /** Time until this amount is available. */
  waitMs(nowMs: number, amount: number): number {
    return Math.max(0, (amount - this.level(nowMs)) / this.#perMs);
  }

  fullInMs(nowMs: number): number {
    return this.waitMs(nowMs, this.#capacity);
  }
}
