// Findings about the configuration, the files and this machine: everything that needs no other process.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../../config/catalogue.ts';
import { DEFAULT_CONFIG_PATH } from '../../config/load.ts';
import { isLoopback, type Runtime } from '../../config/runtime.ts';
import { configuredSecrets } from '../../config/secrets.ts';
import type { Finding } from './finding.ts';

export function machineFindings(runtime: Runtime): Finding[] {
  return [
    ...nodeFindings(process.versions.node),
    ...openFilesFindings(readOpenFiles()),
    ...fileFindings(runtime),
    ...listenFindings(runtime),
    ...providerFindings(runtime.catalogue),
    ...settingsFindings(runtime),
  ];
}

/** The same as `engines` in package.json. */
const LEAST_NODE = [22, 19] as const;

export function nodeFindings(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return [];
  const remedy = `install Node.js ${LEAST_NODE.join('.')} or newer`;
  return [{ severity: 'error', area: 'machine', finding: `this is Node.js ${version}`, remedy }];
}

/** Null if there is no such limit, or no shell. Node.js raises its own limit to the hard limit, and its children inherit it. */
function readOpenFiles(): number | null {
  try {
    const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
    return Number.isNaN(limit) ? null : limit;
  } catch {
    return null;
  }
}

const FEW_FILES = 4_096;

export function openFilesFindings(limit: number | null): Finding[] {
  if (limit === null || limit >= FEW_FILES) return [];
  const finding = `a process may have only ${limit} files and connections open, and each client and each provider call needs one`;
  return [
    {
      severity: 'warning',
      area: 'machine',
      finding,
      remedy: 'raise it: LimitNOFILE=65536 (systemd), --ulimit nofile (Docker)',
    },
  ];
}

const OTHERS = 0o077;
const ANYBODY = 0o004;
/** Files in the data directory with keys made by `sluice start`, and passwords. */
const SECRET_FILES = ['admin-key', 'key', 'redis/redis.json'];

export function fileFindings({
  environment,
  databaseUrl,
  configuration,
}: Pick<Runtime, 'environment' | 'databaseUrl' | 'configuration'>): Finding[] {
  const { dataDirectory: directory, configPath } = environment;
  const file = databaseUrl.startsWith('sqlite:') ? databaseUrl.slice('sqlite:'.length) : null;
  const secret = [...SECRET_FILES.map((name) => join(directory, name)), ...databaseFiles(file)];
  const logs = filesIn(join(directory, 'logs'));
  const config = configPath ?? DEFAULT_CONFIG_PATH;
  const holdsSecret = modeOf(config) !== null && holdsAny(config, configuredSecrets(configuration, environment));
  return [
    ...secret.filter((path) => isOpenTo(path, OTHERS)).map((path) => openTo('error', path, '600')),
    ...(isOpenTo(directory, OTHERS) ? [openTo('warning', directory, '700')] : []),
    ...logs.filter((path) => isOpenTo(path, ANYBODY)).map((path) => openTo('warning', path, '600')),
    ...(holdsSecret && isOpenTo(config, ANYBODY) ? [openTo('error', config, '600')] : []),
  ];
}

function databaseFiles(file: string | null): string[] {
  return file === null || file === ':memory:' ? [] : [file, `${file}-wal`, `${file}-shm`];
}

function filesIn(directory: string): string[] {
  return modeOf(directory) === null ? [] : readdirSync(directory).map((name) => join(directory, name));
}

function modeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mode ?? null;
}

function isOpenTo(path: string, whom: number): boolean {
  return ((modeOf(path) ?? 0) & whom) !== 0;
}

function holdsAny(path: string, secrets: readonly string[]): boolean {
  try {
    const text = readFileSync(path, 'utf8');
    return secrets.some((secret) => secret !== '' && text.includes(secret));
  } catch {
    return false;
  }
}

