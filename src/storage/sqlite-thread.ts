// The thread in which SQLite reports run (sqlite-reader.ts). Runs one statement at a time and sends its rows in pieces, the next one
// when it is asked for, so that the other thread never receives a large report in one turn. It loads nothing but SQLite.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { ReaderReply, ReaderRequest } from './sqlite-reader.ts';

const PIECE_ROWS = 1_000;
/** Writers hold the lock for milliseconds; a reader of a WAL file rarely waits at all. */
const BUSY_MS = 5_000;

const file = new DatabaseSync(workerData as string, { readOnly: true });
file.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
let pieces: Iterator<unknown[]> | null = null;

parentPort!.on('message', (request: ReaderRequest) => {
  try {
    if (request !== 'more') pieces = inPieces(file.prepare(request.sql), request.parameters);
    const { value, done } = pieces!.next();
    reply(done === true ? { rows: [], isLast: true } : { rows: value, isLast: value.length < PIECE_ROWS });
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
    reply({ error: { message, code, errcode } });
  }
});

function* inPieces(statement: StatementSync, parameters: readonly unknown[]): Generator<unknown[]> {
  statement.setReadBigInts(true);
  let piece: unknown[] = [];
  for (const row of statement.iterate(...(parameters as string[]))) {
    piece.push(row);
    if (piece.length < PIECE_ROWS) continue;
    yield piece;
    piece = [];
  }
  yield piece;
}

function reply(message: ReaderReply): void {
  parentPort!.postMessage(message);
}
