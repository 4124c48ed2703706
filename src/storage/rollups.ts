// Reads of the ledger's roll-ups outside of reports: how far back they are complete, and what an account has spent.
import { sql, type Transaction } from 'kysely';
import { asNumber, type Database } from './database.ts';
import { boundedSum, moneySums, readMoney } from './money-sums.ts';
import { type Rollup, summedFrom } from './rollup-tables.ts';
import type { Tables } from './tables.ts';

export function isPostgres(database: Database | Transaction<Tables>): boolean {
  return database.getExecutor().adapter.supportsTransactionalDdl === true;
}

/** The first day whose roll-ups are complete; empty if all are. */
export async function readSummedFrom(database: Database | Transaction<Tables>, name: Rollup['name']): Promise<string> {
  const row = await database
    .selectFrom('ledger_progress')
    .select('value')
    .where('name', '=', summedFrom(name))
    .executeTakeFirst();
  return row?.value ?? '';
}

/** The progress that says which hours' sums were deleted, because they were past their time. */
const HOURS_DELETED = 'hours deleted until';

/** The beginning of the first hour, ISO 8601, whose sums are all there; null if none were deleted. */
export async function readHoursFrom(database: Database): Promise<string | null> {
  const progress = database.selectFrom('ledger_progress').select('value').where('name', '=', HOURS_DELETED);
  return (await progress.executeTakeFirst())?.value ?? null;
}

export async function writeHoursFrom(database: Database | Transaction<Tables>, value: string): Promise<void> {
  await database
    .insertInto('ledger_progress')
    .values({ name: HOURS_DELETED, value })
    // Never back: hours that were deleted stay deleted when the retention is raised.
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }).where('ledger_progress.value', '<', value))
    .execute();
}

export interface Spending {
  costPicoUsd: bigint;
  chargeUnits: number;
}

/** @param sinceDay inclusive; null for the whole history. */
export async function readSpending(
  database: Database,
  column: 'key_id' | 'project_id' | 'organisation_id' | 'credit_account',
  id: string,
  sinceDay: string | null,
): Promise<Spending> {
  const from = await readSummedFrom(database, 'request');
  const since = sinceDay ?? '';
  const later = since > from ? since : from;
  const money = 'sum(cost_micro) as cost_micro, sum(cost_rest) as cost_rest';
  const sums = sql.raw(`${money}, sum(charge_units) as units`);
  const rows = [...moneySums('cost_pico_usd', 'cost'), sql`${boundedSum('charge_units')} as units`];
  const of = sql`${sql.ref(column)} = ${id}`;
  const parts = [
    sql`select ${sums} from request_days where ${of} and day >= ${later}`,
    ...(isPostgres(database) ? [sql`select ${sums} from request_changes where ${of} and day >= ${later}`] : []),
    ...(from === ''
      ? []
      : [sql`select ${sql.join(rows)} from requests where ${of} and day >= ${since} and day < ${from}`]),
  ];
  const all = sql.join(parts, sql` union all `);
  const result = await sql<
    Record<string, unknown>
  >`select ${sql.raw(money)}, sum(units) as units from (${all}) as parts`.execute(database);
  const row = result.rows[0]!;
  return { costPicoUsd: readMoney(row, 'cost'), chargeUnits: asNumber(row.units ?? 0) };
}
