// What is compared: a direct call, Sluice as `sluice start` runs it (append-only Redis, one API and one worker process,
// ledger in SQLite, logs on), and the npm package of Portkey's gateway.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKeyStore } from '#src/accounts/key-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import { type Measured, startProcess, untilListening } from './processes.ts';

export interface Target {
  name: string;
  url: string;
  headers: Record<string, string>;
  /** All processes of the target itself. */
  processes: Measured[];
  /** Only Sluice has one. */
  redisPort: number | null;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SLUICE_PORT = 19_110;
const REDIS_PORT = 19_111;
const PORTKEY_PORT = 19_120;
const BENCH_KEY = 'sk-sluice-bench';

export function directTarget(upstreamPort: number): Target {
  const url = `http://127.0.0.1:${upstreamPort}/v1/chat/completions`;
  return { name: 'direct', url, headers: {}, processes: [], redisPort: null, stop: async () => undefined };
}

export async function startSluice(upstreamPort: number): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const configPath = join(directory, 'sluice.yaml');
  const databaseUrl = `sqlite:${join(directory, 'sluice.db')}`;
  writeFileSync(
    configPath,
    JSON.stringify({
      server: { port: SLUICE_PORT },
      redis: { url: `redis://127.0.0.1:${REDIS_PORT}` },
      database: { url: databaseUrl },
      providers: {
        upstream: { protocols: ['openai-chat'], base_url: `http://127.0.0.1:${upstreamPort}/v1`, slots: 1_024 },
      },
      models: { '*': { deployments: [{ provider: 'upstream', model: '*', price: { input: 2.5, output: 10 } }] } },
    }),
  );
  const database = await openDatabase(databaseUrl, () => undefined);
  await createKeyStore(database).ensure('bench', BENCH_KEY);
  await database.destroy();

  const redisArgs = [
    '--port',
    String(REDIS_PORT),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--hz',
    '100',
  ];
  const redis = startProcess('redis', 'redis-server', [
    ...redisArgs,
    '--appendonly',
    'yes',
    '--hash-max-listpack-value',
    '512',
  ]);
  await untilListening(REDIS_PORT);
  const env = { ...process.env, SLUICE_CONFIG: configPath, SLUICE_LOG_LEVEL: process.env.SLUICE_LOG_LEVEL ?? 'info' };
  const profile =
    process.env.BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`];
  const api = startProcess('api', process.execPath, [...profile, 'src/main.ts'], { cwd: ROOT, env });
  const worker = startProcess('worker', process.execPath, [...profile, 'workers/inference.ts'], { cwd: ROOT, env });
  await untilListening(SLUICE_PORT);
  await untilReady(`http://127.0.0.1:${SLUICE_PORT}/readyz`);
  return {
    name: 'sluice',
    url: `http://127.0.0.1:${SLUICE_PORT}/v1/chat/completions`,
    headers: { authorization: `Bearer ${BENCH_KEY}` },
    processes: [api, worker, redis],
    redisPort: REDIS_PORT,
    async stop() {
      await Promise.all([api.stop(), worker.stop()]);
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Sluice is not ready');
}

/** @param node the Node that Portkey runs on: its own image has version 20. */
export async function startPortkey(upstreamPort: number, node: string): Promise<Target> {
  const directory = join(ROOT, 'bench/peers');
  const entry = join(directory, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(entry)) installPeers(directory);
  const preload = join(directory, 'bind-loopback.mjs');
  const gateway = startProcess('portkey', node, ['--import', preload, entry, `--port=${PORTKEY_PORT}`, '--headless'], {
    cwd: directory,
  });
  await untilListening(PORTKEY_PORT);
  return {
    name: 'portkey',
    url: `http://127.0.0.1:${PORTKEY_PORT}/v1/chat/completions`,
    headers: {
      authorization: 'Bearer bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
    },
    processes: [gateway],
    redisPort: null,
    stop: () => gateway.stop(),
  };
}

function installPeers(directory: string): void {
  console.error('installing the peers to compare with (bench/peers) …');
  const args = ['install', '--no-fund', '--no-audit', '--no-package-lock', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: directory, stdio: 'inherit' });
  if (status !== 0) throw new Error('the peers could not be installed');
}
