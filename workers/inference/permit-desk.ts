// Where the requests of this process wait for a permit. Per queue (one deployment, one lane) only the first request asks Redis,
// so a thousand waiting requests cost one script call per interval, not a thousand. Between processes the limiter keeps the order
// (permit.lua); within this one the queue does, and keys take turns (src/limits/fair-order.ts). A key at its own limit, or beyond
// its share of a window, is skipped meanwhile.
//
// A request that would wait longer than its patience leaves: its job goes back to the queue or to another deployment. It keeps
// its place among the requests of its key, so it loses nothing by leaving.
import type { Scope } from '#src/contracts/scope.ts';
import { FairOrder } from '#src/limits/fair-order.ts';
import {
  type DenialReason,
  type Limiter,
  type Permit,
  type PermitDecision,
  type PermitRequest,
  roomMember,
  turnOfTerms,
} from '#src/limits/limiter.ts';
import type { Cancellation } from './active-requests.ts';

export type PermitOutcome =
  | { kind: 'granted'; permit: Permit; waitedFor?: WaitedFor }
  /** No permit within the patience; one can be expected in `waitMs`. */
  | ({ kind: 'too-long'; waitMs: number } & WaitedFor)
  /** The cancellation fired while waiting. */
  | { kind: 'stopped' };

/** The scope and kind of the limit that was in the way. */
export interface WaitedFor {
  scope: Scope;
  reason: DenialReason;
}

export interface PermitDesk {
  /**
   * @param queue order is kept within one queue. @param ways one per usable credential, the preferred first.
   * @param patienceMs longest wait that is worth holding a slot.
   */
  acquire(
    queue: string,
    ways: readonly PermitRequest[],
    patienceMs: number,
    cancellation: Cancellation,
  ): Promise<PermitOutcome>;
  /**
   * @param message a scope's name: one of its permits was freed, and a waiting request may ask again immediately. If a member of
   * the scope's room follows after a line feed, it is that member's turn (permit.lua).
   */
  notifyFreed(message: string): void;
}

/** The first in a queue must ask the limiter at least this often, or others pass it (PRESENCE_MS in permit.lua). */
const ASK_AT_LEAST_EVERY_MS = 1_000;
const ASK_AGAIN_AFTER_ERROR_MS = 250;

interface Waiter {
  /** The request's alternatives, one per credential; never empty. */
  ways: readonly PermitRequest[];
  patienceUntilMs: number;
  resolve: (outcome: PermitOutcome) => void;
  forget: () => void;
  /** Rooms of the limiter that list it: it must leave them, or those after it wait until it counts as gone. */
  rooms: Rooms;
  /** It was stopped or dismissed. */
  isGone: boolean;
}

/** Scopes by name. */
type Rooms = Map<string, Scope>;

interface PutOff {
  /** Unix ms. */
  untilMs: number;
  /** The scope whose freed permits end it earlier. */
  scope: string | null;
  /** Only a message that names this member of the scope's room ends it earlier. */
  member: string | null;
}

interface WaitQueue {
  waiters: FairOrder<Waiter>;
  /** Owners of turns that are at their own limits or ahead of their share. */
  putOff: Map<string, PutOff>;
  /** The waiter that asks the limiter, or was the last to ask. */
  asking: Waiter | null;
  isServing: boolean;
  /** Wakes the queue's loop from its sleep. */
  wake: (() => void) | null;
  blockedScopes: readonly string[];
  /** Why the first waiter was last denied. */
  denial: WaitedFor | null;
}

type Denial = Extract<PermitDecision, { kind: 'denied' }>;

