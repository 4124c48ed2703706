// Admin routes of budgets of keys, projects and organisations: what the ledger says is spent, and a linear forecast for the end
// of the period.
import type { FastifyInstance } from 'fastify';
import { createAccountStore } from '../../accounts/account-store.ts';
import type { BudgetPeriod } from '../../accounts/api-key.ts';
import { type BudgetOwner, createBudgetReader, periodStart } from '../../accounts/budgets.ts';
import { formatUsd } from '../../contracts/money.ts';
import type { ApiContext } from '../context.ts';

interface NamedBudget {
  owner: BudgetOwner;
  name: string;
  period: BudgetPeriod;
  limit: string;
}

export function registerAdminBudgets(admin: FastifyInstance, context: ApiContext): void {
  const reader = createBudgetReader(context.database);
  const accounts = createAccountStore(context.database);
  admin.get('/budgets', async () => {
    const [keys, above] = await Promise.all([context.keyStore.list(), accounts.list()]);
    const owners = [...above, ...keys.map((key) => ({ ...key, kind: 'key' as const }))];
    const budgets = owners
      .filter(({ revokedAtMs }) => revokedAtMs === null)
      .flatMap(({ id, kind, name, settings }) =>
        Object.entries(settings.budgets).map(([period, limit]) => ({
          owner: { id, kind },
          name,
          period: period as BudgetPeriod,
          limit,
        })),
      );
    const now = Date.now();
    return { data: await Promise.all(budgets.map((budget) => describe(budget, now))) };
  });

  async function describe({ owner, name, period, limit }: NamedBudget, now: number) {
    const since = periodStart(period, now);
    const spent = await reader.spentSince(owner, since);
    const ends = endOf(period, since);
    return {
      id: owner.id,
      kind: owner.kind,
      name,
      period,
      budget_usd: formatUsd(BigInt(limit)),
      spent_usd: formatUsd(spent),
      since,
      ends_at: ends === null ? null : new Date(ends).toISOString(),
      /** Null for a budget without a period. */
      forecast_usd: since === null || ends === null ? null : formatUsd(forecast(spent, Date.parse(since), ends, now)),
    };
  }
}

const DAY_MS = 86_400_000;
/** No forecast this early in a period: a single request would dominate it. */
const SHORTEST_PART_MS = 3_600_000;

function forecast(spent: bigint, fromMs: number, endsMs: number, now: number): bigint {
  const passedMs = Math.max(now - fromMs, SHORTEST_PART_MS);
  return (spent * BigInt(endsMs - fromMs)) / BigInt(Math.round(passedMs));
}

function endOf(period: BudgetPeriod, since: string | null): number | null {
  if (since === null) return null;
  const start = new Date(since);
  if (period === 'month') return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
  return start.getTime() + (period === 'week' ? 7 : 1) * DAY_MS;
}
