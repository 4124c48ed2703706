// How many lines a second ordinary calls would manage: what decides when lines must be taken back from a provider.
import { RateMeter } from '#src/batches/forecast.ts';
import type { Deployment } from '#src/config/catalogue.ts';

const NOTE_MS = 250;

export class OrdinaryRate {
  readonly #assumed: number;
  readonly #meter = new RateMeter();
  #done = 0;
  #best = 0;
  #notedAtMs = 0;

  /** @param assumed lines a second, until more were measured: a trickle of lines says nothing of what would be possible. */
  constructor(assumed: number) {
    this.#assumed = assumed;
  }

  /** A line has got its result by an ordinary call of this process. */
  note(nowMs = Date.now()): void {
    this.#done += 1;
    if (nowMs - this.#notedAtMs < NOTE_MS) return;
    this.#notedAtMs = nowMs;
    this.#meter.note(this.#done, nowMs);
    this.#best = Math.max(this.#best, this.#meter.rate ?? 0);
  }

  /** Lines a second, within what the deployment's own limits allow. */
  of(deployment: Pick<Deployment, 'scope' | 'provider'> | null): number {
    const scopes = deployment === null ? [] : [deployment.scope, deployment.provider.scope];
    const limits = scopes.map(({ limits: { requestsPerMinute } }) => requestsPerMinute);
    const perSecond = limits.map((perMinute) => (perMinute ?? Number.POSITIVE_INFINITY) / 60);
    return Math.min(Math.max(this.#assumed, this.#best), ...perSecond);
  }
}

/** Estimates err, and the end of a batch is slower than its middle. */
const SAFETY = 1.5;
/** Taking lines back and starting them again. */
const HANDOVER_MS = 2_000;

export interface RecallInput {
  deadlineAtMs: number;
  /** Lines without a result. */
  remaining: number;
  linesPerSecond: number;
  /** How long the provider may take to cancel. */
  cancelMs: number;
}

/** Unix ms from which ordinary calls need all the time that is left. */
export function lastCallMs({ deadlineAtMs, remaining, linesPerSecond }: Omit<RecallInput, 'cancelMs'>): number {
  return deadlineAtMs - HANDOVER_MS - Math.ceil((remaining / linesPerSecond) * 1_000 * SAFETY);
}

/** Unix ms at which the provider must be told to cancel. */
export function recallAtMs(input: RecallInput): number {
  return lastCallMs(input) - input.cancelMs;
}
