// PostgreSQL's connections: their pool, time limits and losses.
import { type Driver, PostgresAdapter, PostgresDialect } from 'kysely';
import pg from 'pg';
import { withCare } from './careful-driver.ts';

const POSTGRES_POOL_SIZE = 10;
const POSTGRES_CONNECT_TIMEOUT_MS = 5_000;
/** No query of the broker takes longer, and one that hangs must not block others. `?statement_timeout=` in the URL overrides it. */
const POSTGRES_STATEMENT_TIMEOUT_MS = 30_000;
/** For a server or network that no longer answers and so cannot report its timeout. `?query_timeout=` overrides it. */
const POSTGRES_ANSWER_TIMEOUT_MS = 35_000;
/** Firewalls drop idle connections without notifying either side. */
const POSTGRES_KEEPALIVE_MS = 30_000;

/** From PgBouncer, unless its `ignore_startup_parameters` lists it. Then PgBouncer's own `query_timeout` limits queries. */
export const UNSUPPORTED_TIMEOUT = /unsupported startup parameter:? "?statement_timeout/;
export const NO_STATEMENT_TIMEOUT: pg.PoolConfig = { statement_timeout: false };

export function postgresDialect(
  connectionString: string,
  onError: (error: Error) => void,
  more: pg.PoolConfig = {},
): CarefulPostgresDialect {
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
  return new CarefulPostgresDialect(pool);
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

export class CarefulPostgresDialect extends PostgresDialect {
  readonly pool: pg.Pool;

  constructor(pool: pg.Pool) {
    super({ pool });
    this.pool = pool;
  }

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
