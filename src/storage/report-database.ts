// The database for reports: queries that may read many rows and take seconds. They can be ended at any time, so that no process
// waits for them when it stops. On SQLite they run in a process of their own (sqlite-reader.ts). On PostgreSQL they use the pool of
// their process; closing ends their connections, and asks the server to cancel them.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresIntrospector,
  type PostgresPool,
  type PostgresPoolClient,
  PostgresQueryCompiler,
} from 'kysely';
import type pg from 'pg';
import { createSortableId } from '../contracts/ids.ts';
import { withCare } from './careful-driver.ts';
import { type Database, poolOf, SQLITE_PREFIX } from './database.ts';
import { openSqliteReports, type ReaderLimits } from './sqlite-reader.ts';
import type { Tables } from './tables.ts';

/** Give it back with `closeReports`. */
export function openReports(url: string, database: Database, limits: Partial<ReaderLimits> = {}): Database {
  const pool = poolOf(database);
  if (pool !== null) return openPostgresReports(pool);
  const path = url.slice(SQLITE_PREFIX.length);
  // Another connection cannot open a database in memory.
  return path === ':memory:' ? database : openSqliteReports(path, limits);
}

/** Reports that still run are rejected at once. */
export async function closeReports(reports: Database, database: Database): Promise<void> {
  if (reports !== database) await reports.destroy();
}

function openPostgresReports(pool: pg.Pool): Database {
  const dialect = new PostgresDialect({ pool: endablePool(pool) });
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => withCare(dialect.createDriver()),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** For the server to cancel. If it takes longer, its own time limit ends the queries. */
const CANCEL_LIMIT_MS = 1_000;
const CANCEL_PAUSE_MS = 20;

const closed = () => new Error('the connection for reports is closed');

/** Lends connections of `pool`. Its `end` does not end the pool, only the queries that run on what was lent. */
function endablePool(pool: pg.Pool): PostgresPool {
  // The server's list of queries has it: process ids are not the server's own behind PgBouncer.
  const mark = `/* sluice report ${createSortableId()} */`;
  const lent = new Set<pg.PoolClient>();
  let isClosed = false;

  function lend(client: pg.PoolClient): PostgresPoolClient {
    lent.add(client);
    const query = async (text: string, parameters: readonly unknown[]) => {
      try {
        return await client.query(`${mark} ${text}`, [...parameters]);
      } catch (error) {
        throw isClosed ? closed() : error;
      }
    };
    const release = () => {
      lent.delete(client);
      client.release();
    };
    return { query: query as unknown as PostgresPoolClient['query'], release };
  }

  return {
    options: pool.options,
    async connect() {
      if (isClosed) throw closed();
      const client = await pool.connect();
      if (!isClosed) return lend(client);
      client.release();
      throw closed();
    },
    async end() {
      isClosed = true;
      if (lent.size === 0) return;
      // Rejects the query of each, whether or not the server answers.
      const count = lent.size;
      for (const client of lent) void endNow(client);
      await cancel(pool, mark, count);
    },
  };
}

/** While a query runs, pg closes the socket at once. */
function endNow(client: pg.PoolClient): Promise<void> {
  return (client as unknown as pg.Client).end();
}

/**
 * The server notices a closed connection only when it writes to it. It may not have begun with a query yet, so it is asked until as
 * many as were sent are cancelled. Never rejects.
 */
async function cancel(pool: pg.Pool, mark: string, count: number): Promise<void> {
  const untilMs = Date.now() + CANCEL_LIMIT_MS;
  const client = await pool.connect().catch(() => null);
  if (client === null) return;
  const timer = setTimeout(() => void endNow(client), untilMs - Date.now());
  const cancelled = new Set<number>();
  try {
    while (cancelled.size < count && Date.now() < untilMs) {
      const { rows } = await client.query<{ pid: number }>(CANCEL, [mark]);
      for (const { pid } of rows) cancelled.add(pid);
      if (cancelled.size < count) await sleep(CANCEL_PAUSE_MS);
    }
  } catch {
    // Its own time limit ends it.
  }
  clearTimeout(timer);
  client.release();
}

const CANCEL = `select pid from pg_stat_activity
  where starts_with(query, $1) and state = 'active' and pid <> pg_backend_pid() and pg_cancel_backend(pid)`;
