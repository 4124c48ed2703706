// Finds the thresholds that budgets have reached. Spending is read from the running sums in Redis. A sum is missing if the budget was
// not used in its period, but also if Redis has lost it or dropped it as idle: that no threshold is found does not mean that none
// was reached.
import { sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { accountPages } from './account-pages.ts';
import { readStoredSettings } from './api-key.ts';
import { type Budget, periodsOf } from './budgets.ts';

export interface BudgetThreshold {
  budget: Budget;
  /** Name of the key, project or organisation. */
  name: string;
  /** The highest that its spending has reached; null if none is known to be reached. */
  percent: number | null;
  spent: bigint;
}

const HAS_BUDGETS = sql<boolean>`settings not like '%"budgets":{}%'`;

/** Every budget in its current period. */
export async function* budgetThresholds(
  { database, redis, keyspace }: { database: Database; redis: RedisClient; keyspace: Keyspace },
  percents: readonly number[],
  nowMs: number,
): AsyncGenerator<BudgetThreshold> {
  const descending = [...percents].sort((a, b) => b - a);
  for await (const page of pagesOfBudgets(database, nowMs)) {
    const sums = await Promise.all(page.map(({ budget }) => redis.hget(keyspace.budget(budget.account), 'spent')));
    for (const [index, { budget, name }] of page.entries()) {
      const spent = BigInt(sums[index] ?? 0);
      const percent = descending.find((one) => spent > 0n && spent * 100n >= BigInt(budget.limit) * BigInt(one));
      yield { budget, name, percent: percent ?? null, spent };
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
