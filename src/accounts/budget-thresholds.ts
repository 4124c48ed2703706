// Finds budgets that have reached a threshold. Spending is read from the running sums in Redis; a budget without one was not used
// in its period.
import { sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { accountPages } from './account-pages.ts';
import { readStoredSettings } from './api-key.ts';
import { type Budget, periodsOf } from './budgets.ts';

export interface ReachedThreshold {
  budget: Budget;
  /** Name of the key, project or organisation. */
  name: string;
  percent: number;
  spent: bigint;
}

const HAS_BUDGETS = sql<boolean>`settings not like '%"budgets":{}%'`;

/** For each budget, the highest threshold that its spending has reached. */
export async function* reachedThresholds(
  { database, redis, keyspace }: { database: Database; redis: RedisClient; keyspace: Keyspace },
  percents: readonly number[],
  nowMs: number,
): AsyncGenerator<ReachedThreshold> {
  const descending = [...percents].sort((a, b) => b - a);
  for await (const page of pagesOfBudgets(database, nowMs)) {
    const sums = await Promise.all(page.map(({ budget }) => redis.hget(keyspace.budget(budget.account), 'spent')));
    for (const [index, { budget, name }] of page.entries()) {
      const spent = BigInt(sums[index] ?? 0);
      const percent = descending.find((one) => spent * 100n >= BigInt(budget.limit) * BigInt(one));
      if (percent !== undefined && spent > 0n) yield { budget, name, percent, spent };
    }
  }
}

async function* pagesOfBudgets(database: Database, nowMs: number): AsyncGenerator<{ budget: Budget; name: string }[]> {
  for await (const page of accountPages(database, HAS_BUDGETS)) {
    yield page.flatMap(({ id, kind, name, settings }) =>
      periodsOf({ id, kind }, readStoredSettings(settings).budgets, nowMs).map((budget) => ({ budget, name })),
    );
  }
}
