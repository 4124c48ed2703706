// Reports over an SQLite file run in a thread of their own, because they take seconds over millions of rows and node:sqlite blocks
// the thread that calls it. There is one thread for each reader, started by the first report and ended when it is idle. Statements
// run one after the other; what waits has a bound and a time limit. PostgreSQL needs none of this.
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
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
import { type Database, SQLITE_PREFIX, withCare } from './database.ts';
import type { Tables } from './tables.ts';

export type ReaderRequest = { sql: string; parameters: readonly unknown[] } | 'more';

export type ReaderReply =
  | { rows: unknown[]; isLast: boolean }
  | { error: { message: string; code?: string | undefined; errcode?: number | undefined } };

export interface ReaderLimits {
  /** For a statement, its wait for others included. As PostgreSQL's statement timeout. */
  limitMs: number;
  mostWaiting: number;
  /** After this without a statement the thread is ended. */
  idleMs: number;
}

const LIMITS: ReaderLimits = { limitMs: 30_000, mostWaiting: 100, idleMs: 60_000 };
/** Of JavaScript: the thread holds one piece of rows. Beyond this the thread is ended, not the process. */
const MOST_MEMORY_MB = 256;
/** Threads that still execute a statement whose time was up. More reports wait until one of them has ended. */
const MOST_ENDING = 2;

const ENTRY = new URL(`./sqlite-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/**
 * A database for reports, read only. For SQLite files its statements run in a thread; otherwise it is `database` itself. Give it
 * back with `closeReports`.
 */
export function openReports(url: string, database: Database, limits: Partial<ReaderLimits> = {}): Database {
  const path = url.startsWith(SQLITE_PREFIX) ? url.slice(SQLITE_PREFIX.length) : null;
  // Another connection cannot open a database in memory.
  if (path === null || path === ':memory:') return database;
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

/** Reports that still run are rejected. */
export async function closeReports(reports: Database, database: Database): Promise<void> {
  if (reports !== database) await reports.destroy();
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

function createReader(path: string, { limitMs, mostWaiting, idleMs }: ReaderLimits): Reader {
  const waiting: Job[] = [];
  let running: Job | null = null;
  let thread: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;
  let isClosed = false;
  /** Threads that are ending: a statement that SQLite is executing is not interrupted. */
  const ending = new Set<Promise<unknown>>();

  function endThread(): void {
    if (thread === null) return;
    const ended = thread
      .removeAllListeners()
      .on('error', () => undefined)
      .terminate();
    thread = null;
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

  /** If it runs, its thread is ended, because SQLite's API cannot interrupt a statement. */
  function expire(job: Job): void {
    if (running === job) endThread();
    else waiting.splice(waiting.indexOf(job), 1);
    fail(job, new Error(`the database did not answer within ${limitMs} ms`));
  }

  function start(): Worker {
    const started = new Worker(ENTRY, {
      workerData: path,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB },
    });
    started.on('message', (reply: ReaderReply) => void receive(reply, started));
    started.on('error', (error) => lose(started, error as Error));
    started.on('exit', () => lose(started, new Error('the database did not answer: the thread for reports has ended')));
    return started;
  }

  function lose(lost: Worker, error: Error): void {
    if (thread !== lost) return;
    endThread();
    if (running !== null) fail(running, error);
  }

  async function receive(reply: ReaderReply, from: Worker): Promise<void> {
    const job = running;
    if (job === null) return;
    if ('error' in reply) {
      const { message, ...codes } = reply.error;
      return fail(job, Object.assign(new Error(message), codes));
    }
    for (const row of reply.rows) job.rows.push(row);
    if (reply.isLast) return settle(job, ({ resolve, rows }) => resolve(rows));
    // Other work of the process gets its turn between two pieces.
    await setImmediate();
    if (running === job) from.postMessage('more' satisfies ReaderRequest);
  }

  function next(): void {
    if (running !== null || isClosed || (thread === null && ending.size >= MOST_ENDING)) return;
    clearTimeout(idle);
    const job = waiting.shift();
    if (job === undefined) {
      thread?.unref();
      idle = setTimeout(endThread, idleMs).unref();
      return;
    }
    running = job;
    thread ??= start();
    thread.ref();
    try {
      thread.postMessage({ sql: job.sql, parameters: job.parameters } satisfies ReaderRequest);
    } catch (error) {
      // A parameter that no thread can receive.
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
      endThread();
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
