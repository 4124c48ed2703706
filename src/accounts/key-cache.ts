// Keys as the API tier looks them up on every request: from memory, SQL at most once a minute per key. A change in any
// process reaches all within a second (Redis pub/sub); a lost message costs a minute.

import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { type ApiKey, hashSecret } from './api-key.ts';
import type { KeyStore } from './key-store.ts';

export interface KeyCache {
  /** Null for an unknown or revoked key. Rejects when SQL is away and the key is not in memory. */
  find(secret: string): Promise<ApiKey | null>;
  forgetAll(): void;
}

const FRESH_MS = 60_000;
/** While SQL is away, keys known before go on working for this long. */
const STALE_MS = 24 * 3_600_000;
/** Wrong keys are remembered too, so a wrong client does not cost a query per call. */
const MAX_REMEMBERED = 50_000;

export function createKeyCache(store: KeyStore, onError: (error: Error) => void): KeyCache {
  const remembered = new Map<string, { key: ApiKey | null; readAtMs: number }>();

  async function read(hash: string): Promise<ApiKey | null> {
    const found = await store.findByHash(hash);
    const key = found === null || found.revokedAtMs !== null ? null : found;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(hash, { key, readAtMs: Date.now() });
    return key;
  }

  return {
    async find(secret) {
      const hash = hashSecret(secret);
      const known = remembered.get(hash);
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : Date.now() - known.readAtMs;
      if (known !== undefined && ageMs < FRESH_MS) return known.key;
      try {
        return await read(hash);
      } catch (error) {
        if (known === undefined || ageMs > STALE_MS) throw error;
        onError(error as Error);
        return known.key;
      }
    },
    forgetAll: () => remembered.clear(),
  };
}

/** Tells every API process that keys have changed. */
export async function announceKeyChange(redis: RedisClient, keyspace: Keyspace): Promise<void> {
  await redis.spublish(keyspace.accountsChannel, 'changed');
}
