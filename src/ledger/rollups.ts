// The jobs that maintain the ledger's roll-ups (storage/rollup-tables.ts): on PostgreSQL changes are added to the sums; rows that
// predate the roll-ups are summed day by day. Every step is one transaction, and so safe to interrupt and to repeat.
import { sql, type Transaction } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import {
  addTo,
  keyOf,
  ROLLUPS,
  type Rollup,
  type RollupUnit,
  summed,
  summedFrom,
  sumsOf,
} from '../storage/rollup-tables.ts';
import { isPostgres, readSummedFrom } from '../storage/rollups.ts';
import type { Tables } from '../storage/tables.ts';

/** Changes per step, which takes some tenths of a second. */
const STEP_CHANGES = 20_000;
/** Writers wait while a day is summed; their messages stay in Redis. */
const LOCK_TIMEOUT = '5s';
const UNITS: readonly RollupUnit[] = ['hours', 'days'];

/** Adds changes to the sums, in one process at a time; the others skip it. */
export async function addChanges(database: Database): Promise<void> {
  if (!isPostgres(database)) return;
  for (const rollup of Object.values(ROLLUPS)) {
    while ((await addStep(database, rollup)) === STEP_CHANGES) await new Promise(setImmediate);
  }
}

/** Returns the number of changes added. */
async function addStep(database: Database, rollup: Rollup): Promise<number> {
  const { name } = rollup;
  return database.transaction().execute(async (transaction) => {
    const lock = await sql<{
      got: boolean;
    }>`select pg_try_advisory_xact_lock(hashtext(${`sluice ${name}`})) as got`.execute(transaction);
    if (!lock.rows[0]!.got) return 0;
    const again = (unit: RollupUnit) => {
      const sums = sumsOf(rollup).map((sum) => `sum(${sum}) as ${sum}`);
      return `select ${[...keyOf(rollup, unit), ...sums]} from moved group by ${keyOf(rollup, unit)}`;
    };
    const { rows } = await sql<{ count: unknown }>`
      with moved as (
        delete from ${sql.raw(name)}_changes
        where ctid = any (array (select ctid from ${sql.raw(name)}_changes limit ${sql.lit(STEP_CHANGES)})) returning *
      ), hours as (${sql.raw(addTo(rollup, 'hours', again('hours'), true))}),
      days as (${sql.raw(addTo(rollup, 'days', again('days'), true))})
      select count(*) as count from moved`.execute(transaction);
    return asNumber(rows[0]!.count);
  });
}

/** Sums the newest day whose rows are not summed yet. False if there is none. */
export async function sumEarlierDay(database: Database, rollup: Rollup): Promise<boolean> {
  if ((await readSummedFrom(database, rollup.name)) === '') return false;
  return database.transaction().execute(async (transaction) => {
    await keepOut(transaction, rollup);
    // Another process may have done it meanwhile.
    const before = await readSummedFrom(transaction, rollup.name);
    if (before === '') return false;
    const { rows } = await sql<{ day: string | null }>`
      select max(day) as day from ${sql.table(rollup.source)} where day < ${before}`.execute(transaction);
    const day = rows[0]?.day ?? null;
    if (day !== null) await sumDay(transaction, rollup, day);
    await transaction
      .updateTable('ledger_progress')
      .set({ value: day ?? '' })
      .where('name', '=', summedFrom(rollup.name))
      .execute();
    return day !== null;
  });
}

/** Blocks writers until the end of the transaction: their changes would be lost or counted twice. */
async function keepOut(transaction: Transaction<Tables>, { source }: Rollup): Promise<void> {
  if (isPostgres(transaction)) {
    await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT)}`.execute(transaction);
    await sql`set local statement_timeout = 0`.execute(transaction);
    await sql`lock table ${sql.table(source)} in share row exclusive mode`.execute(transaction);
    return;
  }
  // In SQLite, a transaction that starts with a read cannot write after another one has written: it starts with a write.
  await sql`update ledger_progress set value = value`.execute(transaction);
}

/** Replaces the day's rows in the roll-ups. */
async function sumDay(transaction: Transaction<Tables>, rollup: Rollup, day: string): Promise<void> {
  const engine = isPostgres(transaction);
  const tables = [...UNITS, ...(engine ? ['changes'] : [])].map((unit) => `${rollup.name}_${unit}`);
  for (const table of tables) await sql`delete from ${sql.table(table)} where day = ${day}`.execute(transaction);
  for (const unit of UNITS) {
    const rows = summed(rollup, unit, rollup.source, `where day = '${day.replaceAll("'", "''")}'`);
    await sql.raw(addTo(rollup, unit, rows, engine)).execute(transaction);
  }
}
