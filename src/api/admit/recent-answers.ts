// Which keys have been given an answer that is kept, a moment ago: SQL may not have it yet, and who refers to it is worth a
// short wait. A client that was given none names what there is not, and is told at once.
import type { Keyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';

export interface RecentAnswers {
  /** Returns at once. */
  note(keyId: string): void;
  has(keyId: string): Promise<boolean>;
}

/** Writing takes a fraction of it. */
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
