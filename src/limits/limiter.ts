// Limits that hold exactly over the whole fleet: every kind (contracts/limit-kinds.ts), per provider, deployment and API key, in
// one atomic step (permit.lua). The same script records the attempt as open for the ledger, so that no call goes unbilled.

import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import { type Amounts, LIMIT_KINDS, type LimitLabel } from '../contracts/limit-kinds.ts';
import type { Scope } from '../contracts/scope.ts';
import { type Turn, turnOrder } from '../contracts/turn.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runCall, runScript, type ScriptCall, withFunctions } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { correctionArguments, limitArguments, type UsedTokens } from './limit-arguments.ts';
import { amountsOf, expectedOf, type GrantedPermit, holdsLease, limitsOf, type PermitTerms } from './permit-terms.ts';
import { waitMember, withOwners } from './wait-queue.ts';
import { readScope, readWindow, type Window } from './window.ts';

/** The limit that is full; `blocked` by the provider's own wait; or `turn`: an earlier request goes first. */
export type DenialReason = LimitLabel | 'blocked' | 'turn';

export interface Permit {
  attemptId: string;
  scopes: readonly Scope[];
  /** The credential of the call, if the provider has several. */
  credential?: string;
  reserved: Amounts;
  /** The amounts counted in learned limits. */
  expected: Amounts;
  /** The slice of a minute (permit.lua) in which the start was counted. */
  slice: number;
  /** Unix ms. */
  grantedAtMs: number;
  /** Starts of the batch lane are spread over the minute; settling also corrects that pace. */
  isBatch: boolean;
  /** A single trial call: the provider claims a longer wait than Sluice honours. */
  isTrial: boolean;
}

export type PermitDecision =
  | { kind: 'granted'; permit: Permit }
  | {
      kind: 'denied';
      /** After how long to ask again. */
      waitMs: number;
      /** Further time until the next place after that; 0 if unknown (a held permit ends without notice). */
      spacingMs: number;
      reason: DenialReason;
      scope: Scope;
      /** Number of requests waiting at this scope with an earlier turn. */
      ahead: number;
      /** Its owner of turns has used more than its share of the scope: requests of other owners need not wait for it. */
      isOwn: boolean;
    };

export interface PermitRequest extends PermitTerms {
  /** Ledger entry that is written if the attempt is never settled. JSON. */
  unsettledEntry: string;
}

export interface Settlement extends UsedTokens {
  /** The ledger message as JSON; null if the provider was not called. */
  entry: string | null;
}

export interface AdoptedPermit {
  permit: Permit;
  /** False if this process knows different limits than the one that acquired it: the permit must be given back. */
  isCurrent: boolean;
}

export interface Limiter {
  /** One round trip. May be called again with the same attempt id after a denial. */
  acquire(request: PermitRequest): Promise<PermitDecision>;
  /**
   * The same as a part of another script.
   * @param isNew that script has just accepted the request, which is in no wait queue yet.
   */
  acquireCall(request: PermitRequest, isNew?: boolean): ScriptCall;
  /** Builds the permit that such a script granted. */
  adopt(terms: PermitTerms, granted: GrantedPermit): AdoptedPermit;
  /** How many of these attempts have a permit that is neither settled nor reaped. */
  countOpen(attemptIds: readonly string[]): Promise<number>;
  /** Closes an attempt that made no call, without a ledger entry. */
  forget(attemptId: string): Promise<void>;
  /** Leaves the rooms of these scopes: the request no longer waits here. */
  leave(terms: Pick<PermitTerms, 'requestId' | 'acceptedAtMs' | 'turn'>, scopes: readonly Scope[]): Promise<void>;
  /** Gives the permit back and hands the entry to the ledger. Safe to call twice: the ledger keeps one entry. */
  settle(permit: Permit, settlement: Settlement): Promise<void>;
  /** The same as a part of another script. */
  settleCall(permit: Permit, settlement: Settlement): ScriptCall;
  /** A scope's window and its permits in flight, read only. */
  peek(scopeName: string): Promise<Window & { inFlight: number }>;
  /** Starts counting the concurrency of this scope, including those of these permits. */
  countCalls(permits: readonly Permit[], scopeName: string): Promise<void>;
  /** Extends the leases of running attempts. */
  renew(permits: readonly Permit[]): Promise<void>;
  /**
   * Stops permits of this scope on all workers for this time; after that allows single trials until the wait that the provider
   * claims is over.
   */
  block(scopeName: string, durationMs: number, claimedMs?: number): Promise<void>;
  /** Removes the blocks of its scopes after a successful trial. */
  unblock(permit: Permit): Promise<void>;
  /** Writes attempts whose worker died as unsettled; returns how many. */
  reap(): Promise<number>;
}

