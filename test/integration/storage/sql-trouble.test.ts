// Symptom: a worker process exited with status 0 when PostgreSQL closed its connections; with a full disk, the log said "cannot
// rollback - no transaction is active". Cause: connections in use had no error listener; the error of a rollback with nothing
// to roll back hid the original one. Fix: src/storage/database.ts, and a listener on every connection.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { isRowRefused, RowRefused, writeAround } from '#src/storage/refused-rows.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { waitFor } from '#test/support/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-sql-'));
const postgres = await startTestPostgres();
let database: Database;
let told: string[];

afterEach(() => database.destroy());
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await postgres?.stop();
});

async function open(url: string): Promise<void> {
  told = [];
  database = await openDatabase(url, (error) => void told.push(error.message));
}

const event = (id: string, payload = '{}') => ({
  id,
  type: 'batch.completed',
  key_id: 'key_1',
  subject_id: 'batch_1',
  created_at_ms: 1,
  payload,
});

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: Error) => error,
  );

describe.skipIf(postgres === null)('a connection that PostgreSQL ends', () => {
  const TERMINATED = 'terminating connection due to administrator command';

  /** All except the one that asks, which belongs to another pool. */
  async function terminateAll(): Promise<void> {
    const other = await openDatabase(postgres!.url, () => undefined);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'sluice' and pid <> pg_backend_pid()`.execute(other);
    await other.destroy();
  }
  /** The pool may return the old connection once more, until its end is noticed. */
  const works = () =>
    waitFor('a statement that works', () =>
      sql`select 1`.execute(database).then(
        () => true,
        () => false,
      ),
    );

  test('between two statements of a transaction fails the transaction, with the reason', async () => {
    await open(postgres!.url);
    const failure = await failureOf(
      database.transaction().execute(async (transaction) => {
        await transaction.insertInto('events_outbox').values(event('evt_lost')).execute();
        await terminateAll();
        await waitFor('the connection to be told of', () => told.includes(TERMINATED));
        await transaction.insertInto('events_outbox').values(event('evt_lost_too')).execute();
      }),
    );
    expect(failure.message).not.toContain('rollback');
    expect(isRowRefused(failure)).toBe(false);
    await works();
    expect(await database.selectFrom('events_outbox').select('id').execute()).toEqual([]);
  });

  test('during a statement fails it with its real error', async () => {
    await open(postgres!.url);
    const sleeping = failureOf(sql`select pg_sleep(30)`.execute(database));
    const other = await openDatabase(postgres!.url, () => undefined);
    const isAsleep = async () =>
      (await sql`select 1 from pg_stat_activity where wait_event = 'PgSleep'`.execute(other)).rows.length > 0;
    await waitFor('the statement', isAsleep);
    await other.destroy();
    await terminateAll();
    expect((await sleeping).message).toContain(TERMINATED);
    await works();
  });

  test('while it is idle is replaced', async () => {
    await open(postgres!.url);
    await works();
    await terminateAll();
    await waitFor('the connection to be told of', () => told.includes(TERMINATED));
    await works();
  });
});

describe('a full disk under SQLite', () => {
  test.each([false, true])(
    'has its own error, which is not blamed on a row (in a transaction: %s)',
    async (isInside) => {
      await open(`sqlite:${join(directory, `full-${isInside}.db`)}`);
      const pages = (await sql<{ page_count: bigint }>`pragma page_count`.execute(database)).rows[0]!.page_count;
      await sql.raw(`pragma max_page_count = ${pages + 2n}`).execute(database);
      const large = event('evt_large', JSON.stringify({ text: 'x'.repeat(100_000) }));
      const insert = (on: Database) => on.insertInto('events_outbox').values(large).execute();
      const failure = await failureOf(isInside ? database.transaction().execute(insert) : insert(database));
      expect(failure.message).toContain('database or disk is full');
      expect(isRowRefused(failure)).toBe(false);
      await sql.raw('pragma max_page_count = 100000').execute(database);
      await database.transaction().execute(insert);
      expect(await database.selectFrom('events_outbox').select('id').execute()).toEqual([{ id: 'evt_large' }]);
    },
  );
});

describe('rows of which some are refused', () => {
  test('are skipped: the others are written, and each refused one is reported', async () => {
    await open('sqlite::memory:');
    const rows = Array.from({ length: 256 }, (_, index) => index);
    const bad = new Set([0, 17, 18, 255]);
    const written: number[] = [];
    let tries = 0;
    const refusals = await writeAround(rows, async (part) => {
      tries += 1;
      const refused = part.find((row) => bad.has(row));
      if (refused !== undefined) throw new RowRefused(`not ${refused}`);
      written.push(...part);
    });
    expect(refusals.map(({ row }) => row)).toEqual([...bad]);
    expect(written).toEqual(rows.filter((row) => !bad.has(row)));
    expect(tries).toBeLessThan(70);
  });

  test('that cannot be tested at all are retried as a whole', async () => {
    await open('sqlite::memory:');
    const away = Object.assign(new Error('gone'), { code: 'ECONNREFUSED' });
    await expect(writeAround([1, 2], () => Promise.reject(away))).rejects.toBe(away);
  });
});
