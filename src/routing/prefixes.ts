// Prompts with the same beginning share a provider's prompt cache, which is written by the time the first answer begins. The
// first such request leads; the others wait briefly until then, so that they do not each pay for the whole prompt.
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface Prefixes {
  /** One command. `lead`: no other request leads; `wait`: the leader's answer has not begun; `warm`: it has. */
  enter(circuit: string, hash: string, waitMs: number): Promise<'lead' | 'wait' | 'warm'>;
  /** The leader's answer has begun. */
  begun(circuit: string, hash: string): Promise<void>;
  /** The leader's call ended before its answer began: the next request leads. */
  gone(circuit: string, hash: string): Promise<void>;
}

/** Providers drop a cache that was not used for five minutes. */
const WARM_MS = 270_000;

export function createPrefixes(redis: RedisClient, keyspace: Keyspace): Prefixes {
  return {
    async enter(circuit, hash, waitMs) {
      // Expires after the longest wait, in case the leader dies.
      const known = await redis.set(keyspace.prefix(circuit, hash), 'leading', 'PX', waitMs, 'NX', 'GET');
      return known === null ? 'lead' : known === 'warm' ? 'warm' : 'wait';
    },
    async begun(circuit, hash) {
      await redis.set(keyspace.prefix(circuit, hash), 'warm', 'PX', WARM_MS);
    },
    async gone(circuit, hash) {
      await redis.del(keyspace.prefix(circuit, hash));
    },
  };
}
