// Counts requests without a permit exactly, over the whole fleet; the basis of admission and forecasts.
//
// A request is in the wait queue of its deployment, and in those of its key, project and organisation if they have limits. The
// API tier adds it before it is queued; the permit script removes it in the step that grants the permit; the code that ends or
// moves a waiting request removes it as well. The janitor removes entries left by crashes (`forgetGone`).
import type { Lane } from '../contracts/job.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import { accountScopesOf } from '../contracts/scope.ts';
import { ownerOf } from '../contracts/turn.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import {
  type LuaScript,
  loadLuaScript,
  runCall,
  runScript,
  type ScriptCall,
  withFunctions,
} from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

/** One request in the wait queues of some scopes. */
export interface WaitEntry {
  requestId: string;
  acceptedAtMs: number;
  lane: Lane;
  /** As reserved by the limiter: input and output together. */
  tokens: number;
  /** The prompt's share of these tokens, if input and output are separate. */
  inputTokens?: number;
  /** Names of the scopes in whose wait queues it is. */
  scopes: readonly string[];
  /** Owner of its turn (src/contracts/turn.ts); absent if turns are not shared by owner. */
  owner?: string;
}

export interface WaitTotals {
  requests: number;
  tokens: number;
}

export interface WaitQueues {
  /** Returns the totals of each of its wait queues, itself included. Safe to repeat. */
  enter(entry: WaitEntry): Promise<WaitTotals[]>;
  /** The same as a part of another script; its reply is read by `readTotals`. */
  enterCall(entry: WaitEntry): ScriptCall;
  readonly enterScript: LuaScript;
  leave(entry: WaitEntry): Promise<void>;
  /** Removes a finished request from every queue that it may be in at this step. */
  forget(spec: RequestSpec, step: RouteStep): Promise<void>;
  /** Number of requests before this one in a scope's wait queue; null if it is not there. */
  place(entry: WaitEntry, scopeName: string): Promise<number | null>;
  /** Removes requests that have waited for long and that `isGone` reports as ended; returns how many. */
  forgetGone(isGone: (requestIds: readonly string[]) => Promise<boolean[]>): Promise<number>;
}

/** Requests that have waited this long are checked. */
const SUSPICIOUS_MS = 30_000;
/** Checks only the oldest: leftovers are older than live requests, so that all are found eventually. */
const LOOKED_AT_ONCE = 200;

const waitOwners = loadLuaScript(import.meta.url, './wait-owners.lua');
/** Adds the functions that count owners in a wait queue. */
export const withOwners = (script: LuaScript): LuaScript => withFunctions(waitOwners, script);
export const enterScript = withOwners(loadLuaScript(import.meta.url, './wait-enter.lua'));
const leaveScript = withOwners(loadLuaScript(import.meta.url, './wait-leave.lua'));
const tidyScript = loadLuaScript(import.meta.url, './wait-tidy.lua');

/** The part of a request that determines its wait queues. */
export type WaitingSpec = Pick<
  RequestSpec,
  | 'requestId'
  | 'keyId'
  | 'weight'
  | 'acceptedAtMs'
  | 'lane'
  | 'estimatedInputTokens'
  | 'estimatedOutputTokens'
  | 'keyScope'
  | 'accountScopes'
>;

/** @param step the step of its plan at which it waits. */
export function waitEntry(spec: WaitingSpec, step: Pick<RouteStep, 'deployment'>): WaitEntry {
  const scopes = [`deployment:${step.deployment}`];
  for (const { name } of accountScopesOf(spec)) scopes.push(name);
  const entry: WaitEntry = {
    requestId: spec.requestId,
    acceptedAtMs: spec.acceptedAtMs,
    lane: spec.lane,
    tokens: spec.estimatedInputTokens + spec.estimatedOutputTokens,
    inputTokens: spec.estimatedInputTokens,
    scopes,
  };
  // The batch lane has its own sharing (workers/batches).
  if (spec.lane !== 'batch') entry.owner = ownerOf(spec.keyId, spec.weight ?? 1);
  return entry;
}

interface WaitingMember extends Pick<WaitEntry, 'requestId' | 'tokens'> {
  owner?: string | undefined;
}

/** Its member in wait queues. */
export function waitMember({ requestId, tokens, owner }: WaitingMember): string {
  return owner === undefined ? `${requestId} ${tokens}` : `${requestId} ${tokens} ${owner}`;
}

/** Key of the hash with the number of requests of each owner in a wait queue. */
export function ownersOf(queue: string): string {
  return `${queue}:owners`;
}

/** Reads the reply of wait-enter.lua. */
export function readTotals(totals: readonly number[]): WaitTotals[] {
  return Array.from({ length: totals.length / 2 }, (_, index) => ({
    requests: totals[index * 2]!,
    tokens: totals[index * 2 + 1]!,
  }));
}

export function createWaitQueues(redis: RedisClient, keyspace: Keyspace): WaitQueues {
  const keysOf = ({ scopes, lane }: WaitEntry) => scopes.map((name) => keyspace.scope(name).waiting[lane]);

  async function takeOut(queues: readonly string[], member: string): Promise<void> {
    const tokens = member.split(' ')[1]!;
    await runScript(redis, leaveScript, [keyspace.waitQueueTokens, ...queues], [member, tokens]);
  }

  async function forgetGoneIn(queue: string, isGone: Parameters<WaitQueues['forgetGone']>[0]): Promise<number> {
    const before = Date.now() - SUSPICIOUS_MS;
    const members = await redis.zrangebyscore(queue, '-inf', before, 'LIMIT', 0, LOOKED_AT_ONCE);
    if (members.length === 0) {
      await runScript(
        redis,
        tidyScript,
        [keyspace.waitQueues, keyspace.waitQueueTokens, keyspace.waitQueueServed, queue],
        [],
      );
      return 0;
    }
    const gone = await isGone(members.map((member) => member.slice(0, member.indexOf(' '))));
    const left = members.filter((_, index) => gone[index]);
    await Promise.all(left.map((member) => takeOut([queue], member)));
    return left.length;
  }

  const leave = (entry: WaitEntry) => takeOut(keysOf(entry), waitMember(entry));

  function enterCall(entry: WaitEntry): ScriptCall {
    const keys = [keyspace.waitQueues, keyspace.waitQueueTokens, ...keysOf(entry)];
    return { script: enterScript, keys, args: [waitMember(entry), entry.acceptedAtMs, entry.tokens] };
  }

  return {
    async enter(entry) {
      return readTotals((await runCall(redis, enterCall(entry))) as number[]);
    },
    enterCall,
    enterScript,
    leave,
    forget: (spec, step) => leave(waitEntry(spec, step)),
    place: (entry, scopeName) => redis.zrank(keyspace.scope(scopeName).waiting[entry.lane], waitMember(entry)),
    async forgetGone(isGone) {
      let forgotten = 0;
      for (const queue of await redis.smembers(keyspace.waitQueues)) forgotten += await forgetGoneIn(queue, isGone);
      return forgotten;
    },
  };
}
