// Plans what `sluice start` runs, in a process that ends afterwards: reading configurations and databases takes memory that the
// supervising process (supervise.ts) should not keep. Uses what is configured (Redis, PostgreSQL, providers), and embedded Redis,
// SQLite and the simulator for the rest.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createSecret } from '../../accounts/api-key.ts';
import { createKeyStore } from '../../accounts/key-store.ts';
import type { Environment } from '../../config/environment.ts';
import { DEFAULT_CONFIG_PATH } from '../../config/load.ts';
import { loadRuntime, type Runtime } from '../../config/runtime.ts';
import { requireStrongKeys } from '../../config/secrets.ts';
import { openDatabase } from '../../storage/database.ts';
import { ADMIN_KEY_FILE } from '../admin-client.ts';
import { compileCache } from '../child-processes.ts';
import { demoPath } from '../inspected-runtime.ts';
import { complain } from '../terminal.ts';
import type { Layout, StartPlan } from './supervise.ts';

export interface StartOptions extends ProcessCounts {
  config: string | undefined;
  /** The processes log to the terminal instead of files. */
  verbose: boolean;
}

/** The requested numbers; undefined: chosen by the number of cores. */
export interface ProcessCounts {
  /** Processes that are both API and worker. */
  processes?: number | undefined;
  /** The two tiers in separate processes. */
  apis?: number | undefined;
  workers?: number | undefined;
}

const MOST_BY_DEFAULT = 8;

export function layoutOf({ processes, apis, workers }: ProcessCounts, cores: number): Layout {
  if (apis === undefined && workers === undefined) {
    return { kind: 'combined', first: processes ?? 1, most: processes ?? Math.min(MOST_BY_DEFAULT, cores) };
  }
  // Both tiers do about the same work.
  const half = Math.min(MOST_BY_DEFAULT, Math.max(1, Math.floor(cores / 2)));
  return { kind: 'tiers', apis: apis ?? half, workers: workers ?? half };
}

/** Rejects with a message that names the remedy. */
export async function planStart(options: StartOptions, environment: Environment): Promise<StartPlan> {
  requireStrongKeys(environment);
  // Logs, keys and databases are readable only by the user who runs Sluice, even in a directory that others can read.
  process.umask(0o077);
  const directory = environment.dataDirectory;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const configured = loadRuntime(options.config, environment);
  for (const note of configured.notes) say(`${configured.configPath}: ${note}`);
  const demo = configured.catalogue.providers.size === 0 ? await writeDemo(directory, environment) : null;
  const runtime = demo === null ? configured : loadRuntime(demo.configPath, environment);
  const configPath = demo?.configPath ?? options.config ?? environment.configPath;
  const key = await ensureKey(runtime, environment, directory);
  const adminKey = ensureAdminKey(environment, directory);
  return {
    directory,
    variables: {
      ...environment.variables,
      ...compileCache(environment),
      SLUICE_DATA: directory,
      SLUICE_ADMIN_KEY: adminKey,
      PORT: String(await choosePort(runtime, environment)),
      ...(configPath === undefined ? {} : { SLUICE_CONFIG: configPath }),
    },
    hasOwnRedis: runtime.redisAddress === null,
    simulatorPort: demo?.simulatorPort ?? null,
    // A database that other machines use may have work that this machine does not know of.
    startsBatches: !runtime.databaseUrl.startsWith('sqlite:'),
    layout: layoutOf(options, availableParallelism()),
    logs: options.verbose ? null : join(directory, 'logs'),
    key,
    adminKeyFrom: environment.adminKey === undefined ? join(directory, ADMIN_KEY_FILE) : 'SLUICE_ADMIN_KEY',
    model: runtime.catalogue.modelNames[0] ?? DEMO_MODEL,
  };
}

interface Demo {
  configPath: string;
  /** Null if OpenAI is the provider. */
  simulatorPort: number | null;
}

