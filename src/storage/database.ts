// The only place that opens SQL databases: embedded SQLite (node:sqlite), PostgreSQL in production. Queries are the same for
// both, typed by `tables.ts`. Whole numbers are read as bigint or string, so stores use `asNumber` and `asBigint`.
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  type QueryResult,
  SqliteDialect,
  type SqliteStatement,
  sql,
} from 'kysely';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import { withoutSecrets } from '../config/secrets.ts';
import type { Tables } from './tables.ts';
import { migrate } from './tables.ts';

export type Database = Kysely<Tables>;

/** `sqlite:<path>` or `postgres://…`. */
type DatabaseUrl = string;

export const SQLITE_PREFIX = 'sqlite:';
/** While opening; afterwards PatientSqliteDialect waits. */
const SQLITE_OPEN_BUSY_MS = 5_000;
const MAX_PREPARED_STATEMENTS = 64;
const MIGRATION_TRIES = 3;
const MIGRATION_RETRY_MS = 300;
const POSTGRES_POOL_SIZE = 10;
const POSTGRES_CONNECT_TIMEOUT_MS = 5_000;
/** No query of the broker takes longer, and one that hangs must not block others. `?statement_timeout=` in the URL overrides it. */
const POSTGRES_STATEMENT_TIMEOUT_MS = 30_000;
/** For a server or network that no longer answers and so cannot report its timeout. `?query_timeout=` overrides it. */
const POSTGRES_ANSWER_TIMEOUT_MS = 35_000;
/** Firewalls drop idle connections without notifying either side. */
const POSTGRES_KEEPALIVE_MS = 30_000;

function isPostgres(url: DatabaseUrl): boolean {
  return /^postgres(ql)?:/.test(url);
}

/** Opens and migrates. Rejects with a message that names the database, without its password, if that fails. */
export async function openDatabase(url: DatabaseUrl, onError: (error: Error) => void): Promise<Database> {
  return (await openAndMigrate(url, onError)).database;
}

/** Read-only use, even while processes of another release use the database: nothing is migrated, and SQLite is never written. */
export async function lookIntoDatabase(url: DatabaseUrl): Promise<Database> {
  return opened(
    url,
    dialects(url, () => undefined, true),
    async (database) => {
      await sql`select 1`.execute(database);
      return database;
    },
  );
}

/** Only migrates. Returns the names of the migrations that were applied. */
export async function migrateDatabase(url: DatabaseUrl): Promise<string[]> {
  const { database, applied } = await openAndMigrate(url, () => undefined);
  await database.destroy();
  return applied;
}

async function openAndMigrate(
  url: DatabaseUrl,
  onError: (error: Error) => void,
): Promise<{ database: Database; applied: string[] }> {
  return opened(url, dialects(url, onError), async (database) => ({
    database,
    applied: await migrateTogether(database),
  }));
}

type Dialects = (more?: pg.PoolConfig) => Dialect;

function dialects(url: DatabaseUrl, onError: (error: Error) => void, isReadOnly = false): Dialects {
  return (more) => (isPostgres(url) ? postgresDialect(url, onError, more) : sqliteDialect(url, isReadOnly));
}

/** From PgBouncer, unless its `ignore_startup_parameters` lists it. Then PgBouncer's own `query_timeout` limits queries. */
const UNSUPPORTED_TIMEOUT = /unsupported startup parameter:? "?statement_timeout/;
const NO_STATEMENT_TIMEOUT: pg.PoolConfig = { statement_timeout: false };

async function opened<T>(url: DatabaseUrl, dialect: Dialects, use: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await openedWith(dialect(), use).catch((error: Error) => {
      if (!UNSUPPORTED_TIMEOUT.test(error.message)) throw error;
      return openedWith(dialect(NO_STATEMENT_TIMEOUT), use);
    });
  } catch (error) {
    throw new Error(`cannot open database ${withoutSecrets(url)}: ${(error as Error).message}`, { cause: error });
  }
}