/** @param current returns the current version of a scope: limits are learned while requests wait. */
export function createPermitDesk(
  limiter: Limiter,
  onError: (error: Error) => void,
  current: (scope: Scope) => Scope = (scope) => scope,
): PermitDesk {
  const queues = new Map<string, WaitQueue>();

  /**
   * A permit for the first alternative that is free; else the soonest denial, and the scopes that are full.
   * @param rooms the rooms that list the request: kept up to date.
   */
  async function askAll(
    ways: readonly PermitRequest[],
    rooms: Rooms,
  ): Promise<{ decision: PermitDecision; lacks: readonly Scope[] }> {
    const denials: Denial[] = [];
    for (const request of ways) {
      // A scope that already denied an alternative denies this one too.
      if (denials.some(({ scope }) => request.scopes.includes(scope))) break;
      const decision = await ask(request);
      if (decision.kind === 'denied') {
        denials.push(decision);
        rooms.set(decision.scope.name, decision.scope);
      } else {
        // The script has removed it from the rooms of this alternative.
        for (const { name } of request.scopes) rooms.delete(name);
        leaveRooms(request, rooms);
        return { decision, lacks: [] };
      }
    }
    const decision = denials.reduce((soonest, next) => (next.waitMs < soonest.waitMs ? next : soonest));
    return { decision, lacks: denials.map(({ scope }) => scope) };
  }

  /** Redis may refuse a script (out of memory, a failover): treated like any other wait. */
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
        isOwn: false,
      };
    }
  }

  async function serve(name: string, queue: WaitQueue): Promise<void> {
    while (queue.waiters.size > 0) {
      const first = queue.waiters.first((owner) => isPutOff(queue, owner));
      // The rooms may have it ahead of the next one, which would then wait until it counts as gone. Those put off ask again soon.
      const before = queue.asking;
      if (before !== null && before !== first && !isPutOff(queue, turnOf(before).owner)) leave(before);
      queue.asking = first ?? null;
      if (first === undefined) {
        await nap(queue, untilAnyReturns(queue));
        continue;
      }
      first.ways = first.ways.map((request) => ({ ...request, scopes: request.scopes.map(current) }));
      const { decision, lacks } = await askAll(first.ways, first.rooms);
      if (decision.kind === 'granted') {
        settleGranted(queue, first, decision.permit);
        continue;
      }
      // It was stopped during the call, which has added it to the room again.
      if (first.isGone) leave(first);
      queue.denial = { scope: decision.scope, reason: decision.reason };
      const { owner } = turnOf(first);
      const isOwn = decision.isOwn || OWN_LIMITS.test(decision.scope.name);
      dismissImpatient(queue, decision, isOwn ? owner : undefined);
      if (queue.waiters.size === 0) break;
      if (isOwn) {
        putOff(queue, first, decision);
        continue;
      }
      queue.blockedScopes = lacks.map(({ name }) => name);
      await nap(queue, Math.min(decision.waitMs, ASK_AT_LEAST_EVERY_MS));
      queue.blockedScopes = [];
    }
    queue.isServing = false;
    if (queue.waiters.size === 0) queues.delete(name);
  }

  function settleGranted(queue: WaitQueue, waiter: Waiter, permit: Permit): void {
    if (!queue.waiters.take(waiter)) {
      // It was stopped while the permit was granted: the permit must not leak.
      limiter.settle(permit, { usedTokens: 0, entry: null }).catch(onError);
      return;
    }
    waiter.forget();
    waiter.resolve({ kind: 'granted', permit, ...(queue.denial === null ? {} : { waitedFor: queue.denial }) });
  }

  function leaveRooms(request: PermitRequest, rooms: Rooms): void {
    if (rooms.size === 0) return;
    limiter.leave(request, [...rooms.values()]).catch(onError);
    rooms.clear();
  }

  const leave = ({ ways, rooms }: Waiter) => leaveRooms(ways[0]!, rooms);

  /** Dismisses all whose turn comes after their patience ends. @param owner only this owner's waiters; absent: all. */
  function dismissImpatient(queue: WaitQueue, denial: Denial, owner: string | undefined): void {
    const { waitMs, spacingMs, reason, scope } = denial;
    const now = Date.now();
    for (const [place, waiter] of queue.waiters.inOrder(owner).entries()) {
      const expectedMs = waitMs + place * spacingMs;
      if (now + expectedMs <= waiter.patienceUntilMs) continue;
      remove(queue, waiter);
      waiter.forget();
      waiter.resolve({ kind: 'too-long', waitMs: expectedMs, reason, scope });
      leave(waiter);
    }
  }

  function remove(queue: WaitQueue, waiter: Waiter): boolean {
    waiter.isGone = true;
    return queue.waiters.delete(waiter);
  }

  function join(name: string, waiter: Waiter): void {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = {
        waiters: new FairOrder(),
        putOff: new Map(),
        asking: null,
        isServing: false,
        wake: null,
        blockedScopes: [],
        denial: null,
      };
      queues.set(name, queue);
    }
    queue.waiters.add(waiter, turnOf(waiter));
    if (!queue.isServing) {
      queue.isServing = true;
      void serve(name, queue);
    }
    // All earlier waiters are at their own limits.
    else if (queue.asking === null) queue.wake?.();
  }

  function stop(name: string, waiter: Waiter): void {
    const queue = queues.get(name);
    if (queue === undefined || !remove(queue, waiter)) return;
    leave(waiter);
    waiter.resolve({ kind: 'stopped' });
    queue.wake?.();
  }

  return {
    async acquire(name, ways, patienceMs, cancellation) {
      if (cancellation.failure !== null) return { kind: 'stopped' };
      const patienceUntilMs = Date.now() + patienceMs;
      const rooms: Rooms = new Map();
      if (!queues.has(name)) {
        const { decision } = await askAll(ways, rooms);
        if (decision.kind === 'granted') return decision;
      }
      return new Promise<PermitOutcome>((resolve) => {
        const waiter: Waiter = { ways, patienceUntilMs, resolve, forget: () => undefined, rooms, isGone: false };
        waiter.forget = cancellation.onStop(() => stop(name, waiter));
        if (cancellation.failure === null) return join(name, waiter);
        leave(waiter);
        resolve({ kind: 'stopped' });
      });
    },
    notifyFreed(message) {
      const [scopeName, member] = message.split('\n');
      for (const queue of queues.values()) {
        if (bringBack(queue, scopeName!, member)) queue.wake?.();
        if (!queue.blockedScopes.includes(scopeName!)) continue;
        const first = queue.waiters.first((owner) => isPutOff(queue, owner));
        if (member === undefined || (first !== undefined && roomMember(first.ways[0]!) === member)) queue.wake?.();
      }
    },
  };
}

