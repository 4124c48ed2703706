// Keys that have just received a stored answer: SQL may not have it yet, so a reference to it is worth a short wait. A client
// that received none refers to something that does not exist, and is refused immediately.
import type { Keyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';

export interface RecentAnswers {
  /** Does not wait for the write. */
  note(keyId: string): void;
  has(keyId: string): Promise<boolean>;
}

/** Writing to SQL takes a fraction of this. */
const RECENT_MS = 3_000;

export function createRecentAnswers(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): RecentAnswers {
  return {
    note: (keyId) => void redis.set(keyspace.answered(keyId), '1', 'PX', RECENT_MS).catch(onError),
    has: async (keyId) => (await redis.exists(keyspace.answered(keyId))) === 1,
  };
}
