// Which workers are alive. Each sends heartbeats to every reply shard, because claim.lua decides there, in one script with the
// record, whether a request may be taken over. All times are by the clock of Redis, since machine clocks differ.
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface WorkerLiveness {
  /** Records on these shards that the worker is alive. */
  heartbeat(workerId: string, shards: Iterable<number>): Promise<void>;
  /** Whether any worker has sent a heartbeat lately. */
  hasLiveWorker(replyShards: number): Promise<boolean>;
  /** The worker shuts down: its requests may be claimed immediately. */
  sayGoodbye(workerId: string, shards: Iterable<number>): Promise<void>;
}

/** A worker without a heartbeat for this long counts as dead; heartbeats are sent every second. */
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
