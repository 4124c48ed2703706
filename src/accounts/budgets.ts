// Budgets: reserved when a request is accepted and settled when it has ended, so that concurrent requests cannot overspend a
// budget. They count the exact cost, in picodollars. The ledger in SQL is authoritative; Redis has the running sums.
import { chargeOf, type PicoUsd, picoOfCharge } from '../contracts/money.ts';
import type { BudgetReservation } from '../contracts/request-record.ts';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { untilTaken } from '../storage/redis-trouble.ts';
import { readSpending } from '../storage/rollups.ts';
import type { AccountBudgets, AccountKind, ApiKey, BudgetPeriod } from './api-key.ts';

export interface Budgets {
  /** Reserves in every budget of the key, or in none; then returns how much is left in the one with too little. */
  reserve(key: ApiKey, request: Reserving): Promise<ReserveResult>;
  /**
   * Releases the reservation of a request that its client was told is not accepted. If it runs nevertheless, `settle` still
   * books it. Safe to call twice.
   */
  giveBack(reservation: BudgetReservation, requestId: string): Promise<void>;
  /** Safe to call twice. */
  settle(reservation: BudgetReservation, requestId: string, cost: PicoUsd, charge?: PicoUsd): Promise<void>;
}

export interface Reserving {
  requestId: string;
  /** Estimate of the highest cost. */
  cost: PicoUsd;
  /** Determines the day, week and month that it counts in, as in the ledger. */
  acceptedAtMs: number;
  /** When the reservation expires if it is not settled. Unix ms. */
  untilMs: number;
}

export type ReserveResult =
  | { kind: 'unlimited' }
  | { kind: 'reserved'; reservation: BudgetReservation }
  /** `owner` is the key, project or organisation whose budget it is. */
  | { kind: 'exhausted'; left: PicoUsd; period: BudgetPeriod | 'credits'; owner: string };

/** After this time without use, the sum is read from SQL again. */
const BUDGET_TTL_MS = 40 * 24 * 3_600_000;

const admitScript = loadLuaScript(import.meta.url, './budget-admit.lua');
const settleScript = loadLuaScript(import.meta.url, './budget-settle.lua');

/** One budget in one of its periods, or a prepaid balance. */
export interface Budget {
  /** Identifies its sums in Redis. */
  account: string;
  owner: BudgetOwner;
  period: BudgetPeriod | 'credits';
  /** First day of the period, `YYYY-MM-DD`; null for all time. */
  since: string | null;
  limit: string;
}

/** The key or account whose requests a budget counts. */
export interface BudgetOwner {
  id: string;
  kind: 'key' | AccountKind | 'credits';
}

const DAY_MS = 86_400_000;

/** Weeks begin on Monday; everything is in UTC. */
export function periodStart(period: BudgetPeriod, atMs: number): string | null {
  if (period === 'total') return null;
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (period === 'month') return `${dayOf(atMs).slice(0, 8)}01`;
  const daysSinceMonday = (new Date(atMs).getUTCDay() + 6) % 7;
  return dayOf(period === 'week' ? atMs - daysSinceMonday * DAY_MS : atMs);
}

function budgetsOf(key: ApiKey, atMs: number): Budget[] {
  const { id, settings, above, credits } = key;
  const own = periodsOf({ id, kind: 'key' }, settings.budgets, atMs);
  const shared = above.flatMap((account) => periodsOf(account, account.settings.budgets, atMs));
  if (credits === null) return shared.length === 0 ? own : [...own, ...shared];
  const balance: Budget = {
    account: `${credits.account}:credits`,
    owner: { id: credits.account, kind: 'credits' },
    period: 'credits',
    since: null,
    limit: credits.paidIn,
  };
  return [...own, ...shared, balance];
}

export function periodsOf({ id, kind }: BudgetOwner, budgets: AccountBudgets, atMs: number): Budget[] {
  return Object.entries(budgets).map(([name, limit]) => {
    const period = name as BudgetPeriod;
    const since = periodStart(period, atMs);
    const account = since === null ? `${id}:${period}` : `${id}:${period}:${since}`;
    return { account, owner: { id, kind }, period, since, limit };
  });
}

