// A broker as it is deployed: real API and worker processes over a real Redis, with a separate configuration file.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { KeySettings } from '#src/accounts/api-key.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { endWithParent } from './end-with-parent.ts';
import { lastSignal, processEnvironment, processPath } from './processes.ts';
import { startTestRedis, type TestRedis, type TestRedisOptions } from './redis-server.ts';

export const TEST_KEY = 'sk-sluice-test';
export const ADMIN_KEY = 'admin-test-0123456789';

export interface TestProcess {
  /** Its main module: `src/main.ts`, `workers/inference.ts`, … */
  entry: string;
  child: ChildProcess;
  /** Its ready message. */
  details: Record<string, unknown>;
  /** SIGTERM, and wait. */
  stop(): Promise<void>;
  /** SIGKILL, and wait. */
  kill(): Promise<void>;
  /** When the test is over. */
  end(): Promise<void>;
  log(): string;
}

export interface TestBroker {
  redis: TestRedis;
  database: Database;
  databaseUrl: string;
  /** Data of all its processes. */
  directory: string;
  apis: TestProcess[];
  workers: TestProcess[];
  /** Number of processes of the batch engine; default: none. */
  batches: TestProcess[];
  /** Of the first API process. */
  url: string;
  /** An API and a worker in one process; it counts among the API processes. */
  startCombined(args?: string[], variables?: Record<string, string>): Promise<TestProcess>;
  /** @param variables additional environment variables. */
  startApi(variables?: Record<string, string>): Promise<TestProcess>;
  startWorker(args?: string[]): Promise<TestProcess>;
  startBatches(): Promise<TestProcess>;
  createKey(name: string, settings?: Partial<KeySettings>): Promise<{ id: string; secret: string }>;
  stop(): Promise<void>;
}

export interface TestBrokerOptions {
  configuration: ConfigurationInput;
  redis?: TestRedisOptions;
  /** An existing server instead of a new one; it is not stopped. */
  sharedRedis?: TestRedis;
  databaseUrl?: string;
  /**
   * API, worker and batches in one process, as in a small installation. For tests that are not about processes: each process
   * takes nearly a second of CPU time until it is warm.
   */
  together?: boolean;
  /** Number of processes that are both tiers; then no others are started by default. */
  combined?: number;
  apis?: number;
  workers?: number;
  workerArgs?: string[];
  batches?: number;
  /** Of all its processes. */
  environment?: Record<string, string>;
}

/** Only a process that will never be ready takes this long, however busy the machine is. */
const READY_LIMIT_MS = 90_000;

export async function startBroker(options: TestBrokerOptions): Promise<TestBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const redis = options.sharedRedis ?? (await startTestRedis(options.redis));
  const databaseUrl = options.databaseUrl ?? `sqlite:${join(directory, 'sluice.db')}`;
  const configPath = join(directory, 'sluice.yaml');
  const configuration = {
    ...options.configuration,
    // A test that provides a cluster or sentinels does not need a separate server.
    redis: {
      ...(isElsewhere(options.configuration.redis) ? {} : { url: redis.url }),
      ...options.configuration.redis,
    },
    database: { url: databaseUrl },
  };
  writeFileSync(configPath, stringify(configuration, { aliasDuplicateObjects: false }));
  const database = await openDatabase(databaseUrl, () => undefined);
  const keyStore = createKeyStore(database);
  await keyStore.ensure('test', TEST_KEY);

  const launch = (entry: string, args: string[], variables: Record<string, string> = {}) =>
    startProcess(entry, args, {
      SLUICE_CONFIG: configPath,
      SLUICE_ADMIN_KEY: ADMIN_KEY,
      SLUICE_LOG_LEVEL: 'info',
      PORT: '0',
      SLUICE_DATA: directory,
      ...options.environment,
      ...variables,
    });
  const broker: TestBroker = {
    redis,
    database,
    databaseUrl,
    directory,
    apis: [],
    workers: [],
    batches: [],
    url: '',
    async startCombined(args = ['--no-batches'], variables) {
      const combined = await launch('workers/combined.ts', args, variables);
      broker.apis.push(combined);
      return combined;
    },
    async startApi(variables) {
      const api = await launch('src/main.ts', [], variables);
      broker.apis.push(api);
      return api;
    },
    async startWorker(args = options.workerArgs ?? []) {
      const worker = await launch('workers/inference.ts', [...args, '--no-batches']);
      broker.workers.push(worker);
      return worker;
    },
    async startBatches() {
      const engine = await launch('workers/batches.ts', []);
      broker.batches.push(engine);
      return engine;
    },
    async createKey(name, settings) {
      const { key, secret } = await keyStore.create(name, settings);
      return { id: key.id, secret };
    },
    async stop() {
      await Promise.all([...broker.apis, ...broker.workers, ...broker.batches].map((running) => running.end()));
      await database.destroy();
      if (options.sharedRedis === undefined) await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  const ofEach = options.combined === undefined && !options.together ? 1 : 0;
  const started = await Promise.allSettled([
    ...(options.together ? [broker.startCombined([])] : []),
    ...Array.from({ length: options.combined ?? 0 }, () => broker.startCombined()),
    ...Array.from({ length: options.apis ?? ofEach }, () => broker.startApi()),
    ...Array.from({ length: options.workers ?? ofEach }, () => broker.startWorker()),
    ...Array.from({ length: options.batches ?? 0 }, () => broker.startBatches()),
  ]);
  const failed = started.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    // The test has nothing yet that it could stop.
    await broker.stop();
    throw failed.reason;
  }
  broker.url = String(broker.apis[0]?.details.url ?? '');
  return broker;
}

function isElsewhere(redis: ConfigurationInput['redis']): boolean {
  return redis?.cluster !== undefined || redis?.sentinel !== undefined;
}

/** Certificates that a test has made. */
function authorities(): Record<string, string> {
  const { NODE_EXTRA_CA_CERTS: file } = process.env;
  return file === undefined ? {} : { NODE_EXTRA_CA_CERTS: file };
}

async function startProcess(entry: string, args: string[], environment: Record<string, string>): Promise<TestProcess> {
  const child = fork(processPath(entry), args, {
    // Not those that vitest gives its workers: other conditions of imports, and a module of its own that each process would load.
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...processEnvironment(), ...authorities(), ...environment },
  });
  endWithParent(child);
  let log = '';
  const keep = (chunk: Buffer) => {
    log += chunk.toString();
  };
  child.stdout!.on('data', keep);
  child.stderr!.on('data', keep);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const details = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${entry} was not ready in time:\n${log}`));
    }, READY_LIMIT_MS);
    child.on('message', (message: { type?: string }) => {
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      resolve(message as Record<string, unknown>);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${entry} ended with ${code}:\n${log}`));
    });
  });
  const endBy = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  return {
    entry,
    child,
    details,
    stop: () => endBy('SIGTERM'),
    kill: () => endBy('SIGKILL'),
    end: () => endBy(lastSignal()),
    log: () => log,
  };
}
