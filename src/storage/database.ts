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
  type QueryResult,
  SqliteDialect,
  type SqliteStatement,
  sql,
} from 'kysely';
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import { withoutSecrets } from '../config/secrets.ts';
import { withCare } from './careful-driver.ts';
import { CarefulPostgresDialect, NO_STATEMENT_TIMEOUT, postgresDialect, UNSUPPORTED_TIMEOUT } from './postgres.ts';
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

const poolsOf = new WeakMap<Database, pg.Pool>();

/** Null for SQLite. */
export function poolOf(database: Database): pg.Pool | null {
  return poolsOf.get(database) ?? null;
}

async function openedWith<T>(dialect: Dialect, use: (database: Database) => Promise<T>): Promise<T> {
  const database = new Kysely<Tables>({ dialect });
  if (dialect instanceof CarefulPostgresDialect) poolsOf.set(database, dialect.pool);
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
