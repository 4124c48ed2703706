// Budgets of keys: reserved when a request is accepted, settled when it has ended, so that no number of concurrent
// requests can spend a budget twice. The books in SQL are the truth; Redis has the running sum.
import { sql } from 'kysely';
import type { ChargeUnits } from '../contracts/money.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { untilTaken } from '../storage/redis-trouble.ts';
import type { ApiKey } from './api-key.ts';

/** Travels in the request record: what was reserved, and where. */
export interface BudgetReservation {
  account: string;
  units: ChargeUnits;
}

export interface Budgets {
  /** Reserves, or says how many units are left when they are too few. */
  reserve(key: ApiKey, requestId: string, units: ChargeUnits, deadlineAtMs: number): Promise<ReserveResult>;
  /**
   * The request was not accepted, as far as its client was told: nothing stays reserved for it. Should it run nevertheless, `settle`
   * books it. Safe to call twice.
   */
  giveBack(reservation: BudgetReservation, requestId: string): Promise<void>;
  /** Safe to call twice. */
  settle(reservation: BudgetReservation, requestId: string, charge: ChargeUnits): Promise<void>;
}

export type ReserveResult =
  | { kind: 'unlimited' }
  | { kind: 'reserved'; reservation: BudgetReservation }
  | { kind: 'exhausted'; left: ChargeUnits };

/** The sum is read from SQL again when the key was not used for so long. */
const BUDGET_TTL_MS = 40 * 24 * 3_600_000;

const admitScript = loadLuaScript(import.meta.url, './budget-admit.lua');
const settleScript = loadLuaScript(import.meta.url, './budget-settle.lua');

/** Start of the period that a budget counts in: a day as the ledger writes it, or null for all time. */
function periodStart(key: ApiKey, nowMs: number): string | null {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  if (key.settings.budgetPeriod === 'total') return null;
  return key.settings.budgetPeriod === 'day' ? day : `${day.slice(0, 8)}01`;
}

export interface BudgetReader {
  /** Units charged to a key since a day (null: ever), by the books. */
  spentSince(keyId: string, day: string | null): Promise<ChargeUnits>;
}

export function createBudgetReader(database: Database): BudgetReader {
  return {
    async spentSince(keyId, day) {
      let query = database
        .selectFrom('requests')
        .select(sql<unknown>`coalesce(sum(charge_units), 0)`.as('spent'))
        .where('key_id', '=', keyId);
      if (day !== null) query = query.where('day', '>=', day);
      return asNumber((await query.executeTakeFirstOrThrow()).spent);
    },
  };
}

/** @param reader only needed where `reserve` is called. */
export function createBudgets(redis: RedisClient, keyspace: Keyspace, reader: BudgetReader | null): Budgets {
  const keysOf = (account: string) => [keyspace.budget(account), `${keyspace.budget(account)}:holds`];

  /** @param charge empty to give the reservation back. */
  async function end(reservation: BudgetReservation, requestId: string, charge: ChargeUnits | ''): Promise<void> {
    const args = [`${requestId}:${reservation.units}`, reservation.units, charge, `${requestId}:given-back`];
    await runScript(redis, settleScript, keysOf(reservation.account), args);
  }

  function forget(reservation: BudgetReservation, requestId: string, deadlineAtMs: number): void {
    const patience = { onError: () => undefined, isOver: () => Date.now() > deadlineAtMs };
    untilTaken(() => end(reservation, requestId, ''), patience).catch(() => undefined);
  }

  return {
    async reserve(key, requestId, units, deadlineAtMs) {
      const limit = key.settings.budgetUnits;
      if (limit === null) return { kind: 'unlimited' };
      const since = periodStart(key, Date.now());
      const account = since === null ? key.id : `${key.id}:${since}`;
      const keys = keysOf(account);
      for (;;) {
        const args = [requestId, units, limit, deadlineAtMs, BUDGET_TTL_MS];
        const admitted = runScript(redis, admitScript, keys, args);
        // Redis may take the reservation after the request was refused: it must not stay.
        admitted.catch(() => forget({ account, units }, requestId, deadlineAtMs));
        const [kind, left] = (await admitted) as [number, number?];
        if (kind === 1) return { kind: 'reserved', reservation: { account, units } };
        if (kind === 0) return { kind: 'exhausted', left: left! };
        await redis.hsetnx(keys[0]!, 'spent', String(await reader!.spentSince(key.id, since)));
      }
    },
    giveBack: (reservation, requestId) => end(reservation, requestId, ''),
    settle: end,
  };
}
