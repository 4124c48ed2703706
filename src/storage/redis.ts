// The only place that opens Redis connections. How a connection behaves while Redis is down depends on its use, so each use has
// a named profile (docs/reference/bullmq-and-ioredis.md section 5).
//
// A failover behind one address keeps old connections to a server that is no longer the primary. The connection that gets such
// a refusal reconnects, and so do all others of the process to the same address, because those that only listen get none.
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/runtime.ts';
import { limitSilence } from './own-time.ts';
import { isAnothersToDo } from './redis-trouble.ts';

export type RedisClient = Redis | Cluster;

/**
 * - `producer`: the API tier. Fails at once while Redis is down and after 1.5 s of silence: a client must get its 503
 *   in under two seconds.
 * - `consumer`: workers. Waits for Redis without limit; nothing that was paid for may be lost.
 * - `subscriber`: pub/sub. Reconnects and subscribes again by itself.
 */
type ConnectionProfile = 'producer' | 'consumer' | 'subscriber';

/** Longest silence of Redis in the API tier while a command waits. */
const PRODUCER_SILENCE_MS = 1_500;
const RETRY_CAP_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** 50 ms doubling to one second, with jitter: ioredis' default waits up to 5 s, which delays recovery. */
function retryDelayMs(times: number): number {
  return Math.min(50 * 2 ** (times - 1), RETRY_CAP_MS) + Math.floor(Math.random() * 100);
}

/** RESP3 on the wire, replies in their RESP2 shapes, which BullMQ and the typings expect. */
type Options = RedisOptions & { replyMapping: 'legacy' };

const PROFILES: Record<ConnectionProfile, RedisOptions> = {
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 1 },
  consumer: { maxRetriesPerRequest: null },
  subscriber: { maxRetriesPerRequest: null, autoResubscribe: true },
};

/**
 * Opens a connection and waits until it is ready; rejects with a message that names the address if Redis cannot be reached
 * within the connect timeout. Later losses are reported to `onError`, and the connection recovers by itself.
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
    // A server that is loading its files is polled at this interval, regardless of its own estimate.
    maxLoadingRetryTime: RETRY_CAP_MS,
    retryStrategy: retryDelayMs,
    connectionName: `sluice-${profile}`,
  };
  const siblings = siblingsOf(address);
  const client = createClient(address, { ...options, reconnectOnError: leavesServer(siblings) });
  if (profile === 'producer') limitSilences(client);
  client.on('error', onError);
  client.on('end', () => forgetSibling(address, client));
  siblings.clients.add(client);
  await client.connect();
  return client;
}

function limitSilences(client: RedisClient): void {
  if (isCluster(client)) client.on('+node', (node: Redis) => limitSilence(node, PRODUCER_SILENCE_MS, { isNode: true }));
  else limitSilence(client, PRODUCER_SILENCE_MS);
}

/** All connections of this process to one address. */
interface Siblings {
  clients: Set<RedisClient>;
  leftAtMs: number;
}

const families = new Map<string, Siblings>();
/** Until the address leads to the new primary, new connections reach the old server again. */
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

/** BullMQ's blocking connections are duplicates of a consumer's, with its options: each reconnects by its own refusals. */
function leavesServer(siblings: Siblings): (error: Error) => boolean {
  return (error) => {
    if (!isAnothersToDo(error)) return false;
    const now = performance.now();
    if (now - siblings.leftAtMs < LEAVE_AT_MOST_EVERY_MS) return true;
    siblings.leftAtMs = now;
    // Later, because ioredis is processing a reply.
    setImmediate(() => {
      for (const client of siblings.clients) leaveServer(client);
    });
    return true;
  };
}

/** A cluster's client finds the new primary by itself. */
function leaveServer(client: RedisClient): void {
  if (!isCluster(client) && client.status === 'ready') client.disconnect(true);
}

function createClient(address: RedisAddress, options: Options): RedisClient {
  switch (address.kind) {
    case 'standalone':
      return address.url.startsWith('unix:')
        ? new CoalescingRedis({ ...options, ...socketOptions(address.url) })
        : new CoalescingRedis(address.url, options);
    case 'sentinel':
      return new CoalescingRedis(sentinelOptions(address.urls, address.name, options));
    case 'cluster':
      return new Cluster(address.urls.map(hostAndPort), clusterOptions(address.urls[0]!, options));
  }
}

/** `unix:///path/redis.sock?username=…&password=…&db=0`, as other clients of Redis write it. */
function socketOptions(url: string): Pick<RedisOptions, 'path' | 'username' | 'password' | 'db'> {
  const { pathname, searchParams } = new URL(url);
  const [username, password, db] = ['username', 'password', 'db'].map((name) => searchParams.get(name));
  return {
    path: decodeURIComponent(pathname),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(db ? { db: Number(db) } : {}),
  };
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

/** Closes without waiting for a reply. */
export function disconnectRedis(client: RedisClient): void {
  client.disconnect();
}

/**
 * A connection that writes to its socket once per turn of the event loop. ioredis writes every command by itself, and the
 * system calls cost more than the commands (measured with bench/run.ts at 32 concurrent requests: a quarter less CPU in the
 * API process and a third less in Redis). Order is kept; a command waits for the rest of the turn at most.
 */
type SendCommand = Redis['sendCommand'];

class CoalescingRedis extends Redis {
  #corked: Redis['stream'] | null = null;

  override sendCommand(...args: Parameters<SendCommand>): ReturnType<SendCommand> {
    if (this.#corked === null && this.status === 'ready') this.#cork(this.stream);
    return super.sendCommand(...args);
  }

  #cork(socket: Redis['stream']): void {
    this.#corked = socket;
    socket.cork();
    setImmediate(() => {
      this.#corked = null;
      socket.uncork();
    });
  }
}
