// The only place that opens SQL: SQLite embedded (node:sqlite), PostgreSQL in production. One query text for both,
// typed by `tables.ts`; whole numbers come back as bigint or string, so stores read them with `asNumber`/`asBigint`.
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Driver, Kysely, PostgresDialect, type SqliteStatement } from 'kysely';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import { withoutSecrets } from '../config/secrets.ts';
import { withCare } from './careful-driver.ts';
import { migrate } from './migrations.ts';
import { PatientSqliteDialect } from './patient-sqlite.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;

/** `sqlite:<path>` or `postgres://…`. */
export type DatabaseUrl = string;

const SQLITE_PREFIX = 'sqlite:';
/** For opening only; PatientSqliteDialect waits afterwards. */
const SQLITE_OPEN_BUSY_MS = 5_000;
const MAX_PREPARED_STATEMENTS = 64;
const MIGRATION_TRIES = 3;
const MIGRATION_RETRY_MS = 300;
const POSTGRES_POOL_SIZE = 10;
const POSTGRES_CONNECT_TIMEOUT_MS = 5_000;
/** No query of the broker needs more; one that hangs must not hold what waits behind it. */
const POSTGRES_STATEMENT_TIMEOUT_MS = 30_000;

export function isPostgres(url: DatabaseUrl): boolean {
  return /^postgres(ql)?:/.test(url);
}

/** Opens and migrates. Rejects with a message that names the database (without its password) when it cannot be had. */
export async function openDatabase(url: DatabaseUrl, onError: (error: Error) => void): Promise<Database> {
  const database = new Kysely<Tables>({
    dialect: isPostgres(url) ? postgresDialect(url, onError) : sqliteDialect(url),
  });
  try {
    await migrateTogether(database);
  } catch (error) {
    await database.destroy();
    throw new Error(`cannot open database ${withoutSecrets(url)}: ${(error as Error).message}`, { cause: error });
  }
  return database;
}

/** SQLite has no lock around migrations: of two processes that start at once, the later one finds tables half made. */
async function migrateTogether(database: Database, triesLeft = MIGRATION_TRIES): Promise<void> {
  try {
    await migrate(database);
  } catch (error) {
    if (triesLeft <= 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, MIGRATION_RETRY_MS));
    await migrateTogether(database, triesLeft - 1);
  }
}

function postgresDialect(connectionString: string, onError: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString,
    max: POSTGRES_POOL_SIZE,
    connectionTimeoutMillis: POSTGRES_CONNECT_TIMEOUT_MS,
    statement_timeout: POSTGRES_STATEMENT_TIMEOUT_MS,
    application_name: 'sluice',
  });
  // A server that ends a connection says why on the connection itself, also between two statements of a transaction, when the
  // pool does not listen; an error that nobody listens to would end the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => undefined);
  return new CarefulPostgresDialect({ pool });
}

class CarefulPostgresDialect extends PostgresDialect {
  override createDriver(): Driver {
    return withCare(super.createDriver());
  }
}

function sqliteDialect(url: string): PatientSqliteDialect {
  if (!url.startsWith(SQLITE_PREFIX))
    throw new TypeError(`database url must begin with sqlite: or postgres:, not ${withoutSecrets(url)}`);
  const path = url.slice(SQLITE_PREFIX.length);
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  if (path !== ':memory:') closeToOthers(path);
  const file = new DatabaseSync(path);
  // Readers (the API) and the writer (the ledger) do not block each other; a crash loses no committed row.
  file.exec(`PRAGMA busy_timeout = ${SQLITE_OPEN_BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`);
  file.exec('PRAGMA busy_timeout = 0');
  return new PatientSqliteDialect({ database: adaptNodeSqlite(file) });
}

/** A database of an earlier release was readable by everybody. What an operator has set otherwise stays. */
function closeToOthers(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o777) === 0o644) chmodSync(file, 0o600);
  }
}

/** Kysely speaks better-sqlite3's interface; node:sqlite differs in how it takes parameters and tells readers apart. */
function adaptNodeSqlite(file: DatabaseSync) {
  const prepared = new LRUCache<string, SqliteStatement>({ max: MAX_PREPARED_STATEMENTS });

  /** Kysely prepares anew for every run; a statement that was prepared is worth keeping (a tenth of the ledger's CPU). */
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
