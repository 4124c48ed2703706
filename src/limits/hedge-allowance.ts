// Limits the hedges of each model over the whole fleet (hedge-admit.lua). Each process collects the cost of answers and writes it
// once a second, so that the number of commands does not grow with traffic.
import type { PicoUsd } from '../contracts/money.ts';
import type { HedgeTerms } from '../contracts/route-plan.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface HedgeAllowance {
  /** A request of the model was answered. Returns at once. */
  noteAnswer(pool: string, cost: PicoUsd): void;
  /** Counts a hedge with this expected loss; returns the bound instead if it would be exceeded. */
  admit(terms: HedgeTerms, cost: PicoUsd): Promise<AdmittedHedge | 'share' | 'cost'>;
  /** Corrects the expected loss by the actual one. @param lost null if no call was made. */
  correct(admitted: AdmittedHedge, lost: PicoUsd | null): Promise<void>;
  /** Writes what was collected. */
  stop(): void;
}

export interface AdmittedHedge {
  pool: string;
  slice: number;
  cost: PicoUsd;
}

const TELL_EVERY_MS = 1_000;
/** Keeps sums within 64-bit integers. */
const MOST_PICO_USD = 10n ** 17n;

const admitScript = loadLuaScript(import.meta.url, './hedge-admit.lua');
const noteScript = loadLuaScript(import.meta.url, './hedge-note.lua');

export function createHedgeAllowance(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): HedgeAllowance {
  /** By model; bounded by the number of configured models. */
  const gathered = new Map<string, { answers: number; cost: PicoUsd }>();
  let timer: NodeJS.Timeout | null = null;

  function tell(): void {
    timer = null;
    for (const [pool, { answers, cost }] of gathered) {
      runScript(redis, noteScript, [keyspace.hedges(pool)], [answers, bounded(cost).toString()]).catch(onError);
    }
    gathered.clear();
  }

  return {
    noteAnswer(pool, cost) {
      const sum = gathered.get(pool) ?? { answers: 0, cost: 0n };
      gathered.set(pool, { answers: sum.answers + 1, cost: sum.cost + cost });
      timer ??= setTimeout(tell, TELL_EVERY_MS).unref();
    },
    async admit({ pool, sharePercent, extraCostPercent }, expected) {
      const cost = bounded(expected);
      const args = [cost.toString(), sharePercent, extraCostPercent];
      const [slice, why] = (await runScript(redis, admitScript, [keyspace.hedges(pool)], args)) as [number, string?];
      return slice === 0 ? (why as 'share' | 'cost') : { pool, slice, cost };
    },
    async correct({ pool, slice, cost }, lost) {
      const key = keyspace.hedges(pool);
      const change = bounded(lost ?? 0n) - cost;
      const commands = [
        ...(change === 0n ? [] : [redis.hincrby(key, `x${slice}`, change.toString())]),
        ...(lost === null ? [redis.hincrby(key, `n${slice}`, -1)] : []),
      ];
      await Promise.all(commands);
    },
    stop() {
      if (timer === null) return;
      clearTimeout(timer);
      tell();
    },
  };
}

function bounded(cost: PicoUsd): PicoUsd {
  return cost > MOST_PICO_USD ? MOST_PICO_USD : cost;
}