async function writeDemo(directory: string, { variables }: Environment): Promise<Demo> {
  const simulatorPort = variables.OPENAI_API_KEY ? null : await freePort();
  const configPath = demoPath({ dataDirectory: directory });
  writeFileSync(configPath, HEAD + (simulatorPort === null ? OPENAI : simulator(`http://127.0.0.1:${simulatorPort}`)));
  say(
    simulatorPort === null
      ? 'OpenAI is the provider (OPENAI_API_KEY)'
      : `no provider is configured; using the simulator (${configPath})`,
  );
  return { configPath, simulatorPort };
}

/** The key that is printed: from the environment, or created at the first start and kept in the data directory. */
async function ensureKey(runtime: Runtime, environment: Environment, directory: string): Promise<string> {
  const path = join(directory, 'key');
  const secret = environment.apiKey ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : createSecret());
  const database = await openDatabase(runtime.databaseUrl, (error) => say(error.message));
  // The API process itself registers SLUICE_API_KEY, and notifies the others of the change.
  if (environment.apiKey === undefined) await createKeyStore(database).ensure('first key', secret);
  await database.destroy();
  if (environment.apiKey === undefined) writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** From the environment, or created at the first start and kept in the data directory, where other commands read it. */
function ensureAdminKey(environment: Environment, directory: string): string {
  if (environment.adminKey !== undefined) return environment.adminKey;
  const path = join(directory, ADMIN_KEY_FILE);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const secret = `admin-${randomBytes(24).toString('hex')}`;
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** A configured port that is in use is an error; the default port may be replaced by a free one. */
async function choosePort(runtime: Runtime, environment: Environment): Promise<number> {
  const host = environment.host ?? runtime.configuration.server.host;
  const wanted = environment.port ?? runtime.configuration.server.port;
  if (wanted === 0 || (await isFree(wanted, host))) return wanted;
  if (environment.port !== undefined || existsSync(environment.configPath ?? DEFAULT_CONFIG_PATH)) {
    throw new Error(`port ${wanted} on ${host} is in use; set another with PORT or server.port`);
  }
  say(`port ${wanted} is in use; using a free one (set PORT to choose)`);
  return 0;
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** A port that is free now; if another process takes it meanwhile, the later one fails with an error. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function say(what: string): void {
  complain(`sluice: ${what}`);
}

const HEAD = `# Written by \`sluice start\` because no provider is configured. Copy it to sluice.yaml and edit it there;
# docs/configuration.md describes every setting.
`;

const OPENAI = `providers:
  openai:
    api_key: \${OPENAI_API_KEY}
models:
  "openai/*": { deployments: [{ provider: openai, model: "*" }] }
  gpt-4o-mini: { deployments: [{ provider: openai, model: gpt-4o-mini }] }
  gpt-4o: { deployments: [{ provider: openai, model: gpt-4o }] }
  "*": { deployments: [{ provider: openai, model: "*" }] }
`;

const simulator = (url: string) => `providers:
  simulator:
    protocols: [openai-chat]
    base_url: ${url}/v1
    api_key: simulated
  # The same simulator under another name, as a fallback.
  backup:
    protocols: [openai-chat]
    base_url: ${url}/v1
    api_key: simulated
models:
  gpt-4o-mini:
    deployments:
      - { provider: simulator, model: gpt-4o-mini, price: { input: 0.15, cached_input: 0.075, output: 0.6 } }
      - { provider: backup, model: gpt-4o-mini-backup, tier: 2, price: { input: 0.2, cached_input: 0.1, output: 0.8 } }
  gpt-4o:
    deployments:
      - { provider: simulator, model: gpt-4o, price: { input: 2.5, cached_input: 1.25, output: 10 } }
      - { provider: backup, model: gpt-4o-backup, tier: 2, price: { input: 3, cached_input: 1.5, output: 12 } }
  "*": { deployments: [{ provider: simulator, model: "*", price: { input: 1, cached_input: 0.5, output: 4 } }] }
`;

const DEMO_MODEL = 'gpt-4o-mini';
