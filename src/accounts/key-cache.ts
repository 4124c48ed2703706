// The API tier's key cache, used for every request. Keys in use are refreshed from SQL once a minute, in the background. A change
// in any process reaches all others within a second (Redis pub/sub); after it, every key is read before it is used again. If the
// message is lost, the first request after a minute still gets the old state.

import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import { withinOwnTime } from '../storage/own-time.ts';
import { type ApiKey, hashSecret, isRevoked, validUntilMs } from './api-key.ts';
import type { KeyStore } from './key-store.ts';

export interface KeyCache {
  /** Whether a key with this secret is in memory and was valid when it was last read. */
  isKnown(secret: string): boolean;
  /** Null if unknown, revoked or expired. Rejects within two seconds if SQL is down and the key is not in memory. */
  find(secret: string): Promise<ApiKey | null>;
  /** Call when keys have changed: each is read again before it is used. While SQL is down, the old state stays valid. */
  doubtAll(): void;
}

const FRESH_MS = 60_000;
/** While SQL is down, cached keys remain usable for this long. */
const STALE_MS = 24 * 3_600_000;
/** How long a request waits for a database that does not answer; the next attempt is RETRY_MS later. */
const LONGEST_WAIT_MS = 1_500;
const RETRY_MS = 5_000;
const MAX_KEYS = 50_000;
/** Invalid keys are cached too, to save a query per call; in a separate cache, so that they evict no valid key. */
const MAX_WRONG_KEYS = 10_000;
/** Cached digests of secrets in use; computing them for every request takes a hundredth of the API's CPU time. */
const MAX_SECRETS = 1_000;

interface Remembered {
  key: ApiKey | null;
  readAtMs: number;
  /** Keys have changed since: it must be read before it is used. */
  isDoubted: boolean;
  /** After a failed read: earliest time of the next one. */
  retryAtMs: number;
}

export function createKeyCache(
  store: Pick<KeyStore, 'findByHash'>,
  onError: (error: Error) => void,
  now: () => number = Date.now,
): KeyCache {
  const good = new LRUCache<string, Remembered>(atMost(MAX_KEYS));
  const wrong = new LRUCache<string, Remembered>(atMost(MAX_WRONG_KEYS));
  const recall = (hash: string) => good.get(hash) ?? wrong.get(hash);
  const hashes = new LRUCache<string, string>({ max: MAX_SECRETS });
  /** Reads in flight: one per key, shared by all requests. */
  const reading = new Map<string, Promise<ApiKey | null>>();
  let changes = 0;

  function remember(hash: string, entry: Remembered): void {
    (entry.key === null ? good : wrong).delete(hash);
    (entry.key === null ? wrong : good).set(hash, entry);
  }

  async function load(hash: string): Promise<ApiKey | null> {
    const changesBefore = changes;
    const found = await store.findByHash(hash);
    const key = found === null || isRevoked(found) ? null : found;
    // A change during the read may not be included.
    remember(hash, { key, readAtMs: now(), isDoubted: changes !== changesBefore, retryAtMs: 0 });
    return key;
  }

  function read(hash: string): Promise<ApiKey | null> {
    const running = reading.get(hash);
    if (running !== undefined) return running;
    const started = load(hash).finally(() => {
      if (reading.get(hash) === started) reading.delete(hash);
    });
    reading.set(hash, started);
    started.catch((error: Error) => {
      putOff(hash);
      onError(error);
    });
    return started;
  }

  function putOff(hash: string): void {
    const known = recall(hash);
    if (known !== undefined) known.retryAtMs = now() + RETRY_MS;
  }

  async function recallOrRead(hash: string): Promise<ApiKey | null> {
    const known = recall(hash);
    const ageMs = known === undefined ? Number.POSITIVE_INFINITY : now() - known.readAtMs;
    if (known === undefined || ageMs > STALE_MS) return withinLimit(read(hash));
    if ((ageMs < FRESH_MS && !known.isDoubted) || now() < known.retryAtMs) return known.key;
    const again = read(hash);
    // An unknown key may have been created since: wait for the read, as after a change.
    if (known.key !== null && !known.isDoubted) return known.key;
    try {
      return await withinLimit(again);
    } catch {
      putOff(hash);
      return known.key;
    }
  }

  return {
    isKnown: (secret) => good.has(hashes.get(secret) ?? hashSecret(secret)),
    async find(secret) {
      const hash = hashes.get(secret) ?? hashSecret(secret);
      const key = await recallOrRead(hash);
      // Invalid keys must not evict others.
      if (key !== null) hashes.set(secret, hash);
      return key === null || now() >= validUntilMs(key) ? null : key;
    },
    doubtAll() {
      changes += 1;
      // Later requests must not share a read that began before the change.
      reading.clear();
      for (const entry of [...good.values(), ...wrong.values()]) {
        entry.isDoubted = true;
        entry.retryAtMs = 0;
      }
    },
  };
}

function withinLimit<T>(work: Promise<T>): Promise<T> {
  return withinOwnTime(
    LONGEST_WAIT_MS,
    work,
    () => new Error(`the database did not answer within ${LONGEST_WAIT_MS} ms`),
  );
}
