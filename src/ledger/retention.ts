// Deletes expired rows, in steps of a fraction of a second. Daily sums are kept for ever: statements, budgets and reconciliations
// read those. A request with an unsettled attempt is kept, with all of its attempts, until that one is settled.
import { sql, type Transaction } from 'kysely';
import type { LedgerSettings } from '../config/server-schema.ts';
import { asNumber, type Database } from '../storage/database.ts';
import { LEDGER_TABLES, listPartitions, type Partition, REST } from '../storage/ledger-partitions.ts';
import { HOUR_MS, RETENTION, ROLLUPS } from '../storage/rollup-tables.ts';
import { isPostgres, readSummedFrom, writeHoursFrom } from '../storage/rollups.ts';
import type { Tables } from '../storage/tables.ts';

const DAY_MS = 86_400_000;
const STEP_ROWS = 1_000;
/** Per call; the next call continues. */
const MAX_STEPS = 200;
const LOCK_TIMEOUT = '3s';
const TIMELINES = 'timelines deleted until';

/** Safe to repeat and to interrupt. Does nothing until all rows are in the roll-ups. */
export async function applyRetention(database: Database, settings: LedgerSettings, nowMs = Date.now()): Promise<void> {
  for (const { name } of Object.values(ROLLUPS)) if ((await readSummedFrom(database, name)) !== '') return;
  const { keep_requests_days: requests, keep_timelines_days: timelines, keep_hours_days: hours } = settings;
  const before = (days: number) => nowMs - days * DAY_MS;
  if (requests !== undefined) await deleteRequests(database, before(requests));
  if (timelines !== undefined) await inSteps(() => deleteTimelines(database, before(timelines)));
  if (hours === undefined) return;
  for (const { name } of Object.values(ROLLUPS)) await inSteps(() => deleteHour(database, name, before(hours)));
}

/** @param step resolves to false if nothing is left. */
async function inSteps(step: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < MAX_STEPS; count++) {
    if (!(await step())) return;
    await new Promise(setImmediate);
  }
}

async function deleteRequests(database: Database, beforeMs: number): Promise<void> {
  const list = () => (isPostgres(database) ? listPartitions(database) : []);
  for (const partition of await list()) {
    if (partition.untilMs !== null && partition.untilMs <= beforeMs) await dropPartition(database, partition);
  }
  const partitions = await list();
  const isWhole = partitions.length === 0;
  const rest = partitions.filter(({ suffix }) => (REST as readonly string[]).includes(suffix));
  const suffixes = isWhole ? [''] : rest.map(({ suffix }) => `_${suffix}`);
  for (const suffix of suffixes) await inSteps(() => deleteSome(database, suffix, beforeMs));
}

/** Runs deletions that leave the roll-ups unchanged: their triggers do nothing while RETENTION is set. */
function withoutSums<T>(database: Database, run: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
  return database.transaction().execute(async (transaction) => {
    if (isPostgres(transaction)) {
      await sql.raw(`set local ${RETENTION} = 'on'`).execute(transaction);
      return run(transaction);
    }
    await transaction.insertInto('ledger_progress').values({ name: RETENTION, value: 'on' }).execute();
    const result = await run(transaction);
    await transaction.deleteFrom('ledger_progress').where('name', '=', RETENTION).execute();
    return result;
  });
}

/**
 * Drops the partition of a past month; requests with unsettled attempts move to the partition for the rest. They are looked up
 * before any lock is taken: reading a month takes long, and the writer would wait. No request runs long enough to add one later.
 */
