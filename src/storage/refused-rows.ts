// Tells rows that SQL refuses for their content from outages of SQL. A refused row is refused every time, so it is found
// among its neighbours and set aside; other errors (connections, deadlocks, a full disk, timeouts) are worth a retry.

/** The row is invalid on either engine. */
export class RowRefused extends Error {
  override name = 'RowRefused';
}

/**
 * Classes and codes of SQLSTATE (postgresql.org/docs/17/errcodes-appendix.html): data exceptions, constraints, cardinality,
 * wrong types, program limits (a value too long for its index), exceptions raised by a trigger.
 */
const REFUSING_STATES = /^(22|23|21000|42804|42846|44|54|P0001)/;
/** sqlite.org/rescode.html: TOOBIG, CONSTRAINT, MISMATCH, RANGE. Extended codes have these in their lowest byte. */
const REFUSING_SQLITE = new Set([18, 19, 20, 25]);
/** Errors of node:sqlite before the statement runs: a value that cannot be bound. */
const REFUSING_NODE = new Set(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']);

/** Whether the row is at fault, so that a retry would fail in the same way. */
export function isRowRefused(error: unknown): boolean {
  if (error instanceof RowRefused) return true;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return REFUSING_SQLITE.has(errcode & 0xff);
  return typeof code === 'string' && (REFUSING_STATES.test(code) || REFUSING_NODE.has(code));
}

/** SQLSTATE classes of a server that is down, starting, out of resources or stopping (57014: statement timeout). */
const TROUBLED_STATES = /^(08|25006|40|53|55|57|58|XX)/;
const TROUBLED_SQLITE_HIGHEST = 99;
const TROUBLE_WORDS =
  /^(Connection terminated|timeout exceeded|Cannot use a pool|the database did not answer)|connection.*(ended|closed)/i;

/** Whether SQL is down, busy or full, as opposed to a refused row or a bug. */
export function isSqlTrouble(error: Error & { code?: unknown; errcode?: unknown }): boolean {
  const { code, errcode, message } = error;
  if (typeof errcode === 'number')
    return errcode <= TROUBLED_SQLITE_HIGHEST * 256 && !isRowRefused(error) && errcode !== 1;
  if (typeof code === 'string') return TROUBLED_STATES.test(code) || /^E[A-Z]+$/.test(code);
  return TROUBLE_WORDS.test(message.slice(0, 200));
}

export interface Refusal<Row> {
  row: Row;
  error: Error;
}

/**
 * Writes all rows except those that are refused, which it returns. Splits by halves, so that one bad row of 256 costs some 16
 * statements. Rejects if SQL is down; some rows may already be written, so `write` must be safe to repeat.
 */
export async function writeAround<Row>(
  rows: readonly Row[],
  write: (rows: readonly Row[]) => Promise<void>,
): Promise<Refusal<Row>[]> {
  if (rows.length === 0) return [];
  try {
    await write(rows);
    return [];
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    if (rows.length === 1) return [{ row: rows[0]!, error: error as Error }];
    const middle = rows.length >> 1;
    return [...(await writeAround(rows.slice(0, middle), write)), ...(await writeAround(rows.slice(middle), write))];
  }
}
