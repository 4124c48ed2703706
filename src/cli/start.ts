// `sluice start`: everything on one machine. Uses what is configured (Redis, PostgreSQL, providers), and for the rest embedded
// Redis, SQLite and the simulator.
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createSecret } from '../accounts/api-key.ts';
import { createKeyStore } from '../accounts/key-store.ts';
import type { Environment } from '../config/environment.ts';
import { DEFAULT_CONFIG_PATH } from '../config/load.ts';
import { loadRuntime, type Runtime } from '../config/runtime.ts';
import { requireStrongKeys } from '../config/secrets.ts';
import { openDatabase } from '../storage/database.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../storage/embedded-redis.ts';
import { ADMIN_KEY_FILE, ADMIN_URL_FILE } from './admin-client.ts';
import { type Child, type ChildSettings, compileCache, rotateLogs, startChild } from './child-processes.ts';
import { bold, dim } from './terminal.ts';

export interface StartOptions {
  config: string | undefined;
  /** The processes log to the terminal instead of files. */
  verbose: boolean;
  /** How many processes; undefined: by the cores of the machine. */
  apis?: number | undefined;
  workers?: number | undefined;
}

/** By default half of the cores are for each tier: both do about the same work. */
const MOST_BY_DEFAULT = 8;

export function processCounts({ apis, workers }: Pick<StartOptions, 'apis' | 'workers'>, cores: number) {
  const byDefault = Math.min(MOST_BY_DEFAULT, Math.max(1, Math.floor(cores / 2)));
  return { apis: apis ?? byDefault, workers: workers ?? byDefault };
}

/** Started first to last, stopped last to first. */
interface Running {
  children: Child[];
  redis: EmbeddedRedis | null;
  isStopping: boolean;
}

export async function start(options: StartOptions, environment: Environment): Promise<void> {
  requireStrongKeys(environment);
  // Logs, keys and databases are readable only by the user who runs Sluice, even in a directory that others can read.
  process.umask(0o077);
  const running: Running = { children: [], redis: null, isStopping: false };
  const stop = stopOnSignals(running);
  try {
    await bringUp(options, environment, running);
  } catch (error) {
    say(`${(error as Error).message}`);
    await stop(1);
  }
}

async function bringUp(options: StartOptions, environment: Environment, running: Running): Promise<void> {
  const directory = environment.dataDirectory;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let runtime = loadRuntime(options.config, environment);
  for (const note of runtime.notes) say(`not carried from ${runtime.configPath}: ${note}`);
  const variables: Record<string, string | undefined> = {
    ...environment.variables,
    ...compileCache(environment),
    SLUICE_DATA: directory,
  };

  if (runtime.redisAddress === null) {
    running.redis = await startEmbeddedRedis(join(directory, 'redis'), (how, waitMs) =>
      say(`Redis has ended (${how}); starting it again in ${waitMs} ms`),
    );
    say(`Redis is running on the files in ${join(directory, 'redis')}`);
    variables.SLUICE_REDIS_URL = running.redis.socketUrl;
  }
  rotateLogs([join(directory, 'logs'), join(directory, 'redis')], (error) => say(`logs: ${error.message}`));
  const launch = async ({ more, ...settings }: Launched) => {
    const logPath = options.verbose ? null : join(directory, 'logs', `${settings.name}.log`);
    const child = await startChild(
      { ...settings, environment: { ...variables, ...more }, logPath },
      (name, how, waitMs) => say(`${name} has ended (${how}); starting it again in ${waitMs} ms`),
    );
    running.children.push(child);
    return child;
  };

  const configPath = options.config ?? environment.configPath;
  if (configPath !== undefined) variables.SLUICE_CONFIG = configPath;
  if (runtime.catalogue.providers.size === 0) {
    const hasOpenAiKey = Boolean(variables.OPENAI_API_KEY);
    const simulator = hasOpenAiKey ? null : await launch({ name: 'simulator', entry: 'simulator/src/simulate.ts' });
    const path = join(directory, 'sluice.yaml');
    writeFileSync(path, demoConfiguration({ hasOpenAiKey, simulatorUrl: (simulator?.details.url as string) ?? null }));
    variables.SLUICE_CONFIG = path;
    runtime = loadRuntime(path, environment);
    say(
      hasOpenAiKey
        ? 'OpenAI is the provider (OPENAI_API_KEY)'
        : `no provider is configured; the simulator answers (${path})`,
    );
  }

  const key = await ensureKey(runtime, environment, directory);
  const adminKey = ensureAdminKey(environment, directory);
  variables.SLUICE_ADMIN_KEY = adminKey;
  variables.PORT = String(await choosePort(runtime, environment));
  const { apis, workers } = processCounts(options, availableParallelism());
  const worker = { entry: 'workers/inference.ts', args: ['--no-batches'] };
  await Promise.all(namesOf('worker', workers).map((name) => launch({ ...worker, name })));
  const batches = startedOnce(() => launch({ name: 'batches', entry: 'workers/batches.ts' }), running);
  // Of a database that other machines use nobody here can say whether there is work.
  if (!runtime.databaseUrl.startsWith('sqlite:')) await batches();
  const onWish = (name: string) => {
    if (name === 'batches') batches().catch((error: Error) => say(error.message));
  };
  const [first, ...others] = namesOf('api', apis);
  const entry = 'src/main.ts';
  const api = await launch({ name: first!, entry, onWish, more: apis > 1 ? { SLUICE_PORT_SHARING: 'first' } : {} });
  const more = { SLUICE_PORT_SHARING: 'other', PORT: new URL(api.details.url as string).port };
  await Promise.all(others.map((name) => launch({ name, entry, onWish, more })));
  // `sluice batch` reads the address here.
  writeFileSync(join(directory, 'url'), `${api.details.url}/v1\n`);
  writeFileSync(join(directory, ADMIN_URL_FILE), `${api.details.adminUrl}\n`);
  const logs = options.verbose ? null : join(directory, 'logs');
  const adminKeyFrom = environment.adminKey === undefined ? join(directory, ADMIN_KEY_FILE) : 'SLUICE_ADMIN_KEY';
  const { url, adminUrl } = api.details as { url: string; adminUrl: string };
  printWelcome({ url, adminUrl, adminKeyFrom, key, runtime, logs, apis, workers });
}

