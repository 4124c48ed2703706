// Who waits for a first permit, counted exactly over the fleet: what admission and the forecast of a start stand on.
//
// A request stands in the line of its deployment, and in that of its key where the key has limits. The API tier puts it
// there before it is queued; the permit script takes it out in the same step that lets it through; whoever ends or
// moves a waiting request takes it out too. What a crash leaves behind, the janitor finds (`forgetGone`).
import type { Lane } from '../contracts/job.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

/** One request in the lines of some scopes. */
export interface LineEntry {
  requestId: string;
  acceptedAtMs: number;
  lane: Lane;
  /** As reserved by the limiter: input and output together. */
  tokens: number;
  /** Names of the scopes whose lines it stands in. */
  scopes: readonly string[];
}

export interface LineTotals {
  requests: number;
  tokens: number;
}

export interface Lines {
  /** Gives what stands in each of its lines now, itself included. Safe to repeat. */
  enter(entry: LineEntry): Promise<LineTotals[]>;
  leave(entry: LineEntry): Promise<void>;
  /** The request is over: it leaves wherever it may stand while it waits at this step. */
  forget(spec: RequestSpec, step: RouteStep): Promise<void>;
  /** How many stand in a scope's line before this request; null when it does not stand there. */
  place(entry: LineEntry, scopeName: string): Promise<number | null>;
  /** Takes out those who have waited for long and whom `isGone` knows to be over; gives how many. */
  forgetGone(isGone: (requestIds: readonly string[]) => Promise<boolean[]>): Promise<number>;
}

/** A request is looked into when it has waited for so long. */
const SUSPICIOUS_MS = 30_000;
/** What was left behind is older than what is alive: looking at the oldest finds it in the end. */
const LOOKED_AT_ONCE = 200;

const enterScript = loadLuaScript(import.meta.url, './line-enter.lua');
const leaveScript = loadLuaScript(import.meta.url, './line-leave.lua');
const tidyScript = loadLuaScript(import.meta.url, './line-tidy.lua');

/** @param step the place of the plan at which it waits. */
export function lineEntry(spec: RequestSpec, step: RouteStep): LineEntry {
  return {
    requestId: spec.requestId,
    acceptedAtMs: spec.acceptedAtMs,
    lane: spec.lane,
    tokens: spec.estimatedInputTokens + spec.estimatedOutputTokens,
    scopes: [`deployment:${step.deployment}`, ...(spec.keyScope === null ? [] : [spec.keyScope.name])],
  };
}

export function createLines(redis: RedisClient, keyspace: Keyspace): Lines {
  const keysOf = ({ scopes, lane }: LineEntry) => scopes.map((name) => keyspace.scope(name).lines[lane]);
  const memberOf = ({ requestId, tokens }: LineEntry) => `${requestId} ${tokens}`;

  async function takeOut(lines: readonly string[], member: string): Promise<void> {
    const tokens = member.slice(member.indexOf(' ') + 1);
    await runScript(redis, leaveScript, [keyspace.lineTokens, ...lines], [member, tokens]);
  }

  async function forgetGoneIn(line: string, isGone: Parameters<Lines['forgetGone']>[0]): Promise<number> {
    const before = Date.now() - SUSPICIOUS_MS;
    const members = await redis.zrangebyscore(line, '-inf', before, 'LIMIT', 0, LOOKED_AT_ONCE);
    if (members.length === 0) {
      await runScript(redis, tidyScript, [keyspace.lines, keyspace.lineTokens, keyspace.lineServed, line], []);
      return 0;
    }
    const gone = await isGone(members.map((member) => member.slice(0, member.indexOf(' '))));
    const left = members.filter((_, index) => gone[index]);
    await Promise.all(left.map((member) => takeOut([line], member)));
    return left.length;
  }

  const leave = (entry: LineEntry) => takeOut(keysOf(entry), memberOf(entry));

  return {
    async enter(entry) {
      const keys = [keyspace.lines, keyspace.lineTokens, ...keysOf(entry)];
      const args = [memberOf(entry), entry.acceptedAtMs, entry.tokens];
      const totals = (await runScript(redis, enterScript, keys, args)) as number[];
      return entry.scopes.map((_, index) => ({ requests: totals[index * 2]!, tokens: totals[index * 2 + 1]! }));
    },
    leave,
    forget: (spec, step) => leave(lineEntry(spec, step)),
    place: (entry, scopeName) => redis.zrank(keyspace.scope(scopeName).lines[entry.lane], memberOf(entry)),
    async forgetGone(isGone) {
      let forgotten = 0;
      for (const line of await redis.smembers(keyspace.lines)) forgotten += await forgetGoneIn(line, isGone);
      return forgotten;
    },
  };
}
