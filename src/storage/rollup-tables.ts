// The SQL tables of the ledger's roll-ups: sums of attempts and requests by hour and by day, over every dimension that reports
// group by. Triggers maintain them, so they are right no matter who writes: this release, the previous one during an upgrade, or
// an operator by hand. On SQLite, which has one writer at a time, the trigger updates the sums directly. On PostgreSQL concurrent
// writers would wait for each other's row locks, so the trigger appends to a table of changes, which a job adds to the sums
// (src/ledger/rollups.ts).
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export interface RollupTables {
  ledger_progress: LedgerProgressTable;
}

/** Progress and leases of the ledger's background jobs, by name. */
export interface LedgerProgressTable {
  name: string;
  value: string;
}

export interface Rollup {
  /** The table that is summed. Its roll-ups are `<name>_hours`, `<name>_days` and, on PostgreSQL, `<name>_changes`. */
  source: 'ledger_entries' | 'requests';
  name: 'attempt' | 'request';
  time: 'started_at' | 'accepted_at';
  dimensions: readonly string[];
  /** Columns that are summed in addition to the number of rows and their cost. */
  sums: readonly string[];
}

/** Dimensions that clients choose. Their number of values is unbounded, so only the hourly roll-ups have them. */
export const LABELS: readonly string[] = ['batch_id', 'session', 'tags'];

const SHARED = ['key_id', 'project_id', 'organisation_id', 'model', 'provider', 'upstream_model', 'protocol', 'lane'];

export const ROLLUPS = {
  attempt: {
    source: 'ledger_entries',
    name: 'attempt',
    time: 'started_at',
    dimensions: [...SHARED, 'outcome', 'deployment', 'credential', 'state'],
    sums: ['input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens'],
  },
  request: {
    source: 'requests',
    name: 'request',
    time: 'accepted_at',
    dimensions: [...SHARED, 'outcome', 'credit_account'],
    sums: ['attempts', 'charge_units'],
  },
} as const satisfies Record<string, Rollup>;

export const HOUR_MS = 3_600_000;
/** The ledger writer's bound for one value. Earlier releases had none, and one larger row would make every sum wrong. */
export const LARGEST = '1000000000000000000';
/** Money is summed in two parts: SQLite's integers end at 2^63, about nine million dollars in picodollars. */
const MICRO = '1000000';
/** Set while retention deletes or moves rows, so that their sums stay. A transaction setting on PostgreSQL, a row on SQLite. */
export const RETENTION = 'sluice.retention';

const UNIT = { hours: ['hour', 'day'], days: ['day'] } as const;
export type RollupUnit = keyof typeof UNIT;

/** The key columns of a roll-up. */
export function keyOf(rollup: Rollup, unit: RollupUnit): string[] {
  return [...UNIT[unit], ...rollup.dimensions, ...(unit === 'hours' ? LABELS : [])];
}

export function sumsOf(rollup: Rollup): string[] {
  return ['n', ...rollup.sums, 'cost_micro', 'cost_rest'];
}

/** What a row of the source adds to the sums. @param of prefix of its columns, with the dot. */
function addedBy(rollup: Rollup, of: string): string[] {
  const bounded = (column: string, part: string) =>
    `case when ${of}${column} between -${LARGEST} and ${LARGEST} then ${part} else 0 end`;
  const cost = `${of}cost_pico_usd`;
  return [
    '1',
    ...rollup.sums.map((column) => bounded(column, of + column)),
    bounded('cost_pico_usd', `cast((${cost} - ${cost} % ${MICRO}) / ${MICRO} as bigint)`),
    bounded('cost_pico_usd', `cast(${cost} % ${MICRO} as bigint)`),
  ];
}

/** The key of a row of the source. */
function keyValues(rollup: Rollup, unit: RollupUnit, of: string): string[] {
  return keyOf(rollup, unit).map((column) => {
    if (column === 'hour') return `${of}${rollup.time} - ${of}${rollup.time} % ${HOUR_MS}`;
    return column === 'day' ? `${of}day` : `coalesce(${of}${column}, '')`;
  });
}

/** Selects rows of the source, summed by the key of the roll-up. */
export function summed(rollup: Rollup, unit: RollupUnit, from: string, where = ''): string {
  const sums = sumsOf(rollup).map((name, index) => `sum(${addedBy(rollup, '')[index]}) as ${name}`);
  const keys = keyOf(rollup, unit);
  const columns = keyValues(rollup, unit, '').map((value, index) => `${value} as ${keys[index]}`);
  const positions = keys.map((_, index) => index + 1);
  return `select ${[...columns, ...sums]} from ${from} ${where} group by ${positions}`;
}

/** Adds rows, of which no two have the same key, to a roll-up. */
export function addTo(rollup: Rollup, unit: RollupUnit, rows: string, isPostgres: boolean): string {
  const table = `${rollup.name}_${unit}`;
  const keys = keyOf(rollup, unit);
  const added = sumsOf(rollup).map((name) => `${name} = ${table}.${name} + excluded.${name}`);
  if (!isPostgres)
    return `insert into ${table} (${[...keys, ...sumsOf(rollup)]}) ${rows} on conflict (${keys}) do update set ${added}`;
  const columns = [...keys, ...sumsOf(rollup)];
  return `insert into ${table} (${columns}, digest) select ${columns}, ${digestOf(keys)} from (${rows}) as rows
    on conflict (${UNIT[unit][0]}, digest) do update set ${added}`;
}