/** A worker that does not renew for this long is taken for dead; it renews every third of this. */
export const PERMIT_LEASE_MS = 15_000;
const REAP_AT_ONCE = 500;
/** Minimum interval between samples of a deployment's pace, per process. */
const PACE_SAMPLE_MS = 100;

const permitWindow = withFunctions(
  loadLuaScript(import.meta.url, './permit-window.lua'),
  loadLuaScript(import.meta.url, './permit.lua'),
);
export const permitScript = withOwners(
  withFunctions(loadLuaScript(import.meta.url, './permit-open.lua'), permitWindow),
);
const settleScript = loadLuaScript(import.meta.url, './settle.lua');
const renewScript = loadLuaScript(import.meta.url, './renew.lua');
const blockScript = loadLuaScript(import.meta.url, './block.lua');
const reapScript = loadLuaScript(import.meta.url, './reap.lua');

/** Bounds memory: at most one entry per called scope. */
const MAX_SAMPLED = 20_000;

export function createLimiter(redis: RedisClient, keyspace: Keyspace): Limiter {
  const sampledAtMs = new LRUCache<string, number>(atMost(MAX_SAMPLED));

  /** The mean of a sample of calls is good enough. */
  function isSampled({ scopes }: Permit): boolean {
    const { name } = calledScope(scopes);
    if (Date.now() - (sampledAtMs.get(name) ?? 0) < PACE_SAMPLE_MS) return false;
    sampledAtMs.set(name, Date.now());
    return true;
  }

  function settleCall(permit: Permit, settlement: Settlement): ScriptCall {
    const args = [
      permit.attemptId,
      settlement.entry ?? '',
      permit.slice,
      permit.reserved.tokens,
      settlement.usedTokens,
      isSampled(permit) ? Math.max(0, Date.now() - permit.grantedAtMs) : '',
      permit.isBatch ? 1 : 0,
      calledScope(permit.scopes).name,
    ];
    for (const scope of permit.scopes) {
      const corrections = correctionArguments(scope, permit, settlement);
      const isHeld = holdsLease(scope);
      if (isHeld || corrections.length > 1) args.push(scope.name, isHeld ? 1 : 0, ...corrections);
    }
    return { script: settleScript, keys: [keyspace.openAttempts], args };
  }

  function acquireCall(request: PermitRequest, isNew = false): ScriptCall {
    const { owner, cost, order } = turnOfTerms(request);
    const { requestId, tokens, scopes } = request;
    const taken = { reserved: amountsOf(request), expected: expectedOf(request) };
    const limits = scopes.map((scope) => limitArguments(scope, taken));
    const hasQueue = (scope: Scope) => request.isBeside !== true && hasWaitQueue(scope);
    const waiting = { requestId, tokens, ...(request.turn === undefined || request.isBatch ? {} : { owner }) };
    const args = [
      request.attemptId,
      roomMember(request),
      // Interactive turns are near the current time, and so before all batch turns.
      request.isBatch ? order : '',
      tokens,
      PERMIT_LEASE_MS,
      request.unsettledEntry,
      request.isBatch ? 1 : request.isBeside ? 2 : 0,
      owner,
      cost,
      isNew ? '' : waitMember(waiting),
      scopes.map((scope, index) => `${limits[index]!.length / 4}${hasQueue(scope) ? '+' : ''}`).join(' '),
      ...scopes.map(({ name }) => name),
      ...limits.flat(),
    ];
    return { script: permitScript, keys: [keyspace.openAttempts], args };
  }

  async function renew(permits: readonly Permit[]): Promise<void> {
    await Promise.all(
      permits.map((permit) => {
        const limited = permit.scopes.filter(holdsLease);
        const keys = [keyspace.openLeases, ...limited.map((scope) => keyspace.scope(scope.name).leases)];
        return runScript(redis, renewScript, keys, [permit.attemptId, PERMIT_LEASE_MS]);
      }),
    );
  }

  return {
    async acquire(request) {
      return readDecision(request, (await runCall(redis, acquireCall(request))) as PermitReply);
    },
    acquireCall,
    adopt(terms, { slice, isTrial, limits }) {
      if (limitsOf(terms.scopes) === limits) return { permit: permitOf(terms, slice, isTrial), isCurrent: true };
      // Releases leases in all scopes, since it is not known which of them hold one.
      const scopes = terms.scopes.map((scope): Scope => ({ ...scope, countsCalls: true }));
      return { permit: permitOf({ ...terms, scopes }, slice, isTrial), isCurrent: false };
    },
    async countOpen(attemptIds) {
      const entries = await redis.hmget(keyspace.openAttempts, ...attemptIds);
      return entries.filter((entry) => entry !== null).length;
    },

    async forget(attempt) {
      await Promise.all([redis.hdel(keyspace.openAttempts, attempt), redis.zrem(keyspace.openLeases, attempt)]);
    },

    async leave(terms, scopes) {
      const member = roomMember(terms);
      await Promise.all(
        scopes.flatMap((scope) => {
          const keys = keyspace.scope(scope.name);
          return [redis.zrem(keys.room, member), redis.zrem(keys.presence, member)];
        }),
      );
    },

    async settle(permit, settlement) {
      await runCall(redis, settleCall(permit, settlement));
    },
    settleCall,

    async peek(scopeName) {
      const { fields, redisNowMs, inFlight } = await readScope(redis, keyspace, scopeName);
      return { ...readWindow(fields, redisNowMs), inFlight };
    },

    async countCalls(permits, scopeName) {
      const counted = permits.filter(({ scopes }) => scopes.some(({ name }) => name === scopeName));
      for (const permit of counted) {
        permit.scopes = permit.scopes.map((scope) =>
          scope.name === scopeName && !holdsLease(scope) ? { ...scope, countsCalls: true } : scope,
        );
      }
      await renew(counted);
    },
    renew,

    async block(scopeName, durationMs, claimedMs = durationMs) {
      const args = [Math.ceil(durationMs), Math.ceil(claimedMs)];
      await runScript(redis, blockScript, [keyspace.scope(scopeName).window], args);
    },

    async unblock({ scopes }) {
      const windows = scopes.map(({ name }) => keyspace.scope(name).window);
      await Promise.all(windows.map((window) => redis.hdel(window, 'blocked', 'claimed')));
    },

    async reap() {
      const keys = [keyspace.openAttempts, keyspace.openLeases, keyspace.ledgerStream];
      const reaped = (await runScript(redis, reapScript, keys, [REAP_AT_ONCE])) as string[];
      return reaped.length;
    },
  };
}

