// The deadlines of one vendor call. One timer, set for the nearest of them; activity only writes down a time.

import type { Provider } from '#src/config/catalogue.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';

export interface ClockLimits {
  timeouts: Provider['timeouts'];
  /** Unix ms: the client's own deadline. */
  deadlineAtMs: number;
}

export type Expiry = { code: FailureCode; afterMs: number };

export class AttemptClock {
  readonly #limits: ClockLimits;
  readonly #onExpired: (expiry: Expiry) => void;
  readonly #startedAtMs: number;
  #lastActivityMs: number;
  #hasFirstByte = false;
  #isPaused = false;
  #timer: NodeJS.Timeout;

  constructor(limits: ClockLimits, onExpired: (expiry: Expiry) => void) {
    this.#limits = limits;
    this.#onExpired = onExpired;
    this.#startedAtMs = Date.now();
    this.#lastActivityMs = this.#startedAtMs;
    this.#timer = this.#arm();
  }

  /** The answer has begun: from now on silence is measured, not the wait for it. */
  firstByte(): void {
    this.#lastActivityMs = Date.now();
    if (this.#hasFirstByte) return;
    this.#hasFirstByte = true;
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  activity(): void {
    this.#lastActivityMs = Date.now();
  }

  /** Nothing is read from the vendor for a while, by our own will: that is no silence of its. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#lastActivityMs = Date.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #nearest(): Expiry & { atMs: number } {
    const { timeouts, deadlineAtMs } = this.#limits;
    const total = this.#expiry('upstream_total_timeout', this.#startedAtMs, timeouts.totalMs);
    const silence = this.#hasFirstByte
      ? this.#expiry('upstream_idle_timeout', this.#isPaused ? Date.now() : this.#lastActivityMs, timeouts.idleMs)
      : this.#expiry('upstream_first_byte_timeout', this.#startedAtMs, timeouts.firstByteMs);
    const deadline: Expiry & { atMs: number } = {
      code: 'deadline_passed',
      afterMs: deadlineAtMs - this.#startedAtMs,
      atMs: deadlineAtMs,
    };
    return [silence, total, deadline].reduce((first, next) => (next.atMs < first.atMs ? next : first));
  }

  #expiry(code: FailureCode, fromMs: number, durationMs: number) {
    return { code, afterMs: durationMs, atMs: fromMs + durationMs };
  }

  #arm(): NodeJS.Timeout {
    const waitMs = Math.max(0, this.#nearest().atMs - Date.now());
    return setTimeout(() => this.#check(), waitMs);
  }

  #check(): void {
    const { code, afterMs, atMs } = this.#nearest();
    if (atMs <= Date.now()) this.#onExpired({ code, afterMs });
    else this.#timer = this.#arm();
  }
}
