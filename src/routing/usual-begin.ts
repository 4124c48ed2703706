// How soon a deployment usually begins to answer: what a second attempt waits for (workers/inference/race.ts). Read from the
// samples that strategies have (signals.ts); answers that are not streamed, whose first byte comes with their last, have
// samples of their own.
import { LRUCache } from 'lru-cache';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { KEPT_MS, quantile, type SpeedLog } from './signals.ts';

export interface UsualBegin {
  /** What 95 of 100 answers begin within, of the last of all workers; null where too few are known. Milliseconds. */
  read(circuit: string, isStream: boolean): Promise<number | null>;
}

const PART = 0.95;
/** Fewer say nothing about the slowest twentieth. */
const LEAST_SAMPLES = 20;
const FRESH_MS = 1_000;
const MAX_REMEMBERED = 5_000;

export function createUsualBegin(redis: RedisClient, keyspace: Keyspace): UsualBegin {
  const known = new LRUCache<string, Promise<number | null>>({ max: MAX_REMEMBERED, ttl: FRESH_MS });

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
        // What could not be read is read again.
        reading.catch(() => known.delete(name));
      }
      return reading;
    },
  };
}

/** @param beginMs how long an answer took to begin; of one that did not come, how long it was waited for. */
export function noteBegin(speeds: SpeedLog, circuit: string, isStream: boolean, beginMs: number): void {
  speeds.note(sampleName(circuit, isStream), { firstTokenMs: beginMs, tokensPerSecond: null });
}

function sampleName(circuit: string, isStream: boolean): string {
  return isStream ? circuit : `${circuit} whole`;
}
