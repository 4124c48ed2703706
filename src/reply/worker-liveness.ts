// Which workers are alive. Each says so on every reply shard, because whether a request may be taken over is decided there,
// in one script with its record (claim.lua). All of it by the clock of Redis: those of the machines differ.
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface WorkerLiveness {
  /** Says that this worker is alive, on the shards it has requests of. */
  heartbeat(workerId: string, shards: Iterable<number>): Promise<void>;
  /** Whether any worker has said so lately. */
  hasLiveWorker(replyShards: number): Promise<boolean>;
  /** The worker leaves: its requests may be claimed at once. */
  sayGoodbye(workerId: string, shards: Iterable<number>): Promise<void>;
}

/** A worker that has not been heard of for so long is taken for dead; it says so every second. */
export const WORKER_SILENCE_MS = 5_000;

const heartbeatScript = loadLuaScript(import.meta.url, './heartbeat.lua');
const lastHeartbeatScript = loadLuaScript(import.meta.url, './last-heartbeat.lua');

export function createWorkerLiveness(redis: RedisClient, keyspace: Keyspace): WorkerLiveness {
  return {
    async heartbeat(workerId, shards) {
      await Promise.all(
        [...shards].map((shard) => runScript(redis, heartbeatScript, [keyspace.workers(shard)], [workerId])),
      );
    },

    async hasLiveWorker(replyShards) {
      const agesMs = await Promise.all(
        Array.from({ length: replyShards }, (_, shard) =>
          runScript(redis, lastHeartbeatScript, [keyspace.workers(shard)], []),
        ),
      );
      return (agesMs as number[]).some((ageMs) => ageMs >= 0 && ageMs < WORKER_SILENCE_MS * 2);
    },

    async sayGoodbye(workerId, shards) {
      await Promise.all([...shards].map((shard) => redis.hdel(keyspace.workers(shard), workerId)));
    },
  };
}
