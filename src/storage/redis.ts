// The only place that opens Redis connections. A connection's behaviour while Redis is away differs by who uses it, so
// each use has a named profile (docs/reference/bullmq-and-ioredis.md section 5).
//
// A server that may not write any more (a failover behind one address keeps old connections) is left: the connection that was
// told so comes anew, and all others of this process to the same address with it, since those that only listen are told nothing.
import { Cluster, type ClusterOptions, type Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-address.ts';
import { CoalescingRedis } from './coalescing-redis.ts';
import { isAnothersToDo } from './redis-trouble.ts';

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
    // A server that loads its files is asked again after so long, whatever it expects.
    maxLoadingRetryTime: RETRY_CAP_MS,
    retryStrategy: retryDelayMs,
    connectionName: `sluice-${profile}`,
  };
  const siblings = siblingsOf(address);
  const client = createClient(address, { ...options, reconnectOnError: leavesServer(siblings) });
  client.on('error', onError);
  client.on('end', () => forgetSibling(address, client));
  siblings.clients.add(client);
  await client.connect();
  return client;
}

/** The connections of this process to one address. */
interface Siblings {
  clients: Set<RedisClient>;
  leftAtMs: number;
}

const families = new Map<string, Siblings>();
/** Until the address leads elsewhere, new connections find the old server again. */
const LEAVE_AT_MOST_EVERY_MS = 500;

function siblingsOf(address: RedisAddress): Siblings {
  const name = JSON.stringify(address);
  const known = families.get(name) ?? { clients: new Set(), leftAtMs: Number.NEGATIVE_INFINITY };
  families.set(name, known);
  return known;
}

function forgetSibling(address: RedisAddress, client: RedisClient): void {
  const { clients } = siblingsOf(address);
  clients.delete(client);
  if (clients.size === 0) families.delete(JSON.stringify(address));
}

/** BullMQ's blocking connections are copies of a consumer's, with its options: they leave by what they are told themselves. */
function leavesServer(siblings: Siblings): (error: Error) => boolean {
  return (error) => {
    if (!isAnothersToDo(error)) return false;
    const now = performance.now();
    if (now - siblings.leftAtMs < LEAVE_AT_MOST_EVERY_MS) return true;
    siblings.leftAtMs = now;
    // Not now: ioredis is in the middle of an answer.
    setImmediate(() => {
      for (const client of siblings.clients) leaveServer(client);
    });
    return true;
  };
}

/** A cluster knows which of its servers may write: its client asks it again when one of them refuses. */
function leaveServer(client: RedisClient): void {
  if (!isCluster(client) && client.status === 'ready') client.disconnect(true);
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
