// Measures how fast the ledger is written, and how long its reports take.
//
//   npm run ledger-rows -- [--rows 10000000] [--written 100000] [--engine postgres|sqlite] [--keep]
//
// `--written` messages are written by the ledger writer, from Redis. `--rows` rows are created by SQL as a release without
// roll-ups left them, and summed by the job of the upgrade. Then every report is timed. 0 skips either part. PostgreSQL runs on
// this machine, with fsync. Ten million rows need about ten gigabytes in the temporary folder, and a quarter of an hour.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { dimensionsOf, type ReportDimension, type ReportSubject } from '#src/ledger/dimensions.ts';
import { type ReportQuery, reportPage } from '#src/ledger/reports.ts';
import { sumEarlierDay } from '#src/ledger/rollups.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { ROLLUPS, summedFrom } from '#src/storage/rollup-tables.ts';
import { isPostgres } from '#src/storage/rollups.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { DAYS, makeRows } from './ledger/make-rows.ts';
import { timeSearches } from './ledger/searches.ts';
import { timeWriter } from './ledger/write.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    written: { type: 'string', default: '100000' },
    engine: { type: 'string', default: 'postgres' },
  },
});
const DAY_MS = 86_400_000;
/** Page size of GET /admin/usage. */
const PAGE_ROWS = 10_000;

const directory = mkdtempSync(join(tmpdir(), 'sluice-ledger-'));
const postgres = values.engine === 'postgres' ? await startTestPostgres(['fsync=on', 'max_wal_size=4GB']) : null;
if (values.engine === 'postgres' && postgres === null) throw new Error('this machine has no PostgreSQL');
const url =
  postgres === null
    ? `sqlite:${join(directory, 'ledger.db')}`
    : `${postgres.url}?statement_timeout=0&query_timeout=3600000`;
const database = await openDatabase(url, (error) => console.error(error.message));
try {
  const [written, rows] = [Number(values.written), Number(values.rows)];
  if (written > 0) await timeWriter({ database, messages: written, serverCpuMs: () => postgres?.cpuMs() ?? 0 });
  if (rows > 0) {
    await makeAll(rows);
    await sumAll();
    await reportAll();
    await timeSearches(database, timed);
  }
} finally {
  await database.destroy();
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** CPU time of this process and the server: on a shared machine, more meaningful than elapsed time. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000 + (postgres?.cpuMs() ?? 0);
}

async function timed<T>(what: string, run: () => Promise<T>, shown: (result: T) => string = () => ''): Promise<T> {
  const [startedAtMs, cpuBefore] = [performance.now(), cpuMs()];
  const result = await run();
  const ms = Math.round(performance.now() - startedAtMs);
  const cpu = Math.round(cpuMs() - cpuBefore);
  console.log(`${String(ms).padStart(7)} ms, CPU ${String(cpu).padStart(7)} ms  ${what}${shown(result)}`);
  return result;
}

/** Creates rows as before the roll-ups, without their triggers. */
async function makeAll(rows: number): Promise<void> {
  const triggers = isPostgres(database)
    ? ['ledger_entries', 'requests'].map((table) => `alter table ${table} disable trigger user`)
    : Object.keys(ROLLUPS).flatMap((name) =>
        ['insert', 'update', 'delete'].map((event) => `drop trigger ${name}_rollup_${event}`),
      );
  for (const statement of triggers) await sql.raw(statement).execute(database);
  await timed(`${rows} attempts and ${rows} requests are made`, () =>
    makeRows(database, rows, (made) => void (made % 2_500_000 === 0 && console.log(`  ${made} made`))),
  );
  const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
  for (const name of ['attempt', 'request'] as const)
    await database
      .updateTable('ledger_progress')
      .set({ value: tomorrow })
      .where('name', '=', summedFrom(name))
      .execute();
  await sql.raw(isPostgres(database) ? 'vacuum analyze' : 'analyze').execute(database);
}

/** Sums all rows day by day, as the upgrade does. */
async function sumAll(): Promise<void> {
  for (const rollup of Object.values(ROLLUPS)) {
    let longestMs = 0;
    const days = async () => {
      for (let count = 0; ; count++) {
        const startedAtMs = performance.now();
        if (!(await sumEarlierDay(database, rollup))) return count;
        longestMs = Math.max(longestMs, Math.round(performance.now() - startedAtMs));
      }
    };
    await timed(`${rollup.source} are summed, `, days, (count) => `${count} days, the longest step ${longestMs} ms`);
  }
  for (const name of Object.keys(ROLLUPS)) {
    for (const unit of ['hours', 'days']) {
      const { rows } = await sql<{ n: unknown }>`select count(*) as n from ${sql.table(`${name}_${unit}`)}`.execute(
        database,
      );
      console.log(`  ${name}_${unit}: ${rows[0]!.n} rows`);
    }
  }
  if (isPostgres(database)) await sql`vacuum analyze`.execute(database);
  else await sql`analyze`.execute(database);
}

async function reportAll(): Promise<void> {
  for (const per of ['attempt', 'request'] as const) {
    for (const dimension of dimensionsOf(per)) await report({ per, groupBy: [dimension] });
    await report({ per, groupBy: [] });
    await report({ per, groupBy: ['day', 'model'] });
    await report({ per, groupBy: ['month', 'organisation', 'project', 'key'] });
    await report({ per, groupBy: ['provider', 'upstream_model', 'status', 'lane', 'protocol'] });
    await report({ per, groupBy: ['hour', 'provider'] });
    await report({ per, groupBy: ['hour', 'model', 'status'] });
    await report({ per, groupBy: ['key', 'session'] });
    await report({ per, groupBy: ['day', 'tags'] });
    await report({ per, groupBy: ['model'], filters: { tags: 'team:5' } });
    await report({ per, groupBy: ['day'], filters: { session: 'session_7_5_0' } });
    await report({ per, groupBy: ['hour'], filters: { key: 'key_7' } });
    await report({ per, groupBy: ['hour', 'key'] }, 7);
  }
}

async function report(
  query: ReportQuery & { per: ReportSubject; groupBy: ReportDimension[] },
  days = DAYS,
): Promise<void> {
  const from = new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
  const filters = Object.entries(query.filters ?? {}).map(([name, value]) => ` where ${name} = ${value}`);
  const what = `per ${query.per} by ${query.groupBy.join(', ') || 'nothing'}${filters.join('')}, ${days} days: `;
  await timed(
    what,
    () => reportPage(database as Database, { ...query, from }, { limit: PAGE_ROWS }),
    ({ rows, next }) => {
      const count = rows.reduce((sum, row) => sum + (row.requests ?? row.attempts), 0);
      return `${count} rows of the ledger, ${rows.length} of the report${next === null ? '' : ', and more'}`;
    },
  );
}
