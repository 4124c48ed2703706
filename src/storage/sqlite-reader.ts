// Reports over an SQLite file run in a process of their own: they take seconds over millions of rows, node:sqlite blocks the thread
// that calls it, and nothing but the end of its process interrupts a statement (a thread cannot be ended meanwhile, and
// `process.exit` waits for it). There is one process for each reader, started by the first report and ended when it is idle, so its
// 40 to 60 MB are taken only while reports are asked for. Statements run one after the other; what waits has a bound and a time
// limit.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { withCare } from './careful-driver.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

export type ReaderRequest = { sql: string; parameters: readonly unknown[] } | 'more';

export type ReaderReply =
  | { rows: unknown[]; isLast: boolean }
  | { error: { message: string; code?: string | undefined; errcode?: number | undefined } };

export interface ReaderLimits {
  /** For a statement, its wait for others included. As PostgreSQL's statement timeout. */
  limitMs: number;
  mostWaiting: number;
  /** After this without a statement the process is ended. */
  idleMs: number;
}

const LIMITS: ReaderLimits = { limitMs: 30_000, mostWaiting: 100, idleMs: 60_000 };
/** Of JavaScript: the process holds one piece of rows. */
const MOST_MEMORY_MB = 256;
/** Killed processes that are not gone yet, as of a disk that does not answer. More reports wait until one of them is. */
const MOST_ENDING = 2;
/** All of the environment that SQLite and Node itself need. */
const VARIABLES = ['TMPDIR', 'SQLITE_TMPDIR', 'LD_LIBRARY_PATH'];

const ENTRY = new URL(`./sqlite-child${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/** Read only. Its `destroy` rejects the reports that still run. */
export function openSqliteReports(path: string, limits: Partial<ReaderLimits>): Database {
  const reader = createReader(path, { ...LIMITS, ...limits });
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new QueuingAdapter(),
      createDriver: () => withCare(driverOf(reader)),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

/** Kysely's own queue for a single connection has no bound. */
class QueuingAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

interface Job {
  sql: string;
  parameters: readonly unknown[];
  rows: unknown[];
  timer: NodeJS.Timeout;
  resolve: (rows: unknown[]) => void;
  reject: (error: Error) => void;
}

interface Reader {
  query(sql: string, parameters: readonly unknown[]): Promise<unknown[]>;
  close(): Promise<void>;
}

/** Of all readers: a process that exits takes them with it, whatever they execute. */
const living = new Set<ChildProcess>();

function killAll(): void {
  for (const child of living) child.kill('SIGKILL');
}

function startChild(path: string): ChildProcess {
  // biome-ignore lint/style/noProcessEnv: not a setting of Sluice, but what its own process was started with
  const inherited = process.env;
  const started = fork(ENTRY, [path], {
    serialization: 'advanced',
    execArgv: [`--max-old-space-size=${MOST_MEMORY_MB}`, '--disable-warning=ExperimentalWarning'],
    env: Object.fromEntries(VARIABLES.flatMap((name) => (name in inherited ? [[name, inherited[name]]] : []))),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // A report that runs has a timer, which keeps this process alive.
  started.unref();
  started.channel?.unref();
  if (living.size === 0) process.on('exit', killAll);
  living.add(started);
  const forget = () => {
    if (living.delete(started) && living.size === 0) process.off('exit', killAll);
  };
  started.on('exit', forget);
  // A process that could not be started does not exit.
  started.on('error', () => {
    if (started.pid === undefined) forget();
  });
  return started;
}

/** When it is gone. */
async function killChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function createReader(path: string, { limitMs, mostWaiting, idleMs }: ReaderLimits): Reader {
  const waiting: Job[] = [];
  let running: Job | null = null;
  let child: ChildProcess | null = null;
  let idle: NodeJS.Timeout | undefined;
  let isClosed = false;
  const ending = new Set<Promise<void>>();

  function endChild(): void {
    if (child === null) return;
    const ended = killChild(child);
    child = null;
    ending.add(ended);
    void ended.finally(() => {
      ending.delete(ended);
      next();
    });
  }

  function settle(job: Job, end: (job: Job) => void): void {
    clearTimeout(job.timer);
    if (running === job) running = null;
    end(job);
    next();
  }

  const fail = (job: Job, error: Error) => settle(job, ({ reject }) => reject(error));

  /** If it runs, its process is ended, because SQLite's API cannot interrupt a statement. */
  function expire(job: Job): void {
    if (running === job) endChild();
    else waiting.splice(waiting.indexOf(job), 1);
    fail(job, new Error(`the database did not answer within ${limitMs} ms`));
  }

  function start(): ChildProcess {
    const started = startChild(path);
    started.on('message', (reply: ReaderReply) => void receive(reply, started));
    started.on('error', (error) => lose(started, error));
    started.on('exit', () =>
      lose(started, new Error('the database did not answer: the process for reports has ended')),
    );
    return started;
  }

  function lose(lost: ChildProcess, error: Error): void {
    if (child !== lost) return;
    endChild();
    if (running !== null) fail(running, error);
  }

  async function receive(reply: ReaderReply, from: ChildProcess): Promise<void> {
    const job = running;
    if (job === null || child !== from) return;
    if ('error' in reply) {
      const { message, ...codes } = reply.error;
      return fail(job, Object.assign(new Error(message), codes));
    }
    for (const row of reply.rows) job.rows.push(row);
    if (reply.isLast) return settle(job, ({ resolve, rows }) => resolve(rows));
    // Other work of the process gets its turn between two pieces.
    await setImmediate();
    if (running === job) from.send('more' satisfies ReaderRequest);
  }

  function next(): void {
    if (running !== null || isClosed || (child === null && ending.size >= MOST_ENDING)) return;
    clearTimeout(idle);
    const job = waiting.shift();
    if (job === undefined) {
      idle = setTimeout(endChild, idleMs).unref();
      return;
    }
    running = job;
    try {
      child ??= start();
      child.send({ sql: job.sql, parameters: job.parameters } satisfies ReaderRequest);
    } catch (error) {
      // A parameter that no process can receive, or no process.
      if (child?.connected !== true) endChild();
      fail(job, error as Error);
    }
  }

  return {
    query(sql, parameters) {
      if (isClosed) return Promise.reject(new Error('the connection for reports is closed'));
      if (waiting.length >= mostWaiting)
        return Promise.reject(new Error(`the database did not answer: ${mostWaiting} reports wait already`));
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => expire(job), limitMs);
        const job: Job = { sql, parameters, rows: [], timer, resolve, reject };
        waiting.push(job);
        next();
      });
    },
    async close() {
      isClosed = true;
      clearTimeout(idle);
      endChild();
      const closed = new Error('the connection for reports is closed');
      for (const job of [...(running === null ? [] : [running]), ...waiting.splice(0)]) fail(job, closed);
      await Promise.all(ending);
    },
  };
}

function driverOf(reader: Reader): Driver {
  const readOnly = () => Promise.reject(new Error('reports only read'));
  const connection: DatabaseConnection = {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      return { rows: (await reader.query(sql, parameters)) as R[] };
    },
    streamQuery: () => {
      throw new Error('reports are read by pages');
    },
  };
  return {
    init: async () => undefined,
    acquireConnection: async () => connection,
    releaseConnection: async () => undefined,
    beginTransaction: readOnly,
    commitTransaction: readOnly,
    rollbackTransaction: readOnly,
    destroy: () => reader.close(),
  };
}
