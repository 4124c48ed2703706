// What SQL refuses because of what a row says, told from SQL being away. A refused row is refused again for ever, so it is
// found among its neighbours and set aside; all else (connections, deadlocks, a full disk, a timeout) is worth another try.

/** Its content cannot be written, on either engine. */
export class RowRefused extends Error {
  override name = 'RowRefused';
}

/**
 * Classes and codes of SQLSTATE (postgresql.org/docs/17/errcodes-appendix.html): data exceptions, constraints, cardinality,
 * a value of another type, program limits (a value too long for its index), a trigger that raises an exception.
 */
const REFUSING_STATES = /^(22|23|21000|42804|42846|44|54|P0001)/;
/** sqlite.org/rescode.html: TOOBIG, CONSTRAINT, MISMATCH, RANGE. Extended codes have these in their lowest byte. */
const REFUSING_SQLITE = new Set([18, 19, 20, 25]);
/** Of node:sqlite, before the statement runs: a value that no column can have. */
const REFUSING_NODE = new Set(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']);

/** Whether the row is at fault, and another try would end the same way. */
export function isRowRefused(error: unknown): boolean {
  if (error instanceof RowRefused) return true;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return REFUSING_SQLITE.has(errcode & 0xff);
  return typeof code === 'string' && (REFUSING_STATES.test(code) || REFUSING_NODE.has(code));
}

/** SQLSTATE classes of a server that is away, starting, out of something or stopping (57014: a statement's time is over). */
const TROUBLED_STATES = /^(08|25006|40|53|55|57|58|XX)/;
const TROUBLED_SQLITE_HIGHEST = 99;
const TROUBLE_WORDS =
  /^(Connection terminated|timeout exceeded|Cannot use a pool|the database did not answer)|connection.*(ended|closed)/i;

/** Whether SQL is away, busy or full, and neither a row nor our own code is at fault. */
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
 * Writes all rows, but for those that are refused: by halves, so that one of 256 costs some 16 statements.
 * Rejects where SQL is away; some of the rows may be written then, so `write` must be safe to repeat.
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
