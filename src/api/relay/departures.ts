// What happens to a request whose client has disconnected, by its lifetime: cancelled at once, cancelled if nobody reconnects
// within the grace period, or left running.
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { RequestStore } from '../../reply/request-store.ts';

export interface Departures {
  /** Another client listens to the reply. The first one is counted on acceptance (accept.lua). */
  joined(spec: RequestSpec): void;
  /** A client no longer listens. `isOver`: because the reply has ended. */
  left(spec: RequestSpec, isOver: boolean): void;
  close(): void;
}

export interface DeparturesOptions {
  store: RequestStore;
  /** How long a resumable request waits for a client to reconnect. Milliseconds. */
  graceMs: number;
  cancel: (spec: RequestSpec) => void;
  onError: (error: Error) => void;
}

export function createDepartures({ store, graceMs, cancel, onError }: DeparturesOptions): Departures {
  const timers = new Set<NodeJS.Timeout>();

  /** Listeners of a process that died stay counted: such a request is completed without a listener, and kept. */
  async function cancelUnlessAwaited(spec: RequestSpec): Promise<void> {
    const view = await store.read(spec.requestId);
    if (view === null || view.state === 'done' || view.listeners > 0) return;
    cancel(spec);
  }

  async function leaveResumable(spec: RequestSpec, isOver: boolean): Promise<void> {
    const listeners = await store.changeListeners(spec.requestId, -1);
    if (isOver || listeners > 0) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      cancelUnlessAwaited(spec).catch(onError);
    }, graceMs);
    timers.add(timer);
  }

  return {
    joined(spec) {
      if (spec.lifetime === 'resumable') store.changeListeners(spec.requestId, 1).catch(onError);
    },
    left(spec, isOver) {
      if (spec.lifetime === 'resumable') leaveResumable(spec, isOver).catch(onError);
      else if (spec.lifetime === 'client' && !isOver) cancel(spec);
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