async function openedWith<T>(dialect: Dialect, use: (database: Database) => Promise<T>): Promise<T> {
  const database = new Kysely<Tables>({ dialect });
  try {
    return await use(database);
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

/** SQLite has no lock around migrations: if two processes start at once, one may find only some of the tables and is retried. */
async function migrateTogether(database: Database, triesLeft = MIGRATION_TRIES): Promise<string[]> {
  try {
    return await migrate(database);
  } catch (error) {
    if (triesLeft <= 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, MIGRATION_RETRY_MS));
    return migrateTogether(database, triesLeft - 1);
  }
}

function postgresDialect(
  connectionString: string,
  onError: (error: Error) => void,
  more: pg.PoolConfig = {},
): PostgresDialect {
  const pool = new pg.Pool({
    connectionString,
    max: POSTGRES_POOL_SIZE,
    connectionTimeoutMillis: POSTGRES_CONNECT_TIMEOUT_MS,
    statement_timeout: POSTGRES_STATEMENT_TIMEOUT_MS,
    query_timeout: POSTGRES_ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: POSTGRES_KEEPALIVE_MS,
    application_name: 'sluice',
    ...more,
  });
  // A lost connection emits an error, even between two statements of a transaction, when the pool has no listener on it. An
  // error event without a listener would end the process.
  pool.on('connect', (client) => {
    client.on('error', onError);
    closeWhenSilent(client);
  });
  pool.on('error', () => undefined);
  pools.add(pool);
  return new CarefulPostgresDialect({ pool });
}

/** After a query timeout pg keeps the connection, on which later queries would wait for the same answer. So it is closed. */
function closeWhenSilent(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
  client.query = ((...args: unknown[]) => {
    const answer = query(...args);
    // Immediately, before it returns to the pool.
    answer.catch(({ message }: Error) => {
      if (message === 'Query read timeout') void (client as unknown as pg.Client).end();
    });
    return answer;
  }) as typeof client.query;
}

/** Connections of this process, summed over its databases. */
export interface PoolState {
  busy: number;
  idle: number;
  /** Queries that wait for a connection. */
  waiting: number;
  max: number;
}

const pools = new Set<pg.Pool>();

/** Null if no PostgreSQL database is open: SQLite has no connections. */
export function readPoolState(): PoolState | null {
  for (const pool of pools) if (pool.ended) pools.delete(pool);
  if (pools.size === 0) return null;
  const state = { busy: 0, idle: 0, waiting: 0, max: 0 };
  for (const { totalCount, idleCount, waitingCount } of pools) {
    state.busy += totalCount - idleCount;
    state.idle += idleCount;
    state.waiting += waitingCount;
    state.max += POSTGRES_POOL_SIZE;
  }
  return state;
}

class CarefulPostgresDialect extends PostgresDialect {
  override createDriver(): Driver {
    return withCare(super.createDriver());
  }

  override createAdapter(): PostgresAdapter {
    return new LockedByTransaction();
  }
}

/** Migrations run in a transaction that has the lock (tables.ts). */
class LockedByTransaction extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}

  override async releaseMigrationLock(): Promise<void> {}
}

function sqliteDialect(url: string, readOnly: boolean): PatientSqliteDialect {
  if (!url.startsWith(SQLITE_PREFIX))
    throw new TypeError(`database url must begin with sqlite: or postgres:, not ${withoutSecrets(url)}`);
  const path = url.slice(SQLITE_PREFIX.length);
  if (readOnly) return new PatientSqliteDialect({ database: adaptNodeSqlite(new DatabaseSync(path, { readOnly })) });
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  const file = new DatabaseSync(path);
  // Readers (the API) and writers (the ledger) do not block each other; a crash loses no committed row.
  file.exec(`PRAGMA busy_timeout = ${SQLITE_OPEN_BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`);
  file.exec('PRAGMA busy_timeout = 0');
  if (path !== ':memory:') closeToOthers(path);
  return new PatientSqliteDialect({ database: adaptNodeSqlite(file) });
}

/** New files may have a shell's umask, and databases of earlier releases were world-readable. Modes other than 0644 are kept. */
function closeToOthers(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o777) === 0o644) chmodSync(file, 0o600);
  }
}

