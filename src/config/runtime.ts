// Everything a process needs to know before it opens its first connection.

import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import type { Reload } from '../contracts/configuration-reload.ts';
import { createGrowingMask, type GrowingMask } from '../contracts/secret-mask.ts';
import { type Catalogue, createCatalogue, type Deployment, type Provider } from './catalogue.ts';
import { type Environment, readEnvironment } from './environment.ts';
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
  /** Path of the configuration file, whether or not it exists. */
  configPath: string;
  configuration: Configuration;
  /** Settings in another gateway's file that Sluice does not support. */
  notes: readonly string[];
  catalogue: LiveCatalogue;
  /** Null: none is configured, and `sluice start` runs an embedded one. */
  redisAddress: RedisAddress | null;
  databaseUrl: string;
  replyShards: number;
  /** Where the API listens. */
  listen: { host: string; port: number };
  /** Where administration, metrics and probes listen; null: on the clients' port. */
  adminListen: AdminListen | null;
  /** For logs: removes every configured secret. */
  secretMask: GrowingMask;
  secrets: readonly string[];
  /** Called with the result of a reload (src/process/follow-configuration.ts). One listener, which records it in the database. */
  onReload: ((reload: Reload) => void) | null;
  /** How the file that was last read differs from what is in force. */
  fileState: FileState;
}

export interface FileState {
  /** It is invalid, so an earlier configuration stays in force. */
  isRefused: boolean;
  /** Its settings that are read only when a process starts. */
  awaitingRestart: number;
}

export interface AdminListen {
  host: string;
  port: number;
  /** The port is a default: if it is taken, any free one is used. */
  isDefault: boolean;
}

/** Reply shards on a cluster, so that requests spread over several hash slots, and thus nodes. */
const CLUSTER_REPLY_SHARDS = 16;

/**
 * Throws a ConfigurationError that lists every fault.
 * @param running the mask of the running process, on a reload.
 */
export function loadRuntime(
  configPath?: string,
  environment: Environment = readEnvironment(),
  running?: GrowingMask,
): Runtime {
  const path = configPath ?? environment.configPath;
  const { configuration, notes } = loadConfiguration(path, environment.variables);
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
    onReload: null,
    fileState: { isRefused: false, awaitingRestart: 0 },
  };
}

const LOOPBACK = '127.0.0.1';
const DEFAULT_ADMIN_PORT = 8081;

/** Interfaces for operators listen on loopback only, unless configured otherwise. */
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

/** For processes that need Redis. Throws a ConfigurationError that says what to do. */
export function requireRedis(runtime: Runtime): RedisAddress {
  if (runtime.redisAddress !== null) return runtime.redisAddress;
  const message = 'no Redis is configured: set redis.url or SLUICE_REDIS_URL, or run `sluice start`, which starts one';
  const file = runtime.environment.configPath ?? DEFAULT_CONFIG_PATH;
  throw new ConfigurationError([{ file, line: null, path: 'redis', message }]);
}

/** A catalogue whose content can be replaced while requests run; all holders see the newest content. */
export interface LiveCatalogue extends Catalogue {
  replace(next: Catalogue): void;
}

/** Removed entries can still be found by name for this long, by requests that were accepted with them. */
const KEPT = { ...atMost(10_000), ttl: 3_600_000 };

/** A map that still finds entries for a while after their removal, but does not list them. */
class KeptMap<V extends object> extends Map<string, V> {
  readonly #removed: LRUCache<string, V>;

  constructor(current: ReadonlyMap<string, V>, removed: LRUCache<string, V>) {
    super(current);
    this.#removed = removed;
  }

  override get(name: string): V | undefined {
    return super.get(name) ?? this.#removed.get(name);
  }
}

export function createLiveCatalogue(first: Catalogue): LiveCatalogue {
  const formerProviders = new LRUCache<string, Provider>(KEPT);
  const formerDeployments = new LRUCache<string, Deployment>(KEPT);
  let current = first;
  let providers = new KeptMap(first.providers, formerProviders);
  let deployments = new KeptMap(first.deployments, formerDeployments);
  return {
    get providers() {
      return providers;
    },
    get deployments() {
      return deployments;
    },
    get modelNames() {
      return current.modelNames;
    },
    get wildcards() {
      return current.wildcards;
    },
    findModel: (name) => current.findModel(name),
    priceOf: (...args) => current.priceOf(...args),
    batchPriceOf: (...args) => current.batchPriceOf(...args),
    replace(next) {
      for (const [name, provider] of current.providers) formerProviders.set(name, provider);
      for (const [id, deployment] of current.deployments) formerDeployments.set(id, deployment);
      current = next;
      providers = new KeptMap(next.providers, formerProviders);
      deployments = new KeptMap(next.deployments, formerDeployments);
    },
  };
}
