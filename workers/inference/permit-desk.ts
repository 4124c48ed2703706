// Where the requests of this process wait for a permit. Per queue (one deployment, one lane) only the first in queue asks
// Redis, so a thousand waiting requests cost one script call per interval and not a thousand. Over processes the
// limiter keeps the order (permit.lua), here the queue does: by time of acceptance.
//
// A request that would wait longer than its patience is told so and leaves: its job goes back to the queue or to another
// deployment. Its turn is its time of acceptance, so it loses nothing by leaving.
import type { Scope } from '#src/contracts/scope.ts';
import type { DenialReason, Limiter, Permit, PermitDecision, PermitRequest } from '#src/limits/limiter.ts';
import type { Cancellation } from './active-requests.ts';

export type PermitOutcome =
  | { kind: 'granted'; permit: Permit }
  /** No permit within the patience; `waitMs` is when one can be expected. */
  | { kind: 'too-long'; waitMs: number; reason: DenialReason; scope: Scope }
  /** The cancellation fired while waiting. */
  | { kind: 'stopped' };

export interface PermitDesk {
  /** @param queue waiting order is kept within one queue. @param patienceMs longest wait that is worth holding a slot. */
  acquire(
    queue: string,
    request: PermitRequest,
    patienceMs: number,
    cancellation: Cancellation,
  ): Promise<PermitOutcome>;
  /**
   * @param message a scope's name: a permit of it came free, a request that waits for one may ask again at once. With a request
   * id behind it, on a line of its own: that one's turn has come (permit.lua).
   */
  notifyFreed(message: string): void;
}

/** A first in queue is seen by the limiter at least this often, or others pass it (PRESENCE_MS in permit.lua). */
const ASK_AT_LEAST_EVERY_MS = 1_000;
const ASK_AGAIN_AFTER_ERROR_MS = 250;

interface Waiter {
  request: PermitRequest;
  patienceUntilMs: number;
  resolve: (outcome: PermitOutcome) => void;
  forget: () => void;
  /** It may stand in a room of the limiter: it must leave, or those behind it wait until it is taken for gone. */
  hasAsked: boolean;
}

interface WaitQueue {
  waiters: Waiter[];
  isServing: boolean;
  /** Wakes the queue's loop from its sleep. */
  wake: (() => void) | null;
  blockedScope: string | null;
}

export function createPermitDesk(limiter: Limiter, onError: (error: Error) => void): PermitDesk {
  const queues = new Map<string, WaitQueue>();

  /** Redis may refuse a script (out of memory, a failover): that is a wait like any other. */
  async function ask(request: PermitRequest): Promise<PermitDecision> {
    try {
      return await limiter.acquire(request);
    } catch (error) {
      onError(error as Error);
      return {
        kind: 'denied',
        waitMs: ASK_AGAIN_AFTER_ERROR_MS,
        spacingMs: 0,
        reason: 'blocked',
        scope: request.scopes[0]!,
        ahead: 0,
      };
    }
  }

  async function serve(name: string, queue: WaitQueue): Promise<void> {
    while (queue.waiters.length > 0) {
      const first = queue.waiters[0]!;
      first.hasAsked = true;
      const decision = await ask(first.request);
      if (decision.kind === 'granted') {
        settleGranted(queue, first, decision.permit);
        continue;
      }
      // It was stopped while it asked: the limiter's answer has put it into the room again.
      if (!queue.waiters.includes(first)) leave(first);
      dismissImpatient(queue, decision);
      if (queue.waiters.length === 0) break;
      queue.blockedScope = decision.scope.name;
      await nap(queue, Math.min(decision.waitMs, ASK_AT_LEAST_EVERY_MS));
      queue.blockedScope = null;
    }
    queue.isServing = false;
    if (queue.waiters.length === 0) queues.delete(name);
  }

  function settleGranted(queue: WaitQueue, waiter: Waiter, permit: Permit): void {
    const index = queue.waiters.indexOf(waiter);
    if (index < 0) {
      // It was stopped while the limiter said yes: the permit must not leak.
      limiter.settle(permit, { usedTokens: 0, entry: null }).catch(onError);
      return;
    }
    queue.waiters.splice(index, 1);
    waiter.forget();
    waiter.resolve({ kind: 'granted', permit });
  }

  function leave({ request, hasAsked }: Waiter): void {
    if (hasAsked) limiter.leave(request.requestId, request.scopes).catch(onError);
  }

  /** Tells everyone whose turn comes after the end of their patience. */
  function dismissImpatient(queue: WaitQueue, denial: Extract<PermitDecision, { kind: 'denied' }>): void {
    const { waitMs, spacingMs, reason, scope } = denial;
    const now = Date.now();
    queue.waiters = queue.waiters.filter((waiter, place) => {
      const expectedMs = waitMs + place * spacingMs;
      if (now + expectedMs <= waiter.patienceUntilMs) return true;
      waiter.forget();
      waiter.resolve({ kind: 'too-long', waitMs: expectedMs, reason, scope });
      leave(waiter);
      return false;
    });
  }

  function join(name: string, waiter: Waiter): void {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = { waiters: [], isServing: false, wake: null, blockedScope: null };
      queues.set(name, queue);
    }
    const place = queue.waiters.findIndex((other) => other.request.acceptedAtMs > waiter.request.acceptedAtMs);
    if (place < 0) queue.waiters.push(waiter);
    else queue.waiters.splice(place, 0, waiter);
    if (!queue.isServing) {
      queue.isServing = true;
      void serve(name, queue);
    }
  }

  function stop(name: string, waiter: Waiter): void {
    const queue = queues.get(name);
    const index = queue?.waiters.indexOf(waiter) ?? -1;
    if (queue === undefined || index < 0) return;
    queue.waiters.splice(index, 1);
    leave(waiter);
    waiter.resolve({ kind: 'stopped' });
    queue.wake?.();
  }

  return {
    async acquire(name, request, patienceMs, cancellation) {
      if (cancellation.failure !== null) return { kind: 'stopped' };
      const patienceUntilMs = Date.now() + patienceMs;
      const hasAsked = !queues.has(name);
      if (hasAsked) {
        const decision = await ask(request);
        if (decision.kind === 'granted') return decision;
      }
      return new Promise<PermitOutcome>((resolve) => {
        const waiter: Waiter = { request, patienceUntilMs, resolve, forget: () => undefined, hasAsked };
        waiter.forget = cancellation.onStop(() => stop(name, waiter));
        if (cancellation.failure === null) return join(name, waiter);
        leave(waiter);
        resolve({ kind: 'stopped' });
      });
    },
    notifyFreed(message) {
      const [scopeName, requestId] = message.split('\n');
      for (const queue of queues.values()) {
        if (queue.blockedScope !== scopeName) continue;
        if (requestId === undefined || queue.waiters[0]?.request.requestId === requestId) queue.wake?.();
      }
    },
  };
}

function nap(queue: WaitQueue, durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      queue.wake = null;
      resolve();
    };
    const timer = setTimeout(wake, durationMs);
    queue.wake = wake;
  });
}
