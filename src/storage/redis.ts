// The only place that opens Redis connections. A connection's behaviour while Redis is away differs by who uses it, so
// each use has a named profile (facts: ../shared/reference/bullmq-6-ioredis-6.md section 9).
import { Cluster, type ClusterOptions, type Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-address.ts';
import { CoalescingRedis } from './coalescing-redis.ts';

export type RedisClient = Redis | Cluster;

/**
 * - `producer`: the API tier. Fails at once while Redis is away and after 1.5 s while it is frozen: a client must get
 *   its 503 in under two seconds.
 * - `consumer`: workers. Waits for Redis without limit; nothing that was paid for may be dropped.
 * - `subscriber`: pub/sub. Comes back by itself and subscribes again.
 */
export type ConnectionProfile = 'producer' | 'consumer' | 'subscriber';

/** A client waits at most this long for one Redis command of the API tier. */
export const PRODUCER_COMMAND_TIMEOUT_MS = 1_500;
const RETRY_CAP_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** 50 ms doubling to one second, with jitter: ioredis' own default waits up to 5 s, which delays recovery after it. */
function retryDelayMs(times: number): number {
  return Math.min(50 * 2 ** (times - 1), RETRY_CAP_MS) + Math.floor(Math.random() * 100);
}

/** RESP3 on the wire, replies in their older shapes: what BullMQ and the typings expect. */
type Options = RedisOptions & { replyMapping: 'legacy' };

const PROFILES: Record<ConnectionProfile, RedisOptions> = {
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: PRODUCER_COMMAND_TIMEOUT_MS },
  consumer: { maxRetriesPerRequest: null },
  subscriber: { maxRetriesPerRequest: null, autoResubscribe: true },
};

/**
 * Opens a connection and waits until it is ready; rejects with a message that names the address when Redis cannot be
 * reached within the connect timeout. Later losses are reported to `onError` and healed by the connection itself.
 */
export async function connectRedis(
  address: RedisAddress,
  profile: ConnectionProfile,
  onError: (error: Error) => void,
): Promise<RedisClient> {
  const options: Options = {
    ...PROFILES[profile],
    replyMapping: 'legacy',
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: retryDelayMs,
    connectionName: `sluice-${profile}`,
  };
  const client = createClient(address, options);
  client.on('error', onError);
  await client.connect();
  return client;
}

function createClient(address: RedisAddress, options: Options): RedisClient {
  switch (address.kind) {
    case 'standalone':
      return new CoalescingRedis(address.url, options);
    case 'sentinel':
      return new CoalescingRedis(sentinelOptions(address.urls, address.name, options));
    case 'cluster':
      return new Cluster(address.urls.map(hostAndPort), clusterOptions(address.urls[0]!, options));
  }
}

function sentinelOptions(urls: string[], name: string, options: Options): Options {
  return { ...options, ...credentialsOf(urls[0]!), sentinels: urls.map(hostAndPort), name };
}

function clusterOptions(url: string, options: Options): ClusterOptions & { redisOptions: { replyMapping: 'legacy' } } {
  const { retryStrategy: _ownedByCluster, lazyConnect: _also, enableOfflineQueue, ...nodeOptions } = options;
  return {
    lazyConnect: true,
    shardedSubscribers: true,
    enableOfflineQueue: enableOfflineQueue ?? true,
    clusterRetryStrategy: retryDelayMs,
    redisOptions: { ...nodeOptions, ...credentialsOf(url) },
  };
}

function credentialsOf(url: string): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  const { username, password, protocol } = new URL(url);
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function hostAndPort(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 6379 : Number(port) };
}

export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

/** Closes without waiting for a Redis that may never answer again. */
export function disconnectRedis(client: RedisClient): void {
  client.disconnect();
}

const TROUBLE_NAMES = new Set(['ReplyError', 'MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError']);
const TROUBLE_WORDS = /connection is closed|command timed out|stream isn't writeable|cluster/i;

/** Whether an error says that Redis is away, full or failing over, and not that our own code is wrong. */
export function isRedisTrouble(error: Error & { code?: unknown }): boolean {
  const isSystemError = typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return isSystemError || TROUBLE_NAMES.has(error.name) || TROUBLE_WORDS.test(error.message);
}
