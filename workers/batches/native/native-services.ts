// What all batches of a process share to use providers' batch APIs, and when lines must be taken back from them.
import type { NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import { RateMeter } from '#src/batches/pacing.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import type { ChunkCredentials } from './chunk-credentials.ts';
import type { ProviderClient } from './provider-client.ts';

export interface NativeServices {
  chunks: NativeChunkStore;
  providers: ProviderClient;
  credentials: ChunkCredentials;
  /** An operator holds the deployment: nothing is submitted. */
  isHeld(deployment: Deployment): boolean;
  rate: OrdinaryRate;
  /** Bounds memory: one chunk at a time is encoded and sent. */
  submissions: Turns;
}

const NOTE_MS = 250;

/** How many lines a second ordinary requests can do: decides when lines must be taken back from a provider. */
export class OrdinaryRate {
  readonly #assumed: number;
  readonly #meter = new RateMeter();
  #done = 0;
  #best = 0;
  #notedAtMs = 0;

  /** @param assumed lines a second, until a higher rate is measured: a few lines do not show what is possible. */
  constructor(assumed: number) {
    this.#assumed = assumed;
  }

  /** A line got its result by an ordinary request of this process. */
  note(nowMs = Date.now()): void {
    this.#done += 1;
    if (nowMs - this.#notedAtMs < NOTE_MS) return;
    this.#notedAtMs = nowMs;
    this.#meter.note(this.#done, nowMs);
    this.#best = Math.max(this.#best, this.#meter.rate ?? 0);
  }

  /** Lines a second, within the limits of the deployment and its provider. */
  of(deployment: Pick<Deployment, 'scope' | 'provider'> | null): number {
    const scopes = deployment === null ? [] : [deployment.scope, deployment.provider.scope];
    const limits = scopes.map(({ limits: { requestsPerMinute } }) => requestsPerMinute);
    const perSecond = limits.map((perMinute) => (perMinute ?? Number.POSITIVE_INFINITY) / 60);
    return Math.min(Math.max(this.#assumed, this.#best), ...perSecond);
  }
}

/** For errors of the estimate; the end of a batch is also slower than its middle. */
const SAFETY = 1.5;
/** Time to take lines back and start them again. */
const HANDOVER_MS = 2_000;

interface RecallInput {
  deadlineAtMs: number;
  /** Lines without a result. */
  remaining: number;
  linesPerSecond: number;
  /** How long the provider may take to cancel. */
  cancelMs: number;
}

/** Unix ms from which ordinary requests need all the remaining time. */
export function lastCallMs({ deadlineAtMs, remaining, linesPerSecond }: Omit<RecallInput, 'cancelMs'>): number {
  return deadlineAtMs - HANDOVER_MS - Math.ceil((remaining / linesPerSecond) * 1_000 * SAFETY);
}

/** Unix ms at which the provider must be asked to cancel. */
export function recallAtMs(input: RecallInput): number {
  return lastCallMs(input) - input.cancelMs;
}

/** Runs one task after the other, in the order in which they came. */
interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const turn = last.then(work);
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
