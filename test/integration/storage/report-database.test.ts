// Symptom: a process with PostgreSQL whose report ran ended only when the report did, up to 30 s after its signal. Cause: the pool
// waits for its connections. Fix: closing the reports ends what runs, here and in the server. sqlite-reader.test.ts has more about
// SQLite.
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { isSqlTrouble } from '#src/storage/refused-rows.ts';
import { closeReports, openReports } from '#src/storage/report-database.ts';
import { startPgBouncer, startTestPostgres } from '#test/support/postgres-server.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';
import { waitFor } from '#test/support/wait.ts';

const postgres = await startTestPostgres();
const bouncer = postgres === null ? null : await startPgBouncer(postgres);
afterAll(async () => {
  await bouncer?.stop();
  await postgres?.stop();
});
const ENGINES = [
  ...(await startSqlEngines()),
  { name: 'PostgreSQL behind PgBouncer' as const, url: bouncer?.url ?? null },
];
/** As many as a pool has connections, and more that wait for one. */
const MANY = 12;

describeOnEach(ENGINES, ({ name, url }) => {
  const isSqlite = name === 'SQLite';
  let database: Database;
  let reports: Database;
  beforeEach(async () => {
    database = await openDatabase(url, () => undefined);
    reports = openReports(url, database);
  });
  afterEach(async () => {
    await closeReports(reports, database);
    await database.destroy();
  });

  /** Longer than any limit of this test: ten minutes. */
  const endless = () =>
    isSqlite
      ? sql`with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000000000) select max(n) from c`
      : sql`select pg_sleep(600)`;
  async function isRunning(): Promise<boolean> {
    if (isSqlite) return true;
    const { rows } = await sql`select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active'
      and pid <> pg_backend_pid()`.execute(database);
    return rows.length > 0;
  }

  test('closing rejects what runs and what waits, and nothing waits for it', async () => {
    const asked = Array.from({ length: isSqlite ? MANY : 3 }, () => endless().execute(reports));
    const results = Promise.allSettled(asked);
    await waitFor('a report that runs', isRunning);
    await closeReports(reports, database);
    for (const result of await results) {
      const reason = result.status === 'rejected' ? (result.reason as Error) : new Error('none');
      expect(reason.message).toBe('the connection for reports is closed');
      expect(isSqlTrouble(reason)).toBe(true);
    }
    await expect(sql`select 1`.execute(reports)).rejects.toThrow(/closed|destroyed/);
    if (!isSqlite) await waitFor('the server has ended it', async () => !(await isRunning()));
  });

  test('the database can be closed at once after its reports, also when they have all its connections', async () => {
    const results = Promise.allSettled(Array.from({ length: MANY }, () => endless().execute(reports)));
    const other = isSqlite ? null : await openDatabase(url, () => undefined);
    if (other !== null) {
      await waitFor('reports that run', async () => {
        const running = await sql`select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active'
          and pid <> pg_backend_pid()`.execute(other);
        return running.rows.length >= 10;
      });
    }
    await closeReports(reports, database);
    await database.destroy();
    expect((await results).map(({ status }) => status)).toEqual(Array.from({ length: MANY }, () => 'rejected'));
    await other?.destroy();
    database = await openDatabase(url, () => undefined);
  });

  test('other queries of the process go on while its reports are closed', async () => {
    const report = endless().execute(reports);
    const rejected = expect(report).rejects.toThrow('closed');
    await waitFor('a report that runs', isRunning);
    const others = Promise.all(Array.from({ length: 3 }, () => sql`select 1 as n`.execute(database)));
    await closeReports(reports, database);
    await rejected;
    for (const { rows } of await others) expect(rows).toHaveLength(1);
  });
});
