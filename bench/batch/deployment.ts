// A complete deployment of Sluice on this machine: Redis with its append-only file, API, worker, batches, and a provider (the
// simulator, or nginx with one fixed answer).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { openDatabase } from '#src/storage/database.ts';
import { expectFree, type Measured, startProcess, untilListening } from '../processes.ts';
import { FIXED_PORT, startFixedUpstream } from '../upstreams.ts';

export const REDIS_PORT = 19_131;
const API_PORT = 19_130;
const SIMULATOR_PORT = 19_132;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLL_MS = 250;

export interface DeploymentOptions {
  vendor: 'simulator' | 'nginx';
  openLines?: number;
  batchSlots?: number;
  /** Additional flags for `sluice simulate`. */
  simulatorArgs?: readonly string[];
  limits?: NonNullable<NonNullable<ConfigurationInput['providers']>[string]['limits']>;
  /** Names of client keys; the secret of each is `sk-sluice-<name>`. */
  keys?: readonly string[];
}

export interface Deployment {
  url: string;
  simulatorUrl: string;
  directory: string;
  processes: readonly Measured[];
  named(name: string): Measured;
  stop(): Promise<void>;
}

export const secretOf = (name: string) => `sk-sluice-${name}`;

export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const processes: Measured[] = [];
  const deployment: Deployment = {
    url: `http://127.0.0.1:${API_PORT}`,
    simulatorUrl: `http://127.0.0.1:${SIMULATOR_PORT}`,
    directory,
    processes,
    named: (name) => processes.find((running) => running.name === name)!,
    async stop() {
      for (const running of [...processes].reverse()) await running.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    await startAll(deployment, processes, options);
  } catch (error) {
    await deployment.stop();
    throw error;
  }
  return deployment;
}

async function startAll({ directory, url }: Deployment, processes: Measured[], options: DeploymentOptions) {
  const configPath = join(directory, 'sluice.yaml');
  const configuration = configurationOf(directory, options);
  writeFileSync(configPath, JSON.stringify(configuration));
  const database = await openDatabase(configuration.database!.url!, () => undefined);
  for (const name of options.keys ?? ['bench']) await createKeyStore(database).ensure(name, secretOf(name));
  await database.destroy();

  await expectFree(REDIS_PORT, API_PORT, SIMULATOR_PORT);
  const redis = startProcess('redis', 'redis-server', redisArgs(directory));
  processes.push(redis);
  await untilListening(REDIS_PORT, redis.child);
  const env = { ...process.env, SLUICE_CONFIG: configPath, SLUICE_DATA: directory, SLUICE_LOG_LEVEL: 'info' };
  const profileTo = process.env.BENCH_PROFILE;
  const profile = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
  const node = (name: string, ...args: string[]) => {
    const started = startProcess(name, process.execPath, [...profile, ...args], { cwd: ROOT, env });
    processes.push(started);
    return started.child;
  };
  if (options.vendor === 'nginx') processes.push(await startFixedUpstream());
  else {
    const args = options.simulatorArgs ?? ['--tokens', '12'];
    const simulator = node(
      'simulator',
      'simulator/src/simulate.ts',
      '--port',
      String(SIMULATOR_PORT),
      '--kept-requests',
      '0',
      ...args,
    );
    await untilListening(SIMULATOR_PORT, simulator);
  }
  node('worker', 'workers/inference.ts', '--no-batches');
  node('batches', 'workers/batches.ts');
  await untilListening(API_PORT, node('api', 'src/main.ts'));
  while (!(await fetch(`${url}/readyz`)).ok) await pause(POLL_MS);
}

function configurationOf(directory: string, options: DeploymentOptions) {
  const { vendor, limits = {}, openLines = 2_000, batchSlots } = options;
  const providerPort = vendor === 'nginx' ? FIXED_PORT : SIMULATOR_PORT;
  const configuration: ConfigurationInput = {
    server: { port: API_PORT },
    redis: { url: `redis://127.0.0.1:${REDIS_PORT}` },
    database: { url: `sqlite:${join(directory, 'sluice.db')}` },
    providers: { upstream: { protocols: ['openai-chat'], base_url: `http://127.0.0.1:${providerPort}/v1`, limits } },
    models: { '*': { deployments: [{ provider: 'upstream', model: '*', price: { input: 2.5, output: 10 } }] } },
    ...(batchSlots === undefined ? {} : { workers: { batch_slots: batchSlots } }),
    batches: { max_lines: 10_000_000, max_bytes: 8 * 2 ** 30, open_lines: openLines },
  };
  return configuration;
}

function redisArgs(directory: string): string[] {
  const settings = { dir: directory, save: '', hz: '100', appendonly: 'yes', 'hash-max-listpack-value': '512' };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return ['--port', String(REDIS_PORT), '--bind', '127.0.0.1', ...flags];
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
