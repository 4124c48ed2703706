// The requests that this process is working on, and the means to stop one: its client disconnected, another delivery took it
// over, or the process is shutting down.
import type { Failure } from '#src/contracts/failure.ts';
import type { AttemptSignal } from './run-attempt.ts';

/** Stops a request while it waits for a permit, backs off, or calls a provider. The first reason wins. */
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

  /** Resolves after this time, or immediately when the request is stopped. */
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

  /** Calls the listener when the request is stopped. Returns a function that removes the listener. */
  onStop(listener: () => void): () => void {
    this.#wakers.add(listener);
    return () => this.#wakers.delete(listener);
  }
}

export interface ActiveRequests {
  has(requestId: string): boolean;
  /** Resolves with true as soon as the request is not active, with false after the limit. */
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
  /** Callbacks of `whenFree`, by the id of the active request. */
  const waiting = new Map<string, () => void>();
  return {
    has: (requestId) => active.has(requestId),
    async whenFree(requestId, limitMs) {
      if (!active.has(requestId)) return true;
      // One waiter is enough: a request has one job.
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
