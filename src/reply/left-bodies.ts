// Bodies that requests leave behind when they fail, until somebody has kept them (publish.lua says for how long).
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

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
