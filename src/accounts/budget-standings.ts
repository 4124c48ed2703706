// What is left of budgets, for metrics: those with the smallest share left.
import { PICO_PER_USD } from '../contracts/money.ts';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { readStoredSettings } from './api-key.ts';
import { type Budget, periodsOf } from './budgets.ts';

export interface BudgetStanding {
  account: string;
  period: string;
  limitUsd: number;
  /** After reservations of requests in flight; negative if the budget is overspent. */
  leftUsd: number;
}

/** Each is a set of labels in metrics. */
const MAX_SHOWN = 100;
/** At most this many of the newest keys and accounts with a budget are read, with all sums from Redis at once. */
const MAX_READ = 1_000;
const FRESH_MS = 30_000;

/** Reads at most every 30 s, however often it is called. Accounts that were not used in the period are left out. */
export function createBudgetStandings(
  database: Database,
  redis: RedisClient,
  keyspace: Keyspace,
): () => Promise<BudgetStanding[]> {
  let known: Promise<BudgetStanding[]> | null = null;
  let readAtMs = Number.NEGATIVE_INFINITY;

  async function read(): Promise<BudgetStanding[]> {
    const budgets = await readBudgets(database);
    const sums = await Promise.all(
      budgets.map(({ account }) => redis.hmget(keyspace.budget(account), 'spent', 'held')),
    );
    const standings = budgets.flatMap((budget, index) => standingOf(budget, sums[index]!) ?? []);
    return standings.sort((a, b) => a.leftUsd / a.limitUsd - b.leftUsd / b.limitUsd).slice(0, MAX_SHOWN);
  }

  return () => {
    if (known === null || performance.now() - readAtMs > FRESH_MS) {
      readAtMs = performance.now();
      const reading = read();
      known = reading;
      reading.catch(() => {
        if (known === reading) known = null;
      });
    }
    return known;
  };
}

async function readBudgets(database: Database): Promise<Budget[]> {
  const now = Date.now();
  const read = async (table: 'api_keys' | 'accounts') => {
    const rows = await database
      .selectFrom(table)
      .select(['id', 'settings'])
      .where('revoked_at', 'is', null)
      .where('settings', 'not like', '%"budgets":{}%')
      .orderBy('created_at', 'desc')
      .limit(MAX_READ)
      .execute();
    // The kind only matters for reading sums from the ledger; these come from Redis.
    return rows.flatMap(({ id, settings }) =>
      periodsOf({ id, kind: 'key' }, readStoredSettings(settings).budgets, now),
    );
  };
  return [...(await read('accounts')), ...(await read('api_keys'))];
}

function standingOf({ owner, period, limit }: Budget, [spent, held]: (string | null)[]): BudgetStanding | null {
  if (spent == null) return null;
  const left = BigInt(limit) - BigInt(spent) - BigInt(held ?? 0);
  return { account: owner.id, period, limitUsd: usdOf(BigInt(limit)), leftUsd: usdOf(left) };
}

/** Rounded: good enough for graphs. */
function usdOf(pico: bigint): number {
  return Number(pico) / Number(PICO_PER_USD);
}
