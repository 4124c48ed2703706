// The requests that this process works on right now, and the means to stop one: its client went away, another delivery
// took it over, the process is shutting down.
import type { Failure } from '#src/contracts/failure.ts';
import type { AttemptSignal } from './run-attempt.ts';

/** Stops whatever the request is doing: waiting for a permit, backing off, calling a provider. First reason wins. */
export class Cancellation implements AttemptSignal {
  #failure: Failure | null = null;
  readonly #wakers = new Set<() => void>();
  onAbort: ((failure: Failure) => void) | null = null;

  get failure(): Failure | null {
    return this.#failure;
  }

  abort(failure: Failure): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    this.onAbort?.(failure);
    for (const wake of this.#wakers) wake();
  }

  /** Resolves after so long, or at once when the request is stopped. */
  sleep(durationMs: number): Promise<void> {
    if (this.#failure !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wakers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, durationMs);
      this.#wakers.add(wake);
    });
  }

  /** Called when the request is stopped; gives the means to forget it again. */
  onStop(listener: () => void): () => void {
    this.#wakers.add(listener);
    return () => this.#wakers.delete(listener);
  }
}

export interface ActiveRequests {
  has(requestId: string): boolean;
  /** Resolves with true as soon as nothing is done for the request, with false after so long. */
  whenFree(requestId: string, limitMs: number): Promise<boolean>;
  start(requestId: string): Cancellation;
  finish(requestId: string): void;
  /** False when this process does not work on it. */
  abort(requestId: string, failure: Failure): boolean;
  abortAll(failure: Failure): void;
  readonly size: number;
}

export function createActiveRequests(): ActiveRequests {
  const active = new Map<string, Cancellation>();
  /** Of requests that are active. */
  const waiting = new Map<string, () => void>();
  return {
    has: (requestId) => active.has(requestId),
    async whenFree(requestId, limitMs) {
      if (!active.has(requestId)) return true;
      // One is enough: a request has one job.
      if (waiting.has(requestId)) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        waiting.set(requestId, () => {
          clearTimeout(timer);
          resolve();
        });
      });
      waiting.delete(requestId);
      return !active.has(requestId);
    },
    start(requestId) {
      const cancellation = new Cancellation();
      active.set(requestId, cancellation);
      return cancellation;
    },
    finish(requestId) {
      active.delete(requestId);
      waiting.get(requestId)?.();
    },
    abort(requestId, failure) {
      const cancellation = active.get(requestId);
      cancellation?.abort(failure);
      return cancellation !== undefined;
    },
    abortAll(failure) {
      for (const cancellation of active.values()) cancellation.abort(failure);
    },
    get size() {
      return active.size;
    },
  };
}
