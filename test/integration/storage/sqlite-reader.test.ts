// Symptom: a report over ten million entries of an SQLite ledger blocked all requests of the API process for up to 1.8 s.
// Cause: node:sqlite runs in the calling thread. Fix: reports run in a separate thread.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reportUsage } from '#src/ledger/reports.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { isSqlTrouble } from '#src/storage/refused-rows.ts';
import { closeReports, openReports, type ReaderLimits } from '#src/storage/sqlite-reader.ts';

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

test('a report sees what was committed before it', async () => {
  expect(await reportUsage(reports, { groupBy: ['day'] })).toEqual([]);
  await sql`create table seen (text text, bytes blob, whole integer)`.execute(database);
  await sql`insert into seen values (${'a\0b'}, ${Buffer.from([1, 2])}, ${2n ** 60n})`.execute(database);
  const { rows } = await sql`select * from seen where text = ${'a\0b'}`.execute(reports);
  expect(rows).toEqual([{ text: 'a\uFFFDb', bytes: new Uint8Array([1, 2]), whole: 2n ** 60n }]);
});

test('many rows come in pieces, all of them and in order', async () => {
  for (const count of [999, 1_000, 1_001, 12_345]) {
    const { rows } = await sql<{ n: bigint }>`
      with recursive c(n) as (select 1 union all select n + 1 from c where n < ${count}) select n from c`.execute(
      reports,
    );
    expect(rows.length).toBe(count);
    expect(rows.every(({ n }, index) => n === BigInt(index + 1))).toBe(true);
  }
});

test('an error of SQLite comes through with its codes, and the next report runs', async () => {
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

test('a report that takes too long is given up, those that wait as well, and the next ones run', async () => {
  await closeReports(reports, database);
  open({ limitMs: 800 });
  const results = await Promise.allSettled([counting(LONG * 4).execute(reports), counting(1).execute(reports)]);
  for (const result of results) {
    const error = result.status === 'rejected' ? (result.reason as Error) : new Error('none');
    expect(error.message).toBe('the database did not answer within 800 ms');
    expect(isSqlTrouble(error)).toBe(true);
  }
  expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
});

test('what waits has a bound', async () => {
  await closeReports(reports, database);
  open({ mostWaiting: 3 });
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => counting(1_000).execute(reports)));
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(2);
  expect(String((refused[0] as PromiseRejectedResult).reason)).toContain('3 reports wait already');
});

test('an idle thread ends, and the next report starts another', async () => {
  await closeReports(reports, database);
  open({ idleMs: 10 });
  for (const _ of [1, 2]) {
    expect((await counting(5).execute(reports)).rows).toEqual([{ n: 5n }]);
    await sleep(100);
  }
});

test('closing rejects what runs and what waits, and waits for the thread', async () => {
  await counting(1).execute(reports);
  const asked = Promise.allSettled([counting(LONG).execute(reports), counting(1).execute(reports)]);
  await closeReports(reports, database);
  for (const result of await asked) {
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'the connection for reports is closed' } });
  }
});

test('a thread that cannot open the file rejects the report, and the process lives', async () => {
  const lost = openReports(`sqlite:${join(directory, 'none', 'sluice.db')}`, database);
  await expect(counting(1).execute(lost)).rejects.toThrow(/unable to open database file/);
  await closeReports(lost, database);
});

test('a database in memory is read where it is', () => {
  expect(openReports('sqlite::memory:', database)).toBe(database);
  expect(openReports('postgres://localhost/none', database)).toBe(database);
});
