// Current prepaid balances, for alerts.
import { sql } from 'kysely';
import type { PicoUsd } from '../contracts/money.ts';
import { asBigint, type Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { accountPages } from './account-pages.ts';
import { readPaidIn } from './account-store.ts';
import { createBudgetReader } from './budgets.ts';

export interface CreditStanding {
  account: string;
  kind: 'key' | 'project' | 'organisation';
  name: string;
  balance: PicoUsd;
  /** The largest of the newest payments, so that a small payment does not make a low balance look high. */
  payment: PicoUsd;
}

const PAYMENTS = 10;
const HAS_CREDITS = sql<boolean>`settings like '%"credits":{%'`;

/** Balances of accounts with at least one payment. */
export async function* creditStandings(context: {
  database: Database;
  redis: RedisClient;
  keyspace: Keyspace;
}): AsyncGenerator<CreditStanding> {
  const { database } = context;
  for await (const page of accountPages(database, HAS_CREDITS)) {
    for (const { id, kind, name } of page) {
      const payment = await usualPayment(database, id);
      if (payment === null) continue;
      const balance = (await readPaidIn(database, id)) - (await charged(context, id));
      yield { account: id, kind, name, balance, payment };
    }
  }
}

async function usualPayment(database: Database, accountId: string): Promise<PicoUsd | null> {
  const rows = await database
    .selectFrom('credit_entries')
    .select('amount_pico_usd')
    .where('account_id', '=', accountId)
    .where('amount_pico_usd', '>', 0)
    .orderBy('id', 'desc')
    .limit(PAYMENTS)
    .execute();
  const amounts = rows.map((row) => asBigint(row.amount_pico_usd));
  return amounts.length === 0 ? null : amounts.reduce((most, amount) => (amount > most ? amount : most));
}

/** From the running sum in Redis, or else from the ledger. */
async function charged({ database, redis, keyspace }: Parameters<typeof creditStandings>[0], id: string) {
  const sum = await redis.hget(keyspace.budget(`${id}:credits`), 'spent');
  return sum === null ? createBudgetReader(database).spentSince({ id, kind: 'credits' }, null) : BigInt(sum);
}
