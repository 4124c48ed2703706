// Counts of what happened, and a way to wait for it: tests wait for a count, never for a time.
import type { AdmissionPeaks } from '../limits/admission.ts';
import type { RefusalKind } from '../refusal.ts';
import type { Outcome } from './bill.ts';

export interface Tally {
  /** Calls that were read far enough to name a model. */
  calls: number;
  /** The same for batch lines, which are not included in `calls`. */
  batchLines: number;
  inFlight: number;
  /** Streams whose first token has gone out and that have not ended. */
  openStreams: number;
  /** Outcomes of the calls that were answered. */
  outcomes: Record<Outcome, number>;
  /** Errors by kind, those of faults included. */
  refusals: Partial<Record<RefusalKind, number>>;
  /** 429s by the simulator's own limits, without those from faults. */
  rateLimited: number;
  faults: Record<string, number>;
  /** Tokens sent, those of broken answers included. */
  outputTokens: number;
  peaks: AdmissionPeaks;
}

export type Counts = Omit<Tally, 'inFlight' | 'peaks'>;

export function createCounts(openStreams = 0): Counts {
  return {
    calls: 0,
    batchLines: 0,
    openStreams,
    outcomes: { completed: 0, broken: 0, aborted: 0 },
    refusals: {},
    rateLimited: 0,
    faults: {},
    outputTokens: 0,
  };
}

interface Waiter {
  isMet(tally: Tally): boolean;
  resolve(tally: Tally): void;
  reject(error: Error): void;
}

/** Code that changes a count calls `changed`. */
export class TallyWatch {
  readonly #read: () => Tally;
  readonly #waiters = new Set<Waiter>();

  constructor(read: () => Tally) {
    this.#read = read;
  }

  changed(): void {
    if (this.#waiters.size === 0) return;
    const tally = this.#read();
    for (const waiter of this.#waiters) {
      if (!waiter.isMet(tally)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(tally);
    }
  }

  /** Resolves as soon as the condition is met; rejects with the last counts after `timeoutMs`. */
  until(isMet: (tally: Tally) => boolean, timeoutMs: number): Promise<Tally> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { isMet, resolve, reject };
      const timer = setTimeout(() => this.#giveUp(waiter, 'did not reach this state in time'), timeoutMs);
      waiter.resolve = (tally) => {
        clearTimeout(timer);
        resolve(tally);
      };
      waiter.reject = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#waiters.add(waiter);
      this.changed();
    });
  }

  /** Rejects all waits, because nothing will change any more. */
  close(): void {
    for (const waiter of this.#waiters) this.#giveUp(waiter, 'was closed before it reached this state');
  }

  #giveUp(waiter: Waiter, why: string): void {
    this.#waiters.delete(waiter);
    waiter.reject(new Error(`the simulator ${why}; it is at ${JSON.stringify(this.#read())}`));
  }
}
