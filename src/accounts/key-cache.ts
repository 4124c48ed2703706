// Keys as the API tier looks them up on every request: from memory, read again from SQL once a minute per key that is
// in use, beside the request. A change in any process reaches all within a second (Redis pub/sub): after it every key is
// read before it is used again. Where that message is lost, the first request after a minute still has the old answer.

import { LRUCache } from 'lru-cache';
import { withinOwnTime } from '../storage/own-time.ts';
import { type ApiKey, hashSecret, isRevoked, validUntilMs } from './api-key.ts';
import type { KeyStore } from './key-store.ts';

export interface KeyCache {
  /** Whether a key of this secret is in memory and was good when it was last read. */
  isKnown(secret: string): boolean;
  /** Null for an unknown or revoked key. Rejects, within two seconds, when SQL is away and the key is not in memory. */
  find(secret: string): Promise<ApiKey | null>;
  /** Keys have changed: each is read again before it is used. While SQL is away, the former answer stays valid. */
  doubtAll(): void;
}

const FRESH_MS = 60_000;
/** While SQL is away, keys known before go on working for this long. */
const STALE_MS = 24 * 3_600_000;
/** A database that does not answer keeps a request waiting for so long; the next time RETRY_MS later. */
const LONGEST_WAIT_MS = 1_500;
const RETRY_MS = 5_000;
const MAX_KEYS = 50_000;
/** Wrong keys are remembered too, so a wrong client does not cost a query per call; apart, so that they push no good one out. */
const MAX_WRONG_KEYS = 10_000;
/** Secrets in use whose digest is not made anew for every request: a hundredth of the API's time. */
const MAX_SECRETS = 1_000;

interface Remembered {
  key: ApiKey | null;
  readAtMs: number;
  /** Something has changed since: it must be read before it is used. */
  isDoubted: boolean;
  /** After a read that failed: not before. */
  retryAtMs: number;
}

export function createKeyCache(
  store: Pick<KeyStore, 'findByHash'>,
  onError: (error: Error) => void,
  now: () => number = Date.now,
): KeyCache {
  const good = new LRUCache<string, Remembered>({ max: MAX_KEYS });
  const wrong = new LRUCache<string, Remembered>({ max: MAX_WRONG_KEYS });
  const recall = (hash: string) => good.get(hash) ?? wrong.get(hash);
  const hashes = new LRUCache<string, string>({ max: MAX_SECRETS });
  /** One read per key at a time, however many ask. */
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
    // What changed meanwhile may not be in it.
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
    // A key that was unknown may have been made since: its client waits for the answer, as after a change.
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
      // Guesses push none out.
      if (key !== null) hashes.set(secret, hash);
      return key === null || now() >= validUntilMs(key) ? null : key;
    },
    doubtAll() {
      changes += 1;
      // A request from now on must not join a read that began before the change.
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
