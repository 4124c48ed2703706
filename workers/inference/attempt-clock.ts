// The deadlines of one provider call. One timer, set for the nearest deadline; activity only records a time.

import type { Deployment } from '#src/config/catalogue.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';

/** Milliseconds; null: no such limit. */
export interface SilenceLimits {
  firstByteMs: number | null;
  firstTokenMs: number | null;
  idleMs: number | null;
  totalMs: number;
}

export interface ClockLimits {
  timeouts: SilenceLimits;
  /** Unix ms: the client's own deadline. */
  deadlineAtMs: number;
}

/** Leaves time for another provider's answer within 45 s, after which users and failover checks give up. */
const STREAM_WITH_ALTERNATIVE_MS = 30_000;
/** No other provider can answer, so a thinking one gets more time; three such waits still end before the 300 s of Codex. */
const STREAM_ALONE_MS = 90_000;
/** An unstreamed answer sends nothing until it is complete; half of the default deadline is left for another provider. */
const WHOLE_WITH_ALTERNATIVE_MS = 300_000;

/** How long the provider may be silent: as configured, else depending on whether another provider could answer. */
export function silenceLimits(deployment: Deployment, isStream: boolean, hasAlternative: boolean): SilenceLimits {
  const { timeouts } = deployment.provider;
  const firstTokenMs = isStream && hasAlternative ? deployment.firstTokenMs : null;
  const usualMs = isStream
    ? hasAlternative
      ? STREAM_WITH_ALTERNATIVE_MS
      : STREAM_ALONE_MS
    : hasAlternative
      ? WHOLE_WITH_ALTERNATIVE_MS
      : null;
  // A longer limit for the first token also applies to the first byte.
  const beginMs = usualMs === null || !isStream ? usualMs : Math.max(usualMs, deployment.firstTokenMs ?? 0);
  return {
    firstByteMs: timeouts.firstByteMs ?? beginMs,
    firstTokenMs,
    idleMs: timeouts.idleMs ?? (isStream ? usualMs : null),
    totalMs: timeouts.totalMs,
  };
}

/** Usage was seen to arrive half a second after the last token; Gemini, which has no terminator, closes immediately. */
const COMPLETE_IDLE_MS = 5_000;

/** Most samples kept of a stream; a long stream has at least half as many. */
const MAX_SAMPLES = 16;
const FIRST_SAMPLE_MS = 200;

export type Expiry = { code: FailureCode; afterMs: number };

export class AttemptClock {
  readonly #limits: ClockLimits;
  readonly #onExpired: (expiry: Expiry) => void;
  readonly #startedAtMs: number;
  #lastActivityMs: number;
  #hasFirstByte = false;
  #hasFirstToken = false;
  #isPaused = false;
  #isComplete = false;
  #timer: NodeJS.Timeout;
  /** When the timer ends. */
  #checkAtMs = 0;
  #samples: [ms: number, tokens: number][] = [];
  #sampleEveryMs = FIRST_SAMPLE_MS;
  #nextSampleMs = 0;

  constructor(limits: ClockLimits, onExpired: (expiry: Expiry) => void) {
    this.#limits = limits;
    this.#onExpired = onExpired;
    this.#startedAtMs = Date.now();
    this.#lastActivityMs = this.#startedAtMs;
    this.#timer = this.#arm();
  }

  /** The answer has begun: from now on the idle limit applies instead of the first-byte limit. */
  firstByte(): void {
    this.#lastActivityMs = Date.now();
    if (this.#hasFirstByte) return;
    this.#hasFirstByte = true;
    this.#armEarlier();
  }

  /** The first content of the answer has arrived. */
  firstToken(): void {
    this.#hasFirstToken = true;
  }

  /** The answer is complete: what may still follow (usage, a terminator) is awaited only briefly. */
  complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#armEarlier();
  }

  activity(): void {
    this.#lastActivityMs = Date.now();
  }

  /**
   * Records how the answer grows, for its timeline: a few points over its whole duration. When there are too many, every other
   * point is dropped and the sampling interval doubles. Must be called after `activity`, whose time it uses.
   */
  sample(countTokens: () => number): void {
    const nowMs = this.#lastActivityMs;
    if (nowMs < this.#nextSampleMs) return;
    this.#nextSampleMs = nowMs + this.#sampleEveryMs;
    this.#samples.push([nowMs - this.#startedAtMs, countTokens()]);
    if (this.#samples.length < MAX_SAMPLES) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    this.#sampleEveryMs *= 2;
  }

  get samples(): readonly [ms: number, tokens: number][] {
    return this.#samples;
  }

  /** Reading from the provider is paused by this process: the time does not count as silence. */
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

  #nearest(): DueExpiry {
    const { timeouts, deadlineAtMs } = this.#limits;
    const startedAtMs = this.#startedAtMs;
    const { firstByteMs, firstTokenMs, totalMs } = timeouts;
    const nearest = this.#hasFirstByte
      ? expiry('upstream_idle_timeout', this.#isPaused ? Date.now() : this.#lastActivityMs, this.#idleMs())
      : expiry('upstream_first_byte_timeout', startedAtMs, firstByteMs);
    if (!this.#hasFirstToken) bringForward(nearest, 'upstream_first_token_timeout', startedAtMs, firstTokenMs);
    bringForward(nearest, 'upstream_total_timeout', startedAtMs, totalMs);
    bringForward(nearest, 'deadline_passed', startedAtMs, deadlineAtMs - startedAtMs);
    return nearest;
  }

  #idleMs(): number | null {
    const { idleMs } = this.#limits.timeouts;
    return this.#isComplete ? Math.min(idleMs ?? COMPLETE_IDLE_MS, COMPLETE_IDLE_MS) : idleMs;
  }

  #arm(): NodeJS.Timeout {
    const nowMs = Date.now();
    const waitMs = coarse(Math.max(0, this.#nearest().atMs - nowMs));
    this.#checkAtMs = nowMs + waitMs;
    return setTimeout(() => this.#check(), waitMs);
  }

  /** Only if a deadline is now before the next check, which otherwise finds the nearest one by itself. */
  #armEarlier(): void {
    if (this.#nearest().atMs >= this.#checkAtMs) return;
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  #check(): void {
    const { code, afterMs, atMs } = this.#nearest();
    if (atMs <= Date.now()) this.#onExpired({ code, afterMs });
    else this.#timer = this.#arm();
  }
}

type DueExpiry = Expiry & { atMs: number };

function expiry(code: FailureCode, fromMs: number, durationMs: number | null): DueExpiry {
  const afterMs = durationMs ?? Number.POSITIVE_INFINITY;
  return { code, afterMs, atMs: fromMs + afterMs };
}

/** Of two that are due at the same time, the first stays. */
function bringForward(nearest: DueExpiry, code: FailureCode, fromMs: number, durationMs: number | null): void {
  if (durationMs === null || fromMs + durationMs >= nearest.atMs) return;
  nearest.code = code;
  nearest.afterMs = durationMs;
  nearest.atMs = fromMs + durationMs;
}

const COARSE_MS = 500;

/**
 * Rounds long waits up to half a second, so that thousands of calls share few durations: Node keeps one list of timers per
 * duration, and finding the next of many lists took a twentieth of a worker's time.
 */
function coarse(waitMs: number): number {
  return waitMs < COARSE_MS * 20 ? waitMs : Math.ceil(waitMs / COARSE_MS) * COARSE_MS;
}