export function turnOfTerms({ turn, acceptedAtMs }: Pick<PermitTerms, 'turn' | 'acceptedAtMs'>): Turn {
  return turn ?? { owner: '-', cost: 1, order: turnOrder(acceptedAtMs) };
}

/** Room members of one owner sort by its order of requests. */
export function roomMember(terms: Pick<PermitTerms, 'requestId' | 'acceptedAtMs' | 'turn'>): string {
  const { order, owner } = turnOfTerms(terms);
  return `${order} ${terms.requestId} ${owner}`;
}

/** Requests that wait for a provider, a credential or a model are in the wait queue of the deployment (wait-queue.ts). */
function hasWaitQueue({ name }: Scope): boolean {
  return !/^(provider|credential|model):/.test(name);
}

/** The scope whose pace is measured: the deployment, which determines how long calls take. */
function calledScope(scopes: readonly Scope[]): Scope {
  return scopes.find(({ name }) => name.startsWith('deployment:')) ?? scopes[0]!;
}

type PermitReply = [1, number, (0 | 1)?] | [0, number, string, number, number, number, (0 | 1)?];

const LABELS: ReadonlyMap<string, LimitLabel> = new Map(LIMIT_KINDS.map(({ field, label }) => [field, label]));

function readDecision(request: PermitRequest, reply: PermitReply): PermitDecision {
  if (reply[0] === 1) return { kind: 'granted', permit: permitOf(request, reply[1], reply[2] === 1) };
  const [, waitMs, why, scope, ahead, spacingMs, isOwn] = reply;
  const reason = LABELS.get(why) ?? (why as 'blocked' | 'turn');
  return { kind: 'denied', waitMs, spacingMs, reason, scope: request.scopes[scope - 1]!, ahead, isOwn: isOwn === 1 };
}

function permitOf(terms: PermitTerms, slice: number, isTrial: boolean): Permit {
  const { attemptId, scopes, credential, isBatch } = terms;
  const used = credential === undefined ? {} : { credential };
  return {
    attemptId,
    scopes,
    ...used,
    reserved: amountsOf(terms),
    expected: expectedOf(terms),
    slice,
    grantedAtMs: Date.now(),
    isBatch,
    isTrial,
  };
}