/** Kysely expects better-sqlite3's interface; node:sqlite differs in parameters and in telling readers from writers. */
function adaptNodeSqlite(file: DatabaseSync) {
  const prepared = new LRUCache<string, SqliteStatement>({ max: MAX_PREPARED_STATEMENTS });

  /** Kysely prepares a statement for every run; caching them saves a tenth of the ledger's CPU. */
  function prepare(sql: string): SqliteStatement {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = adaptStatement(file.prepare(sql));
    prepared.set(sql, statement);
    return statement;
  }

  return { close: () => file.close(), prepare };
}

function adaptStatement(statement: StatementSync): SqliteStatement {
  statement.setReadBigInts(true);
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SqliteValue[])),
    run: (parameters) => statement.run(...(parameters as SqliteValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SqliteValue[])),
  };
}

type SqliteValue = string | number | bigint | null | Uint8Array;

/** Whole numbers below 2^53: counts and times. */
export function asNumber(value: unknown): number {
  return Number(value);
}

/** Money. */
export function asBigint(value: unknown): bigint {
  return BigInt(value as string | bigint | number);
}

/** PostgreSQL text cannot contain NUL, and SQLite's functions stop there; a client can send one anywhere. */
const NUL = '\0';
const REPLACEMENT = '\uFFFD';

/** For both engines: replaces NUL in text, and makes a transaction fail with its own error instead of the rollback's. */
export function withCare(driver: Driver): Driver {
  const acquire = driver.acquireConnection.bind(driver);
  const rollBack = driver.rollbackTransaction.bind(driver);
  driver.acquireConnection = async (...args) => writableText(await acquire(...args));
  // The rollback fails if there is nothing to roll back: SQLite has done it by itself when its disk is full, and PostgreSQL's
  // connection may be lost.
  driver.rollbackTransaction = (connection) => rollBack(connection).catch(() => undefined);
  return driver;
}

const careful = new WeakSet<DatabaseConnection>();

/** Changes the connection in place: drivers compare theirs by identity. */
function writableText(connection: DatabaseConnection): DatabaseConnection {
  if (careful.has(connection)) return connection;
  careful.add(connection);
  const execute = connection.executeQuery.bind(connection);
  const stream = connection.streamQuery.bind(connection);
  connection.executeQuery = (query, ...rest) => execute(withoutNul(query), ...rest);
  connection.streamQuery = (query, ...rest) => stream(withoutNul(query), ...rest);
  return connection;
}

function withoutNul(query: CompiledQuery): CompiledQuery {
  if (!query.parameters.some(hasNul)) return query;
  return {
    ...query,
    parameters: query.parameters.map((value) => (hasNul(value) ? value.replaceAll(NUL, REPLACEMENT) : value)),
  };
}

function hasNul(value: unknown): value is string {
  return typeof value === 'string' && value.includes(NUL);
}

/** Longest wait for other connections' locks; their transactions take milliseconds. */
const LONGEST_WAIT_MS = 5_000;
const PAUSE_MS = 5;
/** sqlite.org/rescode.html. Waiting does not help with extended codes (an outdated snapshot). */
const SQLITE_BUSY = 5;

/**
 * SQLite that waits for locks without blocking the thread. SQLite's own wait (busy_timeout) blocks it: if another connection
 * of the same process has the lock, its transaction could not continue, and the wait would always fail. Here the statement is
 * retried instead. The database must have `busy_timeout` 0.
 */
class PatientSqliteDialect extends SqliteDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    let patient: DatabaseConnection | null = null;
    driver.acquireConnection = async (...args) => {
      patient ??= patientConnection(await acquire(...args));
      return patient;
    };
    return withCare(driver);
  }
}

function patientConnection(connection: DatabaseConnection): DatabaseConnection {
  return {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const untilMs = Date.now() + LONGEST_WAIT_MS;
      for (;;) {
        try {
          return await connection.executeQuery<R>(query);
        } catch (error) {
          if ((error as { errcode?: number }).errcode !== SQLITE_BUSY || Date.now() > untilMs) throw error;
          await sleep(PAUSE_MS * (0.5 + Math.random()));
        }
      }
    },
    streamQuery: connection.streamQuery.bind(connection),
  };
}
