// Current prepaid balances, for alerts.
import { sql } from 'kysely';
import type { PicoUsd } from '../contracts/money.ts';
import { asBigint, type Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { readMoney, sumOfMoney } from '../storage/money-sums.ts';
import type { RedisClient } from '../storage/redis.ts';
import { createBudgetReader } from './budgets.ts';

export interface CreditStanding {
  account: string;
  kind: 'key' | 'project' | 'organisation';
  name: string;
  balance: PicoUsd;
  /** The largest of the newest payments, so that a small payment does not make a low balance look high. */
  payment: PicoUsd;
}

const PAGE = 500;
const PAYMENTS = 10;

/** Balances of accounts with at least one payment. Read in pages, so that memory is bounded. */
export async function* creditStandings(context: {
  database: Database;
  redis: RedisClient;
  keyspace: Keyspace;
}): AsyncGenerator<CreditStanding> {
  const { database } = context;
  for (const table of ['accounts', 'api_keys'] as const) {
    let last = '';
    for (;;) {
      const rows = await readPage(database, table, last);
      for (const { id, kind, name } of rows) {
        const payment = await usualPayment(database, id);
        if (payment === null) continue;
        const balance = (await paidIn(database, id)) - (await charged(context, id));
        yield { account: id, kind: kind as CreditStanding['kind'], name, balance, payment };
      }
      if (rows.length < PAGE) break;
      last = rows.at(-1)!.id;
    }
  }
}

async function readPage(database: Database, table: 'accounts' | 'api_keys', after: string) {
  const kind = table === 'accounts' ? sql.ref('kind') : sql.lit('key');
  return database
    .selectFrom(table)
    .where('revoked_at', 'is', null)
    .where('settings', 'like', '%"credits":{%')
    .where('id', '>', after)
    .orderBy('id')
    .limit(PAGE)
    .select(['id', 'name', sql<string>`${kind}`.as('kind')])
    .execute();
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

async function paidIn(database: Database, accountId: string): Promise<PicoUsd> {
  const row = await database
    .selectFrom('credit_entries')
    .select(sumOfMoney('amount_pico_usd', 'paid'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return readMoney(row, 'paid');
}

/** From the running sum in Redis, or else from the ledger. */
async function charged({ database, redis, keyspace }: Parameters<typeof creditStandings>[0], id: string) {
  const sum = await redis.hget(keyspace.budget(`${id}:credits`), 'spent');
  return sum === null ? createBudgetReader(database).spentSince({ id, kind: 'credits' }, null) : BigInt(sum);
}
