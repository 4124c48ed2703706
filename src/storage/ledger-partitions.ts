// Partitions the ledger's two tables by month on PostgreSQL. A partition is a range of request ids, which begin with the shard
// and the time of acceptance. So the primary key still rejects rows that are written twice, statements of every release work
// unchanged, and a month's requests are dropped together with their attempts. Ids of another form are in the default partition.
import { sql, type Transaction } from 'kysely';
import { replyShardDigit, TIME_DIGITS, toDigits } from '../contracts/ids.ts';
import { type Database, openDatabase } from './database.ts';
import { ROLLUPS, statementTriggers } from './rollup-tables.ts';
import { isPostgres } from './rollups.ts';
import type { Tables } from './tables.ts';

export const LEDGER_TABLES = ['ledger_entries', 'requests'] as const;
type LedgerTable = (typeof LEDGER_TABLES)[number];

/** Partitions are created this many months ahead. */
const MONTHS_AHEAD = 3;
/** Short, because later statements on the table wait for one that waits for its lock. */
const LOCK_TIMEOUT = '3s';
/** A partition is added under a lock that writers wait for, and the rows of the one for the rest are read: it has few. */
const ADDING_TIMEOUT = '10s';

/** Partitions that are not of a month: the rows from before partitioning, and ids without a time. */
export const REST = ['before', 'default'] as const;

export interface Partition {
  /** Follows the name of either table. */
  suffix: string;
  /** End of its range, exclusive, unix ms; null if it has none. */
  untilMs: number | null;
}

/**
 * Partitions tables that are not partitioned yet, and creates the partitions of the coming months. Safe to repeat, in any number
 * of processes. Rejects if the role may not create tables (then `sluice migrate` does it), and while the tables are busy.
 */
export async function preparePartitions(database: Database, replyShards: number, nowMs = Date.now()): Promise<void> {
  if (!isPostgres(database)) return;
  for (const table of LEDGER_TABLES) {
    if (!(await isPartitioned(database, table))) await partition(database, table, nowMs);
    if (await isPartitioned(database, table)) await addMonths(database, table, replyShards, nowMs);
  }
}

/** For a command that runs as a role that may create tables. */
export async function makePartitions(databaseUrl: string, replyShards: number): Promise<void> {
  const database = await openDatabase(databaseUrl, () => undefined);
  await preparePartitions(database, replyShards).finally(() => database.destroy());
}

export async function listPartitions(database: Database | Transaction<Tables>): Promise<Partition[]> {
  const { rows } = await sql<{ name: string; bound: string }>`
    select child.relname as name, pg_get_expr(child.relpartbound, child.oid) as bound
    from pg_inherits join pg_class child on child.oid = inhrelid where inhparent = 'requests'::regclass`.execute(
    database,
  );
  return rows.map(({ name, bound }) => ({ suffix: name.slice('requests_'.length), untilMs: endOf(bound) }));
}

const UPPER_BOUND = new RegExp(`TO \\('req_.([0-9a-z]{${TIME_DIGITS}})'\\)$`);

function endOf(bound: string): number | null {
  const digits = UPPER_BOUND.exec(bound)?.[1];
  if (digits === undefined) return null;
  return [...digits].reduce((sum, digit) => sum * 32 + DIGITS.indexOf(digit), 0);
}

const DIGITS = Array.from({ length: 32 }, (_, value) => replyShardDigit(value)).join('');

async function isPartitioned(database: Database | Transaction<Tables>, table: LedgerTable): Promise<boolean> {
  const { rows } = await sql<{
    kind: string;
  }>`select relkind as kind from pg_class where oid = ${table}::regclass`.execute(database);
  return rows[0]?.kind === 'p';
}

function monthStart(nowMs: number, later: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + later);
}

/** The smallest request id of a shard at this time. */
function idAt(digit: string, atMs: number): string {
  return `req_${digit}${toDigits(atMs, TIME_DIGITS)}`;
}

async function addMonths(database: Database, table: LedgerTable, replyShards: number, nowMs: number): Promise<void> {
  const known = await partitionNames(database, table);
  for (let shard = 0; shard < replyShards; shard++) {
    for (let later = 0; later <= MONTHS_AHEAD; later++) {
      const [from, to] = [monthStart(nowMs, later), monthStart(nowMs, later + 1)];
      const digit = replyShardDigit(shard);
      const name = `${table}_${digit}_${new Date(from).toISOString().slice(0, 7).replace('-', '_')}`;
      if (known.has(name)) continue;
      await addPartition(
        database,
        `create table if not exists ${name} partition of ${table}
        for values from ('${idAt(digit, from)}') to ('${idAt(digit, to)}')`,
      );
    }
  }
}

async function partitionNames(database: Database, table: LedgerTable): Promise<Set<string>> {
  const { rows } = await sql<{ name: string }>`
    select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = ${table}::regclass`.execute(database);
  return new Set(rows.map(({ name }) => name));
}

