// Prompts that begin alike share a provider's prompt cache, once it has been written: when the first answer begins. The first
// such request leads; those that come until then wait briefly, rather than pay for the whole prompt each.
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface Prefixes {
  /** One command. `lead`: nobody is ahead; `wait`: the leader's answer has not begun; `warm`: it has. */
  enter(circuit: string, hash: string, waitMs: number): Promise<'lead' | 'wait' | 'warm'>;
  /** The leader's answer has begun. */
  begun(circuit: string, hash: string): Promise<void>;
  /** The leader's call has ended before that: the next one leads. */
  gone(circuit: string, hash: string): Promise<void>;
}

/** Providers forget a cache that is not used for five minutes. */
const WARM_MS = 270_000;

export function createPrefixes(redis: RedisClient, keyspace: Keyspace): Prefixes {
  return {
    async enter(circuit, hash, waitMs) {
      // A leader that died leads no longer than others wait for it.
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
