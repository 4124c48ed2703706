// Detects unusual spending: compares this hour with the same hour of the days before.
//
// The rule is robust. The usual cost is the median cost of the same hour (UTC) on the days before, hours without cost included.
// Its spread is 1.4826 times the median absolute deviation (the standard deviation if costs are normally distributed), at least a
// tenth of the median. A single outlier moves neither. An hour is unusual if it costs more than the median plus `deviations`
// spreads, more than twice the median, and more than `minPico`. With fewer than seven days of history nothing is unusual.
import type { PicoUsd } from '../contracts/money.ts';
import type { Database } from '../storage/database.ts';
import { reportUsage } from './reports.ts';

export interface AnomalyRule {
  days: number;
  deviations: number;
  minPico: PicoUsd;
}

export interface Anomaly {
  /** `all`, a provider or a client key. */
  scope: 'all' | 'provider' | 'key';
  name: string;
  spent: PicoUsd;
  usual: PicoUsd;
  /** Costs above this are unusual. */
  limit: PicoUsd;
}

export const LEAST_DAYS = 7;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Null with fewer than LEAST_DAYS days. @param before cost of the same hour on each day before. */
export function unusualFrom(before: readonly PicoUsd[], rule: AnomalyRule): { usual: PicoUsd; limit: PicoUsd } | null {
  if (before.length < LEAST_DAYS) return null;
  const usual = median(before);
  const distances = before.map((cost) => (cost > usual ? cost - usual : usual - cost));
  const spread = larger((median(distances) * 14_826n) / 10_000n, usual / 10n);
  const apart = (spread * BigInt(Math.round(rule.deviations * 1_000))) / 1_000n;
  return { usual, limit: larger(larger(usual + apart, usual * 2n), rule.minPico) };
}

function median(values: readonly PicoUsd[]): PicoUsd {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2n;
}

function larger(a: PicoUsd, b: PicoUsd): PicoUsd {
  return a > b ? a : b;
}

type Costs = Map<string, PicoUsd>;

export interface AnomalyWatch {
  /** Anomalies of the current hour. */
  find(nowMs: number): Promise<Anomaly[]>;
}

/** Earlier hours are read once an hour; for each of them the costs per provider and key are kept in memory. */
export function createAnomalyWatch(database: Database, rule: AnomalyRule): AnomalyWatch {
  let known: { hourMs: number; before: Costs[] } | null = null;

  async function hoursBefore(hourMs: number): Promise<Costs[]> {
    if (known?.hourMs === hourMs) return known.before;
    const first = await firstDay(database);
    const before: Costs[] = [];
    for (let day = 1; day <= rule.days; day++) {
      const atMs = hourMs - day * DAY_MS;
      if (first === null || dayOf(atMs) < first) break;
      before.push(await costsOfHour(database, atMs));
    }
    known = { hourMs, before };
    return before;
  }

  return {
    async find(nowMs) {
      const hourMs = nowMs - (nowMs % HOUR_MS);
      const [costs, before] = [await costsOfHour(database, hourMs), await hoursBefore(hourMs)];
      return [...costs].flatMap(([place, spent]) => {
        const found = unusualFrom(
          before.map((hour) => hour.get(place) ?? 0n),
          rule,
        );
        if (found === null || spent <= found.limit) return [];
        const [scope, ...name] = place.split(' ') as [Anomaly['scope'], ...string[]];
        return [{ scope, name: name.join(' '), spent, ...found }];
      });
    },
  };
}

async function costsOfHour(database: Database, hourMs: number): Promise<Costs> {
  const rows = await reportUsage(database, {
    groupBy: ['provider', 'key'],
    filters: { hour: new Date(hourMs).toISOString() },
    from: dayOf(hourMs),
    to: dayOf(hourMs),
  });
  const costs: Costs = new Map();
  for (const { group, costPicoUsd } of rows) {
    for (const place of ['all ', `provider ${group.provider}`, `key ${group.key}`])
      costs.set(place, (costs.get(place) ?? 0n) + costPicoUsd);
  }
  return costs;
}

async function firstDay(database: Database): Promise<string | null> {
  const row = await database.selectFrom('ledger_entries').select('day').orderBy('day').limit(1).executeTakeFirst();
  return row?.day ?? null;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
