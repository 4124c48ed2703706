// Symptom: a report over ten million entries of an SQLite ledger delayed all requests of the API process by up to 1.8 s.
// Cause: node:sqlite runs in the thread that calls it. Fix: reports run in a process of their own. In a thread, neither their
// time limit nor the end of the process worked (closing took 6.5 s, `process.exit` 22 s).
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reportUsage } from '#src/ledger/reports.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { isSqlTrouble } from '#src/storage/refused-rows.ts';
import { closeReports, openReports } from '#src/storage/report-database.ts';
import type { ReaderLimits } from '#src/storage/sqlite-reader.ts';

let directory: string;
let url: string;
let database: Database;
let reports: Database;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-reports-'));
  url = `sqlite:${join(directory, 'sluice.db')}`;
  database = await openDatabase(url, () => undefined);
  open();
});
afterEach(async () => {
  await closeReports(reports, database);
  await database.destroy();
  rmSync(directory, { recursive: true });
});

function open(limits: Partial<ReaderLimits> = {}): void {
  reports = openReports(url, database, limits);
}

/** Counts to this, in SQLite. */
const counting = (upto: number) =>
  sql<{
    n: bigint;
  }>`with recursive c(n) as (select 1 union all select n + 1 from c where n < ${upto}) select max(n) as n from c`;
/** A second or more of work. */
const LONG = 2_000_000;
/** Minutes of it. */
const ENDLESS = LONG * 200;

/** Processes for reports over this test's file. */
function readers(): string[] {
  const all = execFileSync('ps', ['-eo', 'pid,stat,args'], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes('sqlite-child') && line.includes(directory));
}

async function untilNoReader(): Promise<void> {
  await expect.poll(() => readers(), { timeout: 5_000, interval: 50 }).toEqual([]);
}

test('the process does other work while a report runs', async () => {
  await counting(1).execute(reports);
  let isOver = false;
  const report = counting(LONG)
    .execute(reports)
    .finally(() => {
      isOver = true;
    });
  let turns = 0;
  while (!isOver) {
    await sleep(1);
    turns += 1;
  }
  expect((await report).rows).toEqual([{ n: BigInt(LONG) }]);
  // In the same thread it would be one or two.
  expect(turns).toBeGreaterThan(20);
});

test('a report sees everything committed before it', async () => {
  expect(await reportUsage(reports, { groupBy: ['day'] })).toEqual([]);
  await sql`create table seen (text text, bytes blob, whole integer)`.execute(database);
  await sql`insert into seen values (${'a\0b'}, ${Buffer.from([1, 2])}, ${2n ** 60n})`.execute(database);
  const { rows } = await sql`select * from seen where text = ${'a\0b'}`.execute(reports);
  expect(rows).toEqual([{ text: 'a\uFFFDb', bytes: new Uint8Array([1, 2]), whole: 2n ** 60n }]);
});

test('many rows arrive in pieces, complete and in order', async () => {
  for (const count of [999, 1_000, 1_001, 12_345]) {
    const { rows } = await sql<{ n: bigint }>`
      with recursive c(n) as (select 1 union all select n + 1 from c where n < ${count}) select n from c`.execute(
      reports,
    );
    expect(rows.length).toBe(count);
    expect(rows.every(({ n }, index) => n === BigInt(index + 1))).toBe(true);
  }
});

test('an error of SQLite keeps its codes, and the next report runs', async () => {
  await expect(sql`select n from nowhere`.execute(reports)).rejects.toMatchObject({
    message: 'no such table: nowhere',
    code: 'ERR_SQLITE_ERROR',
    errcode: 1,
  });
  await expect(sql`select ${Symbol('s') as never}`.execute(reports)).rejects.toThrow(/could not be cloned/);
  expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
});

test('a report cannot write', async () => {
  await expect(sql`create table t (n integer)`.execute(reports)).rejects.toThrow(/readonly/);
  await expect(reports.transaction().execute(async () => undefined)).rejects.toThrow('reports only read');
});

test('a report that takes too long is ended, and so are those that wait too long; the next ones run', async () => {
  await closeReports(reports, database);
  open({ limitMs: 3_000 });
  const results = await Promise.allSettled([counting(ENDLESS).execute(reports), counting(1).execute(reports)]);
  for (const result of results) {
    const error = result.status === 'rejected' ? (result.reason as Error) : new Error('none');
    expect(error.message).toBe('the database did not answer within 3000 ms');
    expect(isSqlTrouble(error)).toBe(true);
  }
  expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
});

test('a statement whose time is up ends with its process, not when SQLite has finished', async () => {
  await closeReports(reports, database);
  open({ limitMs: 500 });
  await expect(counting(ENDLESS).execute(reports)).rejects.toThrow('did not answer within 500 ms');
  await untilNoReader();
});

test('the number of waiting reports is bounded', async () => {
  await closeReports(reports, database);
  open({ mostWaiting: 3 });
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => counting(1_000).execute(reports)));
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(2);
  expect(String((refused[0] as PromiseRejectedResult).reason)).toContain('3 reports wait already');
});

test('an idle process ends, and the next report starts another', async () => {
  await closeReports(reports, database);
  open({ idleMs: 10 });
  for (const _ of [1, 2]) {
    expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
    await untilNoReader();
  }
});

test('closing rejects what runs and what waits, and ends the process at once', async () => {
  await counting(1).execute(reports);
  const asked = Promise.allSettled([counting(ENDLESS).execute(reports), counting(1).execute(reports)]);
  await sleep(200);
  await closeReports(reports, database);
  expect(readers()).toEqual([]);
  for (const result of await asked) {
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'the connection for reports is closed' } });
  }
});

test('a file that cannot be opened rejects the report', async () => {
  const lost = openReports(`sqlite:${join(directory, 'none', 'sluice.db')}`, database);
  await expect(counting(1).execute(lost)).rejects.toThrow(/unable to open database file/);
  await closeReports(lost, database);
});

test('a report is rejected when its process is lost, and the next one runs in another', async () => {
  await counting(1).execute(reports);
  const report = counting(ENDLESS).execute(reports);
  const pid = Number.parseInt(readers()[0]!, 10);
  process.kill(pid, 'SIGTERM');
  setTimeout(() => process.kill(pid, 'SIGKILL'), 200);
  await expect(report).rejects.toThrow('the process for reports has ended');
  expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
});

/** A process that has run one report and then does `more`. */
const OWNER = (more: string) => `
  import { sql } from 'kysely';
  import { openReports } from '#src/storage/report-database.ts';
  const reports = openReports(${JSON.stringify(url)}, null);
  const count = (upto) => sql.raw('with recursive c(n) as (select 1 union all select n + 1 from c where n < ' + upto + ') select max(n) from c').execute(reports);
  await count(1);
  ${more}`;

test.each([
  ['exits during a report', `count(${ENDLESS}).catch(() => undefined); setTimeout(() => process.exit(7), 200);`, 7],
  ['is killed', `process.kill(process.pid, 'SIGKILL');`, null],
  ['has nothing left to do', '', 0],
])('a process that %s ends at once, and its process for reports with it', async (_, more, status) => {
  const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER(more)], { stdio: 'ignore' });
  const limit = setTimeout(() => owner.kill('SIGKILL'), 10_000);
  expect(await once(owner, 'exit')).toEqual([status, status === null ? 'SIGKILL' : null]);
  clearTimeout(limit);
  await untilNoReader();
});

test('an in-memory database is read in the process itself', () => {
  expect(openReports('sqlite::memory:', database)).toBe(database);
});