function openTo(severity: Finding['severity'], path: string, mode: string): Finding {
  return { severity, area: 'files', finding: `${path} can be read by other users`, remedy: `chmod ${mode} ${path}` };
}

export function listenFindings({
  listen,
  adminListen,
  configuration,
  environment,
}: Pick<Runtime, 'listen' | 'adminListen' | 'configuration' | 'environment'>): Finding[] {
  const say = (severity: Finding['severity'], finding: string, remedy: string): Finding => ({
    severity,
    area: 'network',
    finding,
    remedy,
  });
  const { public_url: publicUrl, trusted_proxies: proxies } = configuration.server;
  const found: Finding[] = [];
  if (adminListen !== null && !isLoopback(adminListen.host)) {
    const at = `${adminListen.host}:${adminListen.port}`;
    found.push(
      say(
        'warning',
        `administration and metrics listen on ${at}, without TLS: /metrics needs no key there`,
        'make server.admin listen on loopback, or protect it with a network policy and a TLS proxy',
      ),
    );
  }
  if (!isLoopback(listen.host) && !publicUrl?.startsWith('https:')) {
    found.push(
      say(
        'warning',
        `clients seem to reach ${listen.host}:${listen.port} without TLS: their keys can be read on the network`,
        'put a proxy with TLS in front, and set server.public_url to its https address',
      ),
    );
  }
  if (publicUrl !== undefined && proxies.length === 0) {
    found.push(
      say(
        'note',
        'server.public_url implies a proxy, but server.trusted_proxies is empty: all clients count as one address',
        'add the proxy to server.trusted_proxies',
      ),
    );
  }
  if (environment.adminKey === undefined && !existsSync(join(environment.dataDirectory, 'admin-key'))) {
    found.push(say('note', 'SLUICE_ADMIN_KEY is not set: the admin API is off', 'set it to 16 characters or more'));
  }
  return found;
}

const PRIVATE_HOST =
  /^(10|127|192\.168|172\.(1[6-9]|2\d|3[01]))\.|^\[?f[cd]|^[^.]+$|\.(local|internal|svc|lan)$|\.svc\./;

export function providerFindings(catalogue: Pick<Catalogue, 'providers' | 'deployments' | 'priceOf'>): Finding[] {
  const plain = [...catalogue.providers.values()].flatMap(({ name, baseUrl }) => {
    const { protocol, hostname } = new URL(baseUrl);
    if (protocol === 'https:' || isLoopback(hostname)) return [];
    const finding = `${name} is called at http://${hostname}: its key, prompts and responses can be read on the network`;
    const severity = PRIVATE_HOST.test(hostname) ? ('warning' as const) : ('error' as const);
    return [{ severity, area: 'providers' as const, finding, remedy: `use https in providers.${name}.base_url` }];
  });
  const unpriced = unpricedDeployments(catalogue).map((id) => ({
    severity: 'warning' as const,
    area: 'providers' as const,
    finding: `no price is known for deployment ${id}: its calls are recorded with cost 0 and do not count against budgets`,
    remedy: 'set a price in the configuration',
  }));
  return [...plain, ...unpriced];
}

/** Wildcard deployments are left out: the models that they match are not known yet. */
export function unpricedDeployments(catalogue: Pick<Catalogue, 'deployments' | 'priceOf'>): string[] {
  return [...catalogue.deployments.values()]
    .filter((deployment) => !deployment.upstreamModel.includes('*'))
    .filter((deployment) => catalogue.priceOf(deployment, deployment.upstreamModel, 0) === null)
    .map((deployment) => deployment.id);
}

function settingsFindings({ configuration }: Runtime): Finding[] {
  const { dead_letters: letters } = configuration;
  if (letters.key !== undefined || letters.bodies !== undefined) return [];
  const finding = 'the bodies of failed requests are not kept: dead letters cannot be replayed';
  return [
    { severity: 'note', area: 'configuration', finding, remedy: 'set dead_letters.key (openssl rand -base64 32)' },
  ];
}