async function dropPartition(database: Database, { suffix }: Partition): Promise<void> {
  const ids = await unsettledIn(database, suffix);
  await withoutSums(database, async (transaction) => {
    const run = (text: string) => sql.raw(text).execute(transaction);
    await run(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    // In the order in which the writer locks them.
    for (const table of LEDGER_TABLES) {
      if (!(await exists(transaction, `${table}_${suffix}`))) return;
      await run(`alter table ${table} detach partition ${table}_${suffix}`);
    }
    for (const table of ids.length === 0 ? [] : LEDGER_TABLES) {
      const columns = sql.raw(await columnsOf(transaction, table));
      await sql`insert into ${sql.table(table)} (${columns}) select ${columns} from ${sql.table(`${table}_${suffix}`)}
        where request_id = any(${ids})`.execute(transaction);
    }
    await run(`drop table ledger_entries_${suffix}, requests_${suffix}`);
  });
}

async function unsettledIn(database: Database, suffix: string): Promise<string[]> {
  return database.transaction().execute(async (transaction) => {
    const entries = `ledger_entries_${suffix}`;
    if (!(await exists(transaction, entries))) return [];
    await sql`set local statement_timeout = 0`.execute(transaction);
    const { rows } = await sql<{ id: string }>`
      select distinct request_id as id from ${sql.table(entries)} where state = 'unsettled'`.execute(transaction);
    return rows.map(({ id }) => id);
  });
}

async function exists(transaction: Transaction<Tables>, table: string): Promise<boolean> {
  const { rows } = await sql<{ name: string | null }>`select to_regclass(${table})::text as name`.execute(transaction);
  return rows[0]!.name !== null;
}

async function columnsOf(transaction: Transaction<Tables>, table: string): Promise<string> {
  const { rows } = await sql<{ names: string }>`
    select string_agg(attname, ', ') as names from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped`.execute(transaction);
  return rows[0]!.names;
}

function deleteSome(database: Database, suffix: string, beforeMs: number): Promise<boolean> {
  const [requests, entries] = [sql.table(`requests${suffix}`), sql.table(`ledger_entries${suffix}`)];
  return withoutSums(database, async (transaction) => {
    const { rows } = await sql<{ request_id: string }>`
      select request_id from ${requests} as old where accepted_at < ${beforeMs} and not exists (
        select 1 from ${entries} as entry where entry.request_id = old.request_id and state = 'unsettled')
      order by accepted_at limit ${sql.lit(STEP_ROWS)}`.execute(transaction);
    if (rows.length === 0) return false;
    const ids = sql.join(rows.map(({ request_id: id }) => id));
    await sql`delete from ${entries} where request_id in (${ids})`.execute(transaction);
    await sql`delete from ${requests} where request_id in (${ids})`.execute(transaction);
    return rows.length === STEP_ROWS;
  });
}

/** Clears timelines, from where the last step ended; the other columns of the requests are kept. */
function deleteTimelines(database: Database, beforeMs: number): Promise<boolean> {
  return withoutSums(database, async (transaction) => {
    const progress = await transaction
      .selectFrom('ledger_progress')
      .selectAll()
      .where('name', '=', TIMELINES)
      .executeTakeFirst();
    const fromMs = Number(progress?.value ?? 0);
    const rows = await transaction
      .selectFrom('requests')
      .select(['request_id', 'accepted_at'])
      .where('accepted_at', '>=', fromMs)
      .where('accepted_at', '<', beforeMs)
      .orderBy('accepted_at')
      .limit(STEP_ROWS)
      .execute();
    const isLast = rows.length < STEP_ROWS;
    const ids = rows.map(({ request_id: id }) => id);
    if (ids.length > 0)
      await transaction
        .updateTable('requests')
        .set({ timeline: '[]' })
        .where('request_id', 'in', ids)
        .where('timeline', '<>', '[]')
        .execute();
    const last = asNumber(rows.at(-1)?.accepted_at ?? 0);
    const value = String(isLast ? Math.max(fromMs, beforeMs) : Math.max(last, fromMs + 1));
    await transaction
      .insertInto('ledger_progress')
      .values({ name: TIMELINES, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    return !isLast;
  });
}

/** Records the new start of the hourly sums in the same transaction, so that reports can tell that they are incomplete. */
async function deleteHour(database: Database, name: string, beforeMs: number): Promise<boolean> {
  const table = sql.table(`${name}_hours`);
  const { rows } = await sql<{ hour: unknown }>`select min(hour) as hour from ${table}`.execute(database);
  const hour = rows[0]?.hour ?? null;
  if (hour === null || asNumber(hour) >= beforeMs) return false;
  await database.transaction().execute(async (transaction) => {
    await writeHoursFrom(transaction, new Date(Math.ceil(beforeMs / HOUR_MS) * HOUR_MS).toISOString());
    await sql`delete from ${table} where hour = ${asNumber(hour)}`.execute(transaction);
  });
  return true;
}
