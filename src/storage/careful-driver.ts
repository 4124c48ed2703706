// What both engines' drivers do beyond Kysely's: text without NUL, and the true error of a transaction that fails.
import type { CompiledQuery, DatabaseConnection, Driver } from 'kysely';

/** PostgreSQL has no text with NUL in it, and SQLite's functions end there; a client may have put one anywhere. */
const NUL = '\0';
const REPLACEMENT = '\uFFFD';

export function withCare(driver: Driver): Driver {
  const acquire = driver.acquireConnection.bind(driver);
  const rollBack = driver.rollbackTransaction.bind(driver);
  driver.acquireConnection = async (...args) => writableText(await acquire(...args));
  // The transaction fails by the error that made it end. A rollback fails after it where there is nothing left to roll back:
  // SQLite does so by itself when its disk is full, and a connection of PostgreSQL may be gone.
  driver.rollbackTransaction = (connection) => rollBack(connection).catch(() => undefined);
  return driver;
}

const careful = new WeakSet<DatabaseConnection>();

/** The same connection: drivers know theirs by identity. */
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
