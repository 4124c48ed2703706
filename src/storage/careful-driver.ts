// What both SQL engines need from Kysely's drivers.
import type { CompiledQuery, DatabaseConnection, Driver } from 'kysely';

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