/** Limits of a key and of the accounts above it do not block others. */
const OWN_LIMITS = /^(key|project|organisation):/;

function turnOf({ ways }: Waiter) {
  return turnOfTerms(ways[0]!);
}

/**
 * A permit that another key gives back does not change an owner's share. But the message that it is the waiter's turn ends the wait
 * for that turn.
 */
function putOff({ putOff }: WaitQueue, waiter: Waiter, { scope, waitMs, isOwn, reason }: Denial): void {
  const untilMs = Date.now() + Math.min(waitMs, ASK_AT_LEAST_EVERY_MS);
  const isTurn = reason === 'turn';
  const member = isOwn && isTurn ? roomMember(waiter.ways[0]!) : null;
  putOff.set(turnOf(waiter).owner, { untilMs, scope: isOwn && !isTurn ? null : scope.name, member });
}

function isPutOff({ putOff }: WaitQueue, owner: string): boolean {
  const known = putOff.get(owner);
  if (known === undefined) return false;
  if (Date.now() < known.untilMs) return true;
  putOff.delete(owner);
  return false;
}

function untilAnyReturns({ putOff }: WaitQueue): number {
  const soonest = Math.min(...[...putOff.values()].map(({ untilMs }) => untilMs));
  return Math.max(1, Math.min(ASK_AT_LEAST_EVERY_MS, soonest - Date.now()));
}

/** The scope has room again, for this member if one is named; returns whether any owner was waiting for it. */
function bringBack({ putOff }: WaitQueue, scopeName: string, named: string | undefined): boolean {
  let found = false;
  for (const [owner, { scope, member }] of putOff) {
    if (scope === scopeName && (member === null || member === named)) found = putOff.delete(owner) || found;
  }
  return found;
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
