// How soon a deployment usually begins to answer, which is how long a second attempt waits (workers/inference/race.ts). Read from
// the samples of the strategies (signals.ts). Unstreamed answers, whose first and last bytes arrive together, have separate
// samples.
import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { KEPT_MS, quantile, type SpeedLog } from './signals.ts';

export interface UsualBegin {
  /** The 95th percentile of the time to begin, of the latest answers of all workers; null with too few samples. Milliseconds. */
  read(circuit: string, isStream: boolean): Promise<number | null>;
}

const PART = 0.95;
/** Fewer samples do not show the slowest five percent. */
const LEAST_SAMPLES = 20;
const FRESH_MS = 1_000;
const MAX_REMEMBERED = 5_000;

export function createUsualBegin(redis: RedisClient, keyspace: Keyspace): UsualBegin {
  const known = new LRUCache<string, Promise<number | null>>({ ...atMost(MAX_REMEMBERED), ttl: FRESH_MS });

  async function readSamples(name: string): Promise<number | null> {
    const samples = (await redis.lrange(keyspace.speeds(name), 0, -1)).map((text) => text.split(' '));
    const fresh = samples.filter(([atMs]) => Date.now() - Number(atMs) <= KEPT_MS);
    if (fresh.length < LEAST_SAMPLES) return null;
    return quantile(
      fresh.map(([, beginMs]) => Number(beginMs)),
      PART,
    );
  }

  return {
    read(circuit, isStream) {
      const name = sampleName(circuit, isStream);
      let reading = known.get(name);
      if (reading === undefined) {
        reading = readSamples(name);
        known.set(name, reading);
        // A failed read is repeated at the next call.
        reading.catch(() => known.delete(name));
      }
      return reading;
    },
  };
}

/** @param beginMs how long the answer took to begin; if none came, how long the attempt waited. */
export function noteBegin(speeds: SpeedLog, circuit: string, isStream: boolean, beginMs: number): void {
  speeds.note(sampleName(circuit, isStream), { firstTokenMs: beginMs, tokensPerSecond: null });
}

function sampleName(circuit: string, isStream: boolean): string {
  return isStream ? circuit : `${circuit} whole`;
}