type Launched = Omit<ChildSettings, 'environment' | 'logPath'> & { more?: Record<string, string> };

/** `api`, `api-2`, `api-3`: what they log to, and what is said of them. */
function namesOf(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? kind : `${kind}-${index + 1}`));
}

/** A process that is not needed by most takes no memory until then. */
function startedOnce(launch: () => Promise<Child>, running: Running): () => Promise<void> {
  let started: Promise<Child> | undefined;
  return async () => {
    if (running.isStopping) return;
    started ??= launch();
    await started;
  };
}

/** The key that is printed: from the environment, or created at the first start and kept in the data directory. */
async function ensureKey(runtime: Runtime, environment: Environment, directory: string): Promise<string> {
  const path = join(directory, 'key');
  const secret = environment.apiKey ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : createSecret());
  const database = await openDatabase(runtime.databaseUrl, (error) => say(error.message));
  // The API process itself registers SLUICE_API_KEY, and tells the others that the key has changed.
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

/** A port that was chosen is used or is an error; the default port may be replaced by a free one. */
async function choosePort(runtime: Runtime, environment: Environment): Promise<number> {
  const host = environment.host ?? runtime.configuration.server.host;
  const wanted = environment.port ?? runtime.configuration.server.port;
  if (wanted === 0 || (await isFree(wanted, host))) return wanted;
  if (environment.port !== undefined || existsSync(environment.configPath ?? DEFAULT_CONFIG_PATH)) {
    throw new Error(`port ${wanted} on ${host} is in use; choose another with PORT or server.port`);
  }
  say(`port ${wanted} is in use; using a free one (PORT sets another)`);
  return 0;
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

interface Welcome {
  url: string;
  adminUrl: string;
  /** Where the admin key is found: it is not printed. */
  adminKeyFrom: string;
  key: string;
  runtime: Runtime;
  logs: string | null;
  apis: number;
  workers: number;
}

function printWelcome({ url, adminUrl, adminKeyFrom, key, runtime, logs, apis, workers }: Welcome): void {
  const model = runtime.catalogue.modelNames[0] ?? DEMO_MODEL;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] });
  process.stdout.write(
    [
      '',
      `${bold('Sluice is running.')}`,
      '',
      `  base URL  ${bold(`${url}/v1`)}`,
      `  key       ${bold(key)}`,
      `  console   ${bold(`${adminUrl}/console/`)} ${dim(`(sign in with the key in ${adminKeyFrom})`)}`,
      dim(`  processes ${apis} API, ${workers} worker${workers === 1 ? '' : 's'} (--api, --workers)`),
      '',
      `  curl ${url}/v1/chat/completions -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '${body}'`,
      '',
      dim(`  ${logs === null ? '' : `Logs are in ${logs}. `}Ctrl-C stops everything.`),
      '',
      '',
    ].join('\n'),
  );
}

/** The first signal stops everything in order; a second one exits at once. */
function stopOnSignals(running: Running): (code: number) => Promise<void> {
  const stop = async (code: number) => {
    running.isStopping = true;
    for (const child of [...running.children].reverse()) await child.stop();
    await running.redis?.stop();
    process.exit(code);
  };
  const hadTerminal = hasTerminal();
  const onSignal = () => {
    if (running.isStopping) process.exit(1);
    say('stopping …');
    void stop(0);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) return onSignal();
    say('reading the configuration again');
    for (const child of running.children) if (child.name !== 'simulator') child.reload();
  });
  return stop;
}

/** The same signal says that the terminal was closed. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function say(what: string): void {
  process.stderr.write(`sluice: ${what}\n`);
}

interface DemoSettings {
  hasOpenAiKey: boolean;
  simulatorUrl: string | null;
}

const HEAD = `# Written by \`sluice start\` because no provider is configured. Copy it to sluice.yaml and change what you like;
# docs/configuration.md has every setting.
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
  # The same one under another name, so that there is somebody to fail over to.
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

function demoConfiguration({ hasOpenAiKey, simulatorUrl }: DemoSettings): string {
  return HEAD + (hasOpenAiKey || simulatorUrl === null ? OPENAI : simulator(simulatorUrl));
}

const DEMO_MODEL = 'gpt-4o-mini';
