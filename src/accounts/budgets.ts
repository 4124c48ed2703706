// Budgets: reserved when a request is accepted, settled when it has ended, so that no number of concurrent requests can spend
// a budget twice. They count the true cost, in picodollars. The books in SQL are the truth; Redis has the running sums.
import type { PicoUsd } from '../contracts/money.ts';
import type { BudgetHold } from '../contracts/request-record.ts';
import { type Database, readMoney, sumOfMoney } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { untilTaken } from '../storage/redis-trouble.ts';
import type { ApiKey, BudgetPeriod } from './api-key.ts';

export interface Budgets {
  /** Reserves in every budget of the key, or in none: says how much is left in the one that has too little. */
  reserve(key: ApiKey, request: Reserving): Promise<ReserveResult>;
  /**
   * The request was not accepted, as far as its client was told: nothing stays reserved for it. Should it run nevertheless, `settle`
   * books it. Safe to call twice.
   */
  giveBack(hold: BudgetHold, requestId: string): Promise<void>;
  /** Safe to call twice. */
  settle(hold: BudgetHold, requestId: string, cost: PicoUsd): Promise<void>;
}

export interface Reserving {
  requestId: string;
  /** Highest cost, as far as can be said before. */
  cost: PicoUsd;
  /** Decides in which day, week and month it counts: as the books do. */
  acceptedAtMs: number;
  /** A reservation that nobody settles falls away then. */
  untilMs: number;
}

export type ReserveResult =
  | { kind: 'unlimited' }
  | { kind: 'reserved'; hold: BudgetHold }
  | { kind: 'exhausted'; left: PicoUsd; period: BudgetPeriod };

/** The sum is read from SQL again when the key was not used for so long. */
const BUDGET_TTL_MS = 40 * 24 * 3_600_000;

const admitScript = loadLuaScript(import.meta.url, './budget-admit.lua');
const settleScript = loadLuaScript(import.meta.url, './budget-settle.lua');

/** One budget in one of its periods. */
export interface Budget {
  /** Names its sums in Redis. */
  account: string;
  keyId: string;
  period: BudgetPeriod;
  /** First day of the period, as the ledger writes it; null for all time. */
  since: string | null;
  limit: string;
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

export function budgetsOf({ id: keyId, settings }: Pick<ApiKey, 'id' | 'settings'>, atMs: number): Budget[] {
  return Object.entries(settings.budgets).map(([name, limit]) => {
    const period = name as BudgetPeriod;
    const since = periodStart(period, atMs);
    const account = since === null ? `${keyId}:${period}` : `${keyId}:${period}:${since}`;
    return { account, keyId, period, since, limit };
  });
}

export interface BudgetReader {
  /** Cost of a key's requests since a day (null: ever), by the books. */
  spentSince(keyId: string, day: string | null): Promise<PicoUsd>;
}

export function createBudgetReader(database: Database): BudgetReader {
  return {
    async spentSince(keyId, day) {
      let query = database
        .selectFrom('requests')
        .select(sumOfMoney('cost_pico_usd', 'spent'))
        .where('key_id', '=', keyId);
      if (day !== null) query = query.where('day', '>=', day);
      return readMoney(await query.executeTakeFirstOrThrow(), 'spent');
    },
  };
}

/** @param reader only needed where `reserve` is called. */
export function createBudgets(redis: RedisClient, keyspace: Keyspace, reader: BudgetReader | null): Budgets {
  const keysOf = (accounts: readonly { account: string }[]) =>
    accounts.flatMap(({ account }) => [keyspace.budget(account), `${keyspace.budget(account)}:reservations`]);

  /** @param cost empty to give the reservations back. */
  async function end({ parts = [] }: BudgetHold, requestId: string, cost: PicoUsd | ''): Promise<void> {
    // Reservations of an earlier release have no parts and are in sums that nothing reads any more.
    if (parts.length === 0) return;
    const spending = cost === '' ? '' : (cost > 0n ? cost : 0n).toString();
    await runScript(redis, settleScript, keysOf(parts), [
      requestId,
      ...parts.flatMap(({ amount }) => [amount, spending]),
    ]);
  }

  function forget(hold: BudgetHold, requestId: string, untilMs: number): void {
    const patience = { onError: () => undefined, isOver: () => Date.now() > untilMs };
    untilTaken(() => end(hold, requestId, ''), patience).catch(() => undefined);
  }

  async function readSums(budgets: readonly Budget[]): Promise<void> {
    for (const { account, keyId, since } of budgets) {
      const spent = await reader!.spentSince(keyId, since);
      await redis.hsetnx(keyspace.budget(account), 'spent', spent.toString());
    }
  }

  return {
    async reserve(key, { requestId, cost, acceptedAtMs, untilMs }) {
      const budgets = budgetsOf(key, acceptedAtMs);
      if (budgets.length === 0) return { kind: 'unlimited' };
      const amount = (cost > 0n ? cost : 0n).toString();
      const hold: BudgetHold = { parts: budgets.map(({ account }) => ({ account, amount })) };
      for (;;) {
        const args = [requestId, untilMs, BUDGET_TTL_MS, ...budgets.flatMap(({ limit }) => [amount, limit])];
        const admitted = runScript(redis, admitScript, keysOf(budgets), args);
        // Redis may take the reservation after the request was refused: it must not stay.
        admitted.catch(() => forget(hold, requestId, untilMs));
        const [kind, ...rest] = (await admitted) as [number, ...(number | string)[]];
        if (kind === 1) return { kind: 'reserved', hold };
        if (kind === 0) {
          return { kind: 'exhausted', left: BigInt(rest[1]!), period: budgets[Number(rest[0]) - 1]!.period };
        }
        await readSums(rest.map((number) => budgets[Number(number) - 1]!));
      }
    },
    giveBack: (hold, requestId) => end(hold, requestId, ''),
    settle: end,
  };
}
