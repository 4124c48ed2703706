// Everything a process needs to know before it opens its first connection.

import { createGrowingMask, type GrowingMask } from '../contracts/secret-mask.ts';
import { createCatalogue } from './catalogue.ts';
import { checkReferences } from './check-references.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { createLiveCatalogue, type LiveCatalogue } from './live-catalogue.ts';
import { ConfigurationError, DEFAULT_CONFIG_PATH, loadConfiguration } from './load.ts';
import type { Configuration } from './schema.ts';
import { configuredSecrets } from './secrets.ts';

/** Where Redis is. Exactly one of the three forms. */
export type RedisAddress =
  | { kind: 'standalone'; url: string }
  | { kind: 'cluster'; urls: string[] }
  | { kind: 'sentinel'; urls: string[]; name: string };

export interface Runtime {
  environment: Environment;
  /** Where the configuration was read from, or would be. */
  configPath: string;
  configuration: Configuration;
  /** Of another gateway's file: what it says and Sluice does not carry. */
  notes: readonly string[];
  catalogue: LiveCatalogue;
  /** Null: none is configured, and `sluice start` would embed one. */
  redisAddress: RedisAddress | null;
  databaseUrl: string;
  replyShards: number;
  /** Where the API listens. */
  listen: { host: string; port: number };
  /** Where administration, metrics and probes listen; null: on the clients' port. */
  adminListen: AdminListen | null;
  /** For logs: takes out every configured secret. */
  secretMask: GrowingMask;
  secrets: readonly string[];
}

export interface AdminListen {
  host: string;
  port: number;
  /** The port is a default: where it is taken, any free one does. */
  isDefault: boolean;
}

/** Hash slots that requests spread over on a cluster, where one would mean one node. */
const CLUSTER_REPLY_SHARDS = 16;

/**
 * Throws a ConfigurationError that lists every fault.
 * @param running the mask of a process whose configuration is read again.
 */
export function loadRuntime(
  configPath?: string,
  environment: Environment = readEnvironment(),
  running?: GrowingMask,
): Runtime {
  const path = configPath ?? environment.configPath;
  const { configuration, notes } = loadConfiguration(path, environment.variables);
  const faults = checkReferences(configuration);
  if (faults.length > 0) {
    const file = path ?? DEFAULT_CONFIG_PATH;
    throw new ConfigurationError(faults.map((fault) => ({ file, line: null, ...fault })));
  }
  const redisAddress = redisAddressOf(configuration, environment);
  const { server } = configuration;
  const secrets = configuredSecrets(configuration, environment);
  const secretMask = createGrowingMask(secrets);
  const listen = { host: environment.host ?? server.host, port: environment.port ?? server.port };
  return {
    environment,
    configPath: path ?? DEFAULT_CONFIG_PATH,
    configuration,
    notes,
    catalogue: createLiveCatalogue(createCatalogue(configuration, (running ?? secretMask).add)),
    redisAddress,
    databaseUrl:
      configuration.database.url ?? environment.databaseUrl ?? `sqlite:${environment.dataDirectory}/sluice.db`,
    replyShards: configuration.redis.reply_shards ?? (redisAddress?.kind === 'cluster' ? CLUSTER_REPLY_SHARDS : 1),
    listen,
    adminListen: adminListenOf(configuration, listen.host),
    secretMask,
    secrets,
  };
}

const LOOPBACK = '127.0.0.1';
const DEFAULT_ADMIN_PORT = 8081;

/** What is for operators is never on an address that others reach, unless the configuration says so. */
function adminListenOf({ server }: Configuration, host: string): AdminListen | null {
  if (server.admin !== undefined) return { ...server.admin, isDefault: false };
  return isLoopback(host) ? null : { host: LOOPBACK, port: DEFAULT_ADMIN_PORT, isDefault: true };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function redisAddressOf({ redis }: Configuration, environment: Environment): RedisAddress | null {
  if (redis.cluster !== undefined) return { kind: 'cluster', urls: redis.cluster };
  if (redis.sentinel !== undefined) return { kind: 'sentinel', ...redis.sentinel };
  const url = redis.url ?? environment.redisUrl;
  return url === undefined ? null : { kind: 'standalone', url };
}

/** For processes that cannot work without one. Throws a ConfigurationError that says what to do. */
export function requireRedis(runtime: Runtime): RedisAddress {
  if (runtime.redisAddress !== null) return runtime.redisAddress;
  const message =
    'no Redis is configured: set redis.url or SLUICE_REDIS_URL, or run `sluice start`, which brings its own';
  const file = runtime.environment.configPath ?? DEFAULT_CONFIG_PATH;
  throw new ConfigurationError([{ file, line: null, path: 'redis', message }]);
}
