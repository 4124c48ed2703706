// Counts and limits the bytes of bodies stored in Redis, per key and in total. The memory of Redis is shared: without a limit the
// asynchronous requests of one key could use all of it. Small bodies of waiting clients are not counted (admission limits their
// number), so the fast path has no overhead.
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { readLarge } from '../storage/large-values.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface BodyQuota {
  /** Counts the body, or returns which limit it exceeds. A counted body must be removed with `leave`, or expires. */
  enter(spec: RequestSpec, bodyBytes: number, timeToLiveMs: number): Promise<'counted' | 'key' | 'all'>;
  /** Idempotent; does nothing for a request that was never counted. */
  leave(spec: Pick<RequestSpec, 'requestId' | 'keyId' | 'countedBytes'>): Promise<void>;
}

/** For processes that only end requests: `enter` refuses everything. */
export const NO_BODIES: BodyLimits = { perKeyBytes: 0, allBytes: 0 };

export interface BodyLimits {
  perKeyBytes: number;
  allBytes: number;
}

const SMALL_BYTES = 64 * 1024;

/** Whether a request's body is counted: large bodies, and all bodies of requests for which no client waits. */
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

// Bodies that failed requests leave in Redis until they are stored elsewhere (for how long: publish.lua).

export interface LeftBodies {
  /** 0 for a body that is gone. */
  sizes(requestIds: readonly string[]): Promise<number[]>;
  read(requestId: string): Promise<Buffer | null>;
  /** Removes the body; false if the request runs again and needs it. */
  release(requestId: string): Promise<boolean>;
}

const releaseScript = loadLuaScript(import.meta.url, './release-body.lua');

export function createLeftBodies(redis: RedisClient, keyspace: Keyspace): LeftBodies {
  return {
    sizes: (requestIds) => Promise.all(requestIds.map((id) => redis.strlen(keyspace.request(id).body))),
    read: (requestId) => readLarge(redis, keyspace.request(requestId).body),
    async release(requestId) {
      const { record, body } = keyspace.request(requestId);
      return (await runScript(redis, releaseScript, [record, body], [])) === 1;
    },
  };
}