/** The range overlaps a partition (`before`), or the default partition has rows of it, which stay there. */
const TAKEN = new Set(['42P17', '23514']);

async function addPartition(database: Database, statement: string): Promise<void> {
  try {
    await locked(database, (transaction) => sql.raw(statement).execute(transaction), ADDING_TIMEOUT);
  } catch (error) {
    if (!TAKEN.has((error as { code?: string }).code ?? '')) throw error;
  }
}

/** @param statementTimeout none, unless writers wait while it runs. */
function locked<T>(
  database: Database,
  run: (transaction: Transaction<Tables>) => Promise<T>,
  statementTimeout = '0',
): Promise<T> {
  return database.transaction().execute(async (transaction) => {
    await sql.raw(`set local lock_timeout = '${LOCK_TIMEOUT}'`).execute(transaction);
    await sql.raw(`set local statement_timeout = '${statementTimeout}'`).execute(transaction);
    return run(transaction);
  });
}

/**
 * Turns a table with rows into the partition of everything before a month that has not begun. A check constraint is validated
 * first, while others read and write, so that the swap need not scan the table and takes milliseconds. If the ids do not allow
 * it (several shards, another form), the table stays as it is, and old rows are deleted step by step.
 */
async function partition(database: Database, table: LedgerTable, nowMs: number): Promise<void> {
  if (!(await takeLease(database, table, LEASE_MS))) return;
  const before = idAt(replyShardDigit(0), monthStart(nowMs, 2));
  const [change, constraint] = [`alter table ${table}`, `${table}_before`];
  try {
    await alone(database, table, [
      `${change} drop constraint if exists ${constraint}`,
      `${change} add constraint ${constraint} check (request_id < '${before}') not valid`,
    ]);
    await alone(database, table, [`${change} validate constraint ${constraint}`]);
    await alone(database, table, swapping(table, before));
    await giveLease(database, table);
  } catch (error) {
    await alone(database, table, [`${change} drop constraint if exists ${constraint}`]);
    if ((error as { code?: string }).code !== '23514') await giveLease(database, table);
    else await takeLease(database, table, UNFIT_MS, true);
    if ((error as { code?: string }).code !== '23514') throw error;
  }
}

/** Far longer than the scan of the largest table. */
const LEASE_MS = 6 * 3_600_000;
/** A table whose ids did not allow partitioning is tried again after this time. */
const UNFIT_MS = 30 * 86_400_000;

/**
 * Keeps others from partitioning the same table: two processes would each add their constraint to the table that the other has
 * already swapped in. Not an advisory lock of the session, because PgBouncer may give each statement another session.
 */
async function takeLease(database: Database, table: LedgerTable, forMs: number, isOwn = false): Promise<boolean> {
  const untilMs = sql`cast(extract(epoch from now()) * 1000 as bigint)`;
  const { rows } = await sql`
    insert into ledger_progress as lease (name, value) values (${`partitioning ${table}`}, (${untilMs} + ${sql.lit(forMs)})::text)
    on conflict (name) do update set value = excluded.value
    where ${sql.lit(isOwn)} or cast(lease.value as bigint) < ${untilMs} returning name`.execute(database);
  return rows.length > 0;
}

async function giveLease(database: Database, table: LedgerTable): Promise<void> {
  await database.deleteFrom('ledger_progress').where('name', '=', `partitioning ${table}`).execute();
}

/** Runs the statements in one transaction, unless another process has partitioned the table meanwhile. */
function alone(database: Database, table: LedgerTable, statements: readonly string[]): Promise<void> {
  return locked(database, async (transaction) => {
    // Conflicts with itself, but not with reads or writes.
    await sql`lock table ${sql.table(table)} in share update exclusive mode`.execute(transaction);
    if (await isPartitioned(transaction, table)) return;
    for (const statement of statements) await sql.raw(statement).execute(transaction);
  });
}

function swapping(table: LedgerTable, before: string): string[] {
  const rollup = Object.values(ROLLUPS).find(({ source }) => source === table)!;
  return [
    `lock table ${table} in access exclusive mode`,
    ...['insert', 'update', 'delete'].map((event) => `drop trigger ${rollup.name}_rollup_${event} on ${table}`),
    `alter table ${table} rename to ${table}_before`,
    `create table ${table} (like ${table}_before including defaults including indexes) partition by range (request_id)`,
    `alter table ${table} attach partition ${table}_before for values from (minvalue) to ('${before}')`,
    `create table ${table}_default partition of ${table} default`,
    `alter table ${table}_before drop constraint ${table}_before`,
    ...statementTriggers(rollup),
    grantsOf(table),
  ];
}

/** Grants the new table's privileges to the roles that had them on the old one. */
function grantsOf(table: LedgerTable): string {
  return `do $$ declare given record; begin
    for given in select (aclexplode(relacl)).* from pg_class where oid = '${table}_before'::regclass loop
      execute format('grant %s on ${table} to %s', given.privilege_type,
        case given.grantee when 0 then 'public' else given.grantee::regrole::text end);
    end loop;
  end $$`;
}