/** PostgreSQL limits index entries to 2,700 bytes, which tags and model names together can exceed. */
function digestOf(columns: readonly string[]): string {
  return `sha256(convert_to(json_build_array(${columns})::text, 'UTF8'))`;
}

export const rollups: Migration = {
  async up(database: Kysely<unknown>) {
    const isPostgres = database.getExecutor().adapter.supportsTransactionalDdl === true;
    const run = (text: string) => sql.raw(text).execute(database);
    await run('create table ledger_progress (name text primary key, value text not null)');
    for (const rollup of Object.values(ROLLUPS)) {
      for (const unit of ['hours', 'days'] as const) await run(rollupTable(rollup, unit, isPostgres));
      const statements = isPostgres ? postgresTriggers(rollup) : sqliteTriggers(rollup);
      for (const statement of statements) await run(statement);
      await beginBehind(database, rollup);
    }
    for (const column of ['key_id', 'project_id', 'organisation_id', 'credit_account'])
      await run(`create index request_days_by_${column} on request_days (${column}, day) where ${column} <> ''`);
  },
};

/**
 * Marks existing rows for a backfill, day by day, the newest first (src/ledger/rollups.ts). Until then, reports read the rows of
 * these days themselves.
 */
async function beginBehind(database: Kysely<unknown>, { source, name }: Rollup): Promise<void> {
  const { rows } = await sql<{ day: string | null }>`select max(day) as day from ${sql.table(source)}`.execute(
    database,
  );
  const day = rows[0]?.day ?? null;
  // These texts sort by time, and `~` sorts after every digit: the newest day, which may get more rows, is backfilled too.
  const value = day === null ? '' : `${day}~`;
  await sql`insert into ledger_progress (name, value) values (${summedFrom(name)}, ${value})`.execute(database);
}

/** Name of the progress entry with the first day whose roll-up is complete. */
export function summedFrom(name: Rollup['name']): string {
  return `${name}s summed from`;
}

function rollupTable(rollup: Rollup, unit: RollupUnit, isPostgres: boolean): string {
  const keys = keyOf(rollup, unit);
  const columns = [
    ...keys.map((name) => `${name} ${name === 'hour' ? 'bigint' : 'text'} not null`),
    ...sumsOf(rollup).map((name) => `${name} bigint not null`),
  ];
  const table = `create table ${rollup.name}_${unit}`;
  // Leaves room in every page for updates in place.
  if (isPostgres)
    return `${table} (${columns}, digest bytea not null, primary key (${UNIT[unit][0]}, digest)) with (fillfactor = 80)`;
  return `${table} (${columns}, primary key (${keys}))${unit === 'hours' ? ' without rowid' : ''}`;
}

function sqliteTriggers(rollup: Rollup): string[] {
  const { name, source } = rollup;
  const counted = [...rollup.dimensions, ...LABELS, ...rollup.sums, rollup.time, 'day', 'cost_pico_usd'];
  const change = (of: string, sign: string) =>
    (['hours', 'days'] as const)
      .map((unit) => {
        const values = [...keyValues(rollup, unit, of), ...addedBy(rollup, of).map((value) => `${sign}(${value})`)];
        return `${addTo(rollup, unit, `values (${values})`, false)};`;
      })
      .join('\n');
  const isKept = `not exists (select 1 from ledger_progress where name = '${RETENTION}')`;
  const trigger = (event: string, body: string, when = '') =>
    `create trigger ${name}_rollup_${event.split(' ')[0]} after ${event} on ${source} ${when} begin ${body} end`;
  return [
    trigger('insert', change('new.', '')),
    trigger(`update of ${counted}`, change('old.', '-') + change('new.', '')),
    trigger('delete', change('old.', '-'), `when ${isKept}`),
  ];
}

function postgresTriggers(rollup: Rollup): string[] {
  const { name } = rollup;
  const columns = [...keyOf(rollup, 'hours'), ...sumsOf(rollup)];
  const negative = [...keyOf(rollup, 'hours'), ...sumsOf(rollup).map((sum) => `-${sum}`)];
  const insert = `insert into ${name}_changes (${columns})`;
  const added = summed(rollup, 'hours', 'added');
  const removed = `select ${negative} from (${summed(rollup, 'hours', 'removed')}) as gone`;
  return [
    `create table ${name}_changes (${columns.map((column) => changeColumn(rollup, column))})
       with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`,
    `create function ${name}_rollup() returns trigger language plpgsql as $$ begin
       if coalesce(current_setting('${RETENTION}', true), '') = 'on' then return null; end if;
       if tg_op = 'INSERT' then ${insert} ${added};
       elsif tg_op = 'UPDATE' then ${insert} ${added} union all ${removed};
       else ${insert} ${removed};
       end if;
       return null;
     end $$`,
    ...statementTriggers(rollup),
  ];
}

const CHANGED = {
  insert: 'new table as added',
  update: 'new table as added old table as removed',
  delete: 'old table as removed',
};

/** PostgreSQL: for the source table, and for a table that replaces it. */
export function statementTriggers({ name, source }: Rollup): string[] {
  return Object.entries(CHANGED).map(
    ([event, tables]) => `create trigger ${name}_rollup_${event} after ${event} on ${source} referencing ${tables}
       for each statement execute function ${name}_rollup()`,
  );
}

function changeColumn(rollup: Rollup, column: string): string {
  const isText = column === 'day' || rollup.dimensions.includes(column) || LABELS.includes(column);
  return `${column} ${isText ? 'text' : 'bigint'} not null`;
}
