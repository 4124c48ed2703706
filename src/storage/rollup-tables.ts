// The SQL tables of the ledger's roll-ups: sums of attempts and requests by hour and by day, over everything that reports group by.
// Triggers keep them, so that they hold whoever writes: this release, the one before it during an upgrade, an operator with a
// statement of their own. SQLite, which has one writer at a time, adds to the sums at once. On PostgreSQL many writers would
// wait for each other's rows there: a trigger appends what changed to a table of changes, and one job after the other adds that
// to the sums (src/ledger/rollups.ts).
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export interface RollupTables {
  ledger_progress: LedgerProgressTable;
}

/** How far the ledger's own jobs have come, by name. */
export interface LedgerProgressTable {
  name: string;
  value: string;
}

export interface Rollup {
  /** What is summed, and its roll-ups: `<name>_hours`, `<name>_days`, on PostgreSQL `<name>_changes`. */
  source: 'ledger_entries' | 'requests';
  name: 'attempt' | 'request';
  time: 'started_at' | 'accepted_at';
  dimensions: readonly string[];
  /** Columns that are added up beside the number of rows and their cost. */
  sums: readonly string[];
}

/** Of requests that clients have named: as many values as clients like, so only the roll-ups by hour have them. */
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
/** The ledger writer's bound for one value; earlier releases had none, and one larger row would spoil every sum. */
export const LARGEST = '1000000000000000000';
/** Money in two parts: SQLite's whole numbers end at 2^63, about nine million dollars in picodollars. */
const MICRO = '1000000';
/** Set while retention deletes or moves rows: their sums stay. On PostgreSQL a setting of the transaction, on SQLite a row. */
export const RETENTION = 'sluice.retention';

const UNIT = { hours: ['hour', 'day'], days: ['day'] } as const;
export type RollupUnit = keyof typeof UNIT;

/** Columns by which a roll-up tells its rows apart. */
export function keyOf(rollup: Rollup, unit: RollupUnit): string[] {
  return [...UNIT[unit], ...rollup.dimensions, ...(unit === 'hours' ? LABELS : [])];
}

export function sumsOf(rollup: Rollup): string[] {
  return ['n', ...rollup.sums, 'cost_micro', 'cost_rest'];
}

/** What a row of the source adds to the sums. @param of a prefix of its columns, with its dot. */
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

/** Selects rows of the source as a roll-up has them, summed. */
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

/** PostgreSQL's index entries end at 2,700 bytes, which tags and names of models together may pass. */
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
 * Rows that are there already are summed later, day by day, the newest first (src/ledger/rollups.ts). Days before this one are
 * reported by their rows until then.
 */
async function beginBehind(database: Kysely<unknown>, { source, name }: Rollup): Promise<void> {
  const { rows } = await sql<{ day: string | null }>`select max(day) as day from ${sql.table(source)}`.execute(
    database,
  );
  const day = rows[0]?.day ?? null;
  // Texts of this form sort by time, and `~` comes after every digit: rows may still arrive for days that are behind.
  const value = day === null ? '' : `${day}~`;
  await sql`insert into ledger_progress (name, value) values (${summedFrom(name)}, ${value})`.execute(database);
}

/** The progress that says from which day on a roll-up is whole. */
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
  // Room in every page: sums change in place.
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

/** PostgreSQL: of the source, and of a table in its place. */
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
