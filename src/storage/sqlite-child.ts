// The process in which SQLite reports run (sqlite-reader.ts); its argument is the file. Runs one statement at a time and sends its
// rows in pieces, the next one when it is asked for, so that its parent never receives a large report in one turn. It loads nothing
// but SQLite. Its parent ends it with SIGKILL; if the parent is gone it exits, at the latest when its statement has ended.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { ReaderReply, ReaderRequest } from './sqlite-reader.ts';

const PIECE_ROWS = 1_000;
/** Writers hold the lock for milliseconds; a reader of a WAL file rarely waits at all. */
const BUSY_MS = 5_000;

let file: DatabaseSync | null = null;
let pieces: Iterator<unknown[]> | null = null;

// A terminal and some supervisors send these to all processes of a group: the parent decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (request: ReaderRequest) => {
  try {
    file ??= open(process.argv[2]!);
    if (request !== 'more') pieces = inPieces(file.prepare(request.sql), request.parameters);
    const { value, done } = pieces!.next();
    reply(done === true ? { rows: [], isLast: true } : { rows: value, isLast: value.length < PIECE_ROWS });
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
    reply({ error: { message, code, errcode } });
  }
});

function open(path: string): DatabaseSync {
  const opened = new DatabaseSync(path, { readOnly: true });
  opened.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  return opened;
}

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

/** There is no parent left to report a failure to. */
function reply(message: ReaderReply): void {
  process.send!(message, () => undefined);
}
