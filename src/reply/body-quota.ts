// How many bytes of bodies stand in Redis, of each key and in all. Memory of Redis is shared: without a bound one key's
// asynchronous requests could take all of it. Small bodies of clients that wait are not counted (their number is bounded
// by admission): the fast path pays nothing.
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface BodyQuota {
  /** Whose room is used up, where the body is one too many. A counted one must be left, or goes by its time. */
  enter(spec: RequestSpec, bodyBytes: number, timeToLiveMs: number): Promise<'counted' | 'key' | 'all'>;
  /** Safe to repeat, and for a request that was never counted. */
  leave(spec: Pick<RequestSpec, 'requestId' | 'keyId' | 'countedBytes'>): Promise<void>;
}

/** For processes that only end requests: `enter` refuses everything. */
export const NO_BODIES: BodyLimits = { perKeyBytes: 0, allBytes: 0 };

export interface BodyLimits {
  perKeyBytes: number;
  allBytes: number;
}

const SMALL_BYTES = 64 * 1024;

/** Whether a request's body is counted: large ones, and all that nobody waits for. */
export function isBodyCounted({ lifetime }: Pick<RequestSpec, 'lifetime'>, bodyBytes: number): boolean {
  return lifetime === 'nobody' || bodyBytes >= SMALL_BYTES;
}

const enterScript = loadLuaScript(import.meta.url, './body-enter.lua');
const leaveScript = loadLuaScript(import.meta.url, './body-leave.lua');

export function createBodyQuota(redis: RedisClient, keyspace: Keyspace, limits: BodyLimits): BodyQuota {
  const keys = [keyspace.countedBodies, keyspace.countedBytes];
  return {
    async enter({ requestId, keyId }, bodyBytes, timeToLiveMs) {
      const now = Date.now();
      const member = memberOf(requestId, keyId, bodyBytes);
      const { perKeyBytes, allBytes } = limits;
      const args = [now, member, keyId, bodyBytes, now + timeToLiveMs, perKeyBytes, allBytes];
      return (await runScript(redis, enterScript, keys, args)) as 'counted' | 'key' | 'all';
    },
    async leave({ requestId, keyId, countedBytes }) {
      if (countedBytes === undefined) return;
      await runScript(redis, leaveScript, keys, [memberOf(requestId, keyId, countedBytes), keyId, countedBytes]);
    },
  };
}

function memberOf(requestId: string, keyId: string, bytes: number): string {
  return `${keyId} ${bytes} ${requestId}`;
}

// Bodies that requests leave behind when they fail, until somebody has kept them (publish.lua says for how long).

export interface LeftBodies {
  /** 0 for one that is gone. */
  sizes(requestIds: readonly string[]): Promise<number[]>;
  read(requestId: string): Promise<Buffer | null>;
  /** False while the request runs again: its body is needed. */
  release(requestId: string): Promise<boolean>;
}

const releaseScript = loadLuaScript(import.meta.url, './release-body.lua');

export function createLeftBodies(redis: RedisClient, keyspace: Keyspace): LeftBodies {
  return {
    sizes: (requestIds) => Promise.all(requestIds.map((id) => redis.strlen(keyspace.request(id).body))),
    read: (requestId) => redis.getBuffer(keyspace.request(requestId).body),
    async release(requestId) {
      const { record, body } = keyspace.request(requestId);
      return (await runScript(redis, releaseScript, [record, body], [])) === 1;
    },
  };
}
