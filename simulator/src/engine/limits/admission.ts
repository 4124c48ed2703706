// The simulator's own limits: requests and tokens per minute, and calls at once. Tokens are counted when a call begins, as
// far as they can be known, and corrected when it has ended. Calls that the limits refuse are not counted against them;
// calls that fail later are, as at OpenAI.

import type { Refusal } from '../refusal.ts';
import { type Allowance, type LimitStyle, RateMeter } from './rate-meter.ts';

/** Null: no limit. */
export interface AdmissionLimits {
  rpm: number | null;
  tpm: number | null;
  concurrency: number | null;
  limitStyle: LimitStyle;
}

export interface Ticket {
  tokens: number;
  entry: number;
}

/** Null if there is no limit. */
export interface Allowances {
  requests: Allowance | null;
  tokens: Allowance | null;
}

export interface AdmissionPeaks {
  /** Most calls admitted in any sixty seconds. */
  requestsPerMinute: number;
  /** The same for tokens, as counted when calls begin. */
  tokensPerMinute: number;
  inFlight: number;
}

/** Wait announced to callers over the concurrency limit, since it is unknown when the next call ends. */
const CONCURRENCY_RETRY_MS = 1_000;

export class Admission {
  readonly #now: () => number;
  readonly #requests = new RateMeter('requests');
  readonly #tokens = new RateMeter('tokens');
  #concurrency: number | null = null;
  #inFlight = 0;
  #peakInFlight = 0;

  constructor(limits: AdmissionLimits, now: () => number) {
    this.#now = now;
    this.change(limits);
  }

  change({ rpm, tpm, concurrency, limitStyle }: AdmissionLimits): void {
    const nowMs = this.#now();
    this.#requests.change(rpm, limitStyle, nowMs);
    this.#tokens.change(tpm, limitStyle, nowMs);
    this.#concurrency = concurrency;
  }

  /** Every ticket must be settled exactly once. */
  admit(tokens: number): Ticket | Refusal {
    const nowMs = this.#now();
    const refusal = this.#refuseConcurrency() ?? this.#requests.refuse(nowMs, 1) ?? this.#tokens.refuse(nowMs, tokens);
    if (refusal !== null) return refusal;
    this.#requests.take(nowMs, 1);
    const entry = this.#tokens.take(nowMs, tokens);
    this.#inFlight += 1;
    this.#peakInFlight = Math.max(this.#peakInFlight, this.#inFlight);
    return { tokens, entry };
  }

  settle({ entry, tokens }: Ticket, usedTokens: number): void {
    this.#inFlight -= 1;
    this.#tokens.correct(this.#now(), entry, tokens, usedTokens);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get peaks(): AdmissionPeaks {
    return {
      requestsPerMinute: this.#requests.peak,
      tokensPerMinute: this.#tokens.peak,
      inFlight: this.#peakInFlight,
    };
  }

  clearPeaks(): void {
    this.#requests.clearPeak();
    this.#tokens.clearPeak();
    this.#peakInFlight = this.#inFlight;
  }

  allowances(): Allowances {
    const nowMs = this.#now();
    return { requests: this.#requests.allowance(nowMs), tokens: this.#tokens.allowance(nowMs) };
  }

  #refuseConcurrency(): Refusal | null {
    const limit = this.#concurrency;
    if (limit === null || this.#inFlight < limit) return null;
    return {
      kind: 'rate_limited',
      thing: 'concurrency',
      limit,
      used: this.#inFlight,
      requested: 1,
      retryAfterMs: CONCURRENCY_RETRY_MS,
      hint: 'both',
    };
  }
}

export function isTicket(admitted: Ticket | Refusal): admitted is Ticket {
  return 'entry' in admitted;
}
