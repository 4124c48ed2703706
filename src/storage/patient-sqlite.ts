// SQLite, waiting without standing still. SQLite's own wait for a lock (busy_timeout) blocks the thread: where the lock
// is held by another connection of the same process (a worker hosts the ledger writer, batches and webhooks), whose
// transaction cannot go on meanwhile, it would always wait in vain. Here the statement is tried again a little later.
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompiledQuery, type DatabaseConnection, type Driver, type QueryResult, SqliteDialect } from 'kysely';
import { withCare } from './careful-driver.ts';

/** As long as a statement may wait for other connections' locks: their transactions take milliseconds. */
const LONGEST_WAIT_MS = 5_000;
const PAUSE_MS = 5;
/** sqlite.org/rescode.html. Extended codes (a snapshot that is out of date) are not cured by waiting. */
const SQLITE_BUSY = 5;

/** Its database must have `busy_timeout` 0. */
export class PatientSqliteDialect extends SqliteDialect {
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