export interface BudgetReader {
  /** Cost of an account's requests since a day (null: all time) in the ledger; for credits, what was charged. */
  spentSince(owner: BudgetOwner, day: string | null): Promise<PicoUsd>;
}

const COLUMN = {
  key: 'key_id',
  project: 'project_id',
  organisation: 'organisation_id',
  credits: 'credit_account',
} as const;

export function createBudgetReader(database: Database): BudgetReader {
  return {
    async spentSince({ id, kind }, day) {
      const { costPicoUsd, chargeUnits } = await readSpending(database, COLUMN[kind], id, day);
      return kind === 'credits' ? picoOfCharge(chargeUnits) : costPicoUsd;
    },
  };
}

/** @param reader only needed for `reserve`. */
export function createBudgets(redis: RedisClient, keyspace: Keyspace, reader: BudgetReader | null): Budgets {
  const keysOf = (accounts: readonly { account: string }[]) =>
    accounts.flatMap(({ account }) => [keyspace.budget(account), `${keyspace.budget(account)}:reservations`]);

  /** @param spent null to give the reservations back. */
  async function end({ parts = [] }: BudgetReservation, requestId: string, spent: Spent | null): Promise<void> {
    // Reservations of earlier releases have no parts; their sums are no longer read.
    if (parts.length === 0) return;
    const args = parts.flatMap(({ amount, isCharge }) => [
      amount,
      spent === null ? '' : digitsOf(isCharge ? spent.charge : spent.cost),
    ]);
    await runScript(redis, settleScript, keysOf(parts), [requestId, ...args]);
  }

  function forget(reservation: BudgetReservation, requestId: string, untilMs: number): void {
    const patience = { onError: () => undefined, isOver: () => Date.now() > untilMs };
    untilTaken(() => end(reservation, requestId, null), patience).catch(() => undefined);
  }

  async function readSums(budgets: readonly Budget[]): Promise<void> {
    for (const { account, owner, since } of budgets) {
      const spent = await reader!.spentSince(owner, since);
      await redis.hsetnx(keyspace.budget(account), 'spent', spent.toString());
    }
  }

  return {
    async reserve(key, { requestId, cost, acceptedAtMs, untilMs }) {
      const budgets = budgetsOf(key, acceptedAtMs);
      if (budgets.length === 0) return { kind: 'unlimited' };
      const charge = key.credits === null ? 0n : picoOfCharge(chargeOf(cost, key.credits.terms));
      const parts = budgets.map(({ account, period }) =>
        period === 'credits'
          ? { account, amount: digitsOf(charge), isCharge: true as const }
          : { account, amount: digitsOf(cost) },
      );
      const reservation: BudgetReservation = { parts };
      const amounts = budgets.flatMap(({ limit }, index) => [parts[index]!.amount, limit]);
      for (;;) {
        const admitted = runScript(redis, admitScript, keysOf(budgets), [
          requestId,
          untilMs,
          BUDGET_TTL_MS,
          ...amounts,
        ]);
        // Redis may still apply the reservation after the request was refused: it must be released.
        admitted.catch(() => forget(reservation, requestId, untilMs));
        const [kind, ...rest] = (await admitted) as [number, ...(number | string)[]];
        if (kind === 1) return { kind: 'reserved', reservation };
        if (kind === 0) {
          const { period, owner } = budgets[Number(rest[0]) - 1]!;
          return { kind: 'exhausted', left: BigInt(rest[1]!), period, owner: owner.id };
        }
        await readSums(rest.map((number) => budgets[Number(number) - 1]!));
      }
    },
    giveBack: (reservation, requestId) => end(reservation, requestId, null),
    settle: (reservation, requestId, cost, charge = 0n) => end(reservation, requestId, { cost, charge }),
  };
}

/** The amounts counted in budgets and in credits. */
export interface Spent {
  cost: PicoUsd;
  charge: PicoUsd;
}

function digitsOf(amount: PicoUsd): string {
  return (amount > 0n ? amount : 0n).toString();
}
