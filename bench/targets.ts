// The targets of measurements: a direct call, and Sluice as `sluice start` runs it (append-only Redis, one API and one worker
// process, ledger in SQLite, logs on), from any checkout. Peers are in peers.ts.
import type { SpawnOptions } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Checkout, CURRENT } from './checkouts.ts';
import { expectFree, type Measured, startProcess, untilListening } from './processes.ts';

export interface Target {
  name: string;
  url: string;
  headers: Record<string, string>;
  /** URLs of all API processes; `url` is the first. */
  urls?: string[];
  /** All processes of the target itself. */
  processes: Measured[];
  /** Null except for Sluice. */
  redisPort: number | null;
  stop(): Promise<void>;
}

/** First port of the first installation; each further one starts ten higher. */
const FIRST_PORT = 19_130;
const PORTS_EACH = 10;
/** Under a profiler, on a busy machine, a start takes minutes. */
const START_LIMIT_MS = 300_000;
const READY_EVERY_MS = 100;
const BENCH_KEY = 'sk-sluice-bench-0123456789';

export function directTarget(upstreamPort: number): Target {
  const url = `http://127.0.0.1:${upstreamPort}/v1/chat/completions`;
  return { name: 'direct', url, headers: {}, processes: [], redisPort: null, stop: async () => undefined };
}

const BARE_PORT = 19_129;

/** Only Fastify and undici. */
export async function startBareProxy(upstreamPort: number): Promise<Target> {
  await expectFree(BARE_PORT);
  const entry = fileURLToPath(new URL('bare-proxy.mjs', import.meta.url));
  const proxy = startProcess('proxy', process.execPath, [entry, String(BARE_PORT), String(upstreamPort)]);
  await untilListening(BARE_PORT, proxy.child);
  const url = `http://127.0.0.1:${BARE_PORT}/v1/chat/completions`;
  return { name: 'bare proxy', url, headers: {}, processes: [proxy], redisPort: null, stop: () => proxy.stop() };
}

export interface SluiceOptions {
  checkout?: Checkout;
  apis?: number;
  workers?: number;
  /** API and worker in one process instead of two tiers, as `sluice start` runs them on a small machine. */
  isCombined?: boolean;
  /** Merged into the configuration. */
  configuration?: Record<string, unknown>;
  /** Index of the installation, if several run at once; it determines the ports. */
  place?: number;
  /** A command and its arguments that Node is run by. */
  runBy?: readonly string[];
  nodeOptions?: readonly string[];
}

/** Resolves when it answers. Further API processes listen on the following ports. */
export async function startSluice(upstreamPort: number, options: SluiceOptions = {}): Promise<Target> {
  const { checkout = CURRENT, isCombined = false, apis = 1, place = 0, runBy = [], nodeOptions = [] } = options;
  const workers = isCombined ? 0 : (options.workers ?? 1);
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const redisPort = FIRST_PORT + place * PORTS_EACH;
  const ports = Array.from({ length: apis }, (_, index) => redisPort + 1 + index);
  const configPath = join(directory, 'sluice.yaml');
  writeFileSync(
    configPath,
    JSON.stringify({
      redis: { url: takesSocket(checkout) ? `unix://${directory}/redis.sock` : `redis://127.0.0.1:${redisPort}` },
      database: { url: `sqlite:${join(directory, 'sluice.db')}` },
      providers: {
        upstream: { protocols: ['openai-chat'], base_url: `http://127.0.0.1:${upstreamPort}/v1`, slots: 1_024 },
      },
      models: { '*': { deployments: [{ provider: 'upstream', model: '*', price: { input: 2.5, output: 10 } }] } },
      ...options.configuration,
    }),
  );
  await expectFree(redisPort, ...ports);
  const redis = startProcess('redis', 'redis-server', redisArguments(redisPort, directory));
  await untilListening(redisPort, redis.child);
  const environment = {
    ...process.env,
    SLUICE_CONFIG: configPath,
    SLUICE_LOG_LEVEL: process.env.SLUICE_LOG_LEVEL ?? 'info',
    SLUICE_DATA: directory,
    SLUICE_API_KEY: BENCH_KEY,
  };
  const profile =
    process.env.BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`];
  const launch = (name: string, entry: string, more: Record<string, string> = {}) =>
    startCommand(name, [...runBy, process.execPath, ...nodeOptions, ...profile, entry], {
      cwd: checkout.root,
      env: { ...environment, ...more },
    });
  const [name, entry] = isCombined ? (['combined', 'workers/combined.ts'] as const) : (['api', 'src/main.ts'] as const);
  const processes = [launch(name, entry, { PORT: String(ports[0]) })];
  // The first process creates the tables for the others.
  await untilListening(ports[0]!, processes[0]!.child, START_LIMIT_MS);
  for (const port of ports.slice(1)) processes.push(launch(name, entry, { PORT: String(port) }));
  for (let index = 0; index < workers; index++) processes.push(launch('worker', 'workers/inference.ts'));
  for (const port of ports) await untilReady(`http://127.0.0.1:${port}/readyz`);
  return {
    name: isCombined ? `${checkout.name}, combined` : checkout.name,
    url: `http://127.0.0.1:${ports[0]}/v1/chat/completions`,
    urls: ports.map((port) => `http://127.0.0.1:${port}/v1/chat/completions`),
    headers: { authorization: `Bearer ${BENCH_KEY}` },
    processes: [...processes, redis],
    redisPort,
    async stop() {
      await Promise.all(processes.map((running) => running.stop()));
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function startCommand(name: string, [command, ...args]: string[], options: SpawnOptions) {
  return startProcess(name, command!, args, options);
}

/** Older commits reach Redis over TCP only. */
function takesSocket({ root }: Checkout): boolean {
  return readFileSync(join(root, 'src/storage/redis.ts'), 'utf8').includes("'unix:'");
}

function redisArguments(port: number, directory: string): string[] {
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: directory,
    // As `sluice start` has it.
    unixsocket: join(directory, 'redis.sock'),
    save: '',
    hz: 100,
    appendonly: 'yes',
    'hash-max-listpack-value': 512,
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

async function untilReady(url: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += READY_EVERY_MS) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
  }
  throw new Error('Sluice is not ready');
}
