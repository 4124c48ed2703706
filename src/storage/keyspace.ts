// Every Redis key and channel of the broker. There are three families, each with one hash tag, so that every Lua script uses
// one slot of a Redis Cluster:
//   {ns}            limits, open attempts, the ledger stream, key budgets        (the core)
//   {ns:r<shard>}   request records, bodies, logs, reply and control channels    (a reply shard)
//   {ns:<provider>} BullMQ's keys of one provider's queues                       (its prefix)
// Scripts that run once per request get one key of a family and build the others like it: each key that is sent costs four times
// as much (permit-open.lua, settle.lua, accept.lua, publish.lua, offer-job.lua, take-job.lua, finish-job.lua).
import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import { shardOf } from '../contracts/ids.ts';
import type { Lane } from '../contracts/job.ts';
import { CONTRACT_VERSION } from '../contracts/request-record.ts';

export interface RequestKeys {
  record: string;
  body: string;
  /** A large body until its request is accepted (accept.lua). */
  sentBody: string;
  log: string;
}

/** Keys of one limit scope (a provider, a deployment, an API key). */
export interface ScopeKeys {
  /** Hash: the sliding window's slices and sums, and `blocked` (unix ms). */
  window: string;
  /** Sorted set of held permits, scored by the lease's end. */
  leases: string;
  /** Sorted set of waiting requests, scored by their turn in the wait queue (permit.lua). */
  room: string;
  /** Sorted set: start of each owner's next turn on the wait queue's virtual clock. The member '' is the clock itself. */
  turns: string;
  /** How far each owner of turns is ahead of its share of a window (permit-window.lua). */
  shares: string;
  /** Sorted set of the same requests, scored by when they last asked for a permit. */
  presence: string;
  /** Wait queues, sorted sets, one per lane: requests without a permit yet, scored by acceptance (src/limits/wait-queue.ts). */
  waiting: Record<Lane, string>;
  /** Hash: how long its calls take, and what share of their reservations they use. */
  pace: string;
}

export interface Keyspace {
  namespace: string;
  request(requestId: string): RequestKeys;
  /** Prefix of the record keys of one shard; the request id follows. */
  recordPrefix(shard: number): string;
  /** String: fingerprint and id of the request that has this idempotency key. */
  idempotency(shard: number, name: string): string;
  /** Pub/sub channel for the frames of this shard to one API instance. */
  replyChannel(shard: number, inbox: string): string;
  /** Pub/sub channel for the cancellations of this shard to one worker process. */
  controlChannel(shard: number, workerId: string): string;
  /** Hash: worker id → unix ms of its last heartbeat. */
  workers(shard: number): string;
  scope(name: string): ScopeKeys;
  /** Pub/sub channel that announces scopes with free capacity. */
  freedChannel: string;
  /** Set: the keys of all wait queues that may not be empty. */
  waitQueues: string;
  /** Hash: key of a wait queue → tokens of all requests in it. */
  waitQueueTokens: string;
  /** Hash: key of a wait queue → total number of requests that have left it with a permit. */
  waitQueueServed: string;
  /** Hash: name of a held provider or deployment → reason and time, JSON. */
  holds: string;
  /** Hash: attempt id → ledger entry to write if the attempt is never closed. */
  openAttempts: string;
  /** Sorted set: attempt id, scored by the end of its lease. */
  openLeases: string;
  ledgerStream: string;
  /** Pub/sub channel that tells API processes about changed keys. */
  accountsChannel: string;
  /** Pub/sub channel that tells every process about circuits that open or close, and about holds. */
  rotationChannel: string;
  /** Hash: `<kind> <scope>` → limit and when it was last announced, unix ms (src/limits/learned-limits.ts). */
  learnedLimits: string;
  /** Pub/sub channel for changes of them: the field, a line feed, the value. */
  learnedChannel: string;
  /** Hash: model of a deployment → how many tokens its calls take (src/limits/token-estimates.ts). */
  tokenEstimates: string;
  /** List: how the last streams of a circuit went (src/routing/signals.ts). */
  speeds(circuit: string): string;
  /** Hash: how many answers of a model had a second attempt, and what that cost (src/limits/hedge-admit.lua). */
  hedges(pool: string): string;
  /** String: `leading` while the first request with this beginning has no answer yet, then `warm` (src/routing/prefixes.ts). */
  prefix(circuit: string, hash: string): string;
  /** Hash: recent outcomes of a circuit's calls. */
  circuit(name: string): string;
  /** Hash: name of a circuit → unix ms until which it is open; only circuits that are not closed. */
  openCircuits: string;
  /** Sorted set: counted bodies, scored by their expiry. */
  countedBodies: string;
  /** Hash: key id → bytes of its counted bodies; `*` → bytes of all. */
  countedBytes: string;
  budget(keyId: string): string;
  /** Strings: a provider's own list of models (JSON), and a mark that a process wants it. */
  models(provider: string): { list: string; wish: string };
  /** Pub/sub channel that tells workers whose list is wanted. */
  modelsChannel: string;
  /** String, short-lived: this key was just sent an answer that is kept. */
  answered(keyId: string): string;
  /** String: the request that has the lock of a conversation. */
  conversation(id: string): string;
  /** String: a session of the console, by the digest of its cookie (src/api/guard/sessions.ts). */
  session(digest: string): string;
  /** String: one process of the fleet is doing this periodic check, or has just done it (workers/support/watch-money.ts). */
  alertTurn(name: string): string;
  /** Sorted set: the sessions of one operator, scored by their expiry. */
  sessionsOf(operator: string): string;
  queuePrefix(provider: string): string;
  /** Sorted set: workers of this contract that wait for jobs of a queue, scored by their free slots. */
  freeWorkers(queue: string, provider: string): string;
  /** Sorted set: requests handed to a worker without a job, by job id, scored by the lease's expiry (offer-job.lua). */
  leases(queue: string, provider: string): string;
  /** Prefixes, followed by a worker id: the worker's liveness key, which expires, and its channel for handed-off requests. */
  handOff: { sign: string; channel: string };
  /** Sorted set that ends a worker process's common wait for its quiet queues (src/queue/quiet-queues.ts). */
  joinedQueues(workerId: string): string;
  /** Strings that redis-watch.ts writes to check whether Redis takes writes; one per hash tag. */
  probes(replyShards: number, providers: readonly string[]): string[];
}

/**
 * Version of the hand-off of requests to workers; 3: by a lease, large bodies apart. APIs and workers with different versions do not see each other
 * here and use the queue instead.
 */
const HAND_OFF_VERSION = 3;

/** Every API key is a scope. */
const MAX_SCOPES = 20_000;

export function createKeyspace(namespace: string): Keyspace {
  const core = `{${namespace}}`;
  const shardTag = (shard: number) => `{${namespace}:r${shard}}`;
  const scopes = new LRUCache<string, ScopeKeys>(atMost(MAX_SCOPES));
  return {
    namespace,
    request(requestId) {
      const tag = shardTag(shardOf(requestId));
      const body = `${tag}:body:${requestId}`;
      return { record: `${tag}:req:${requestId}`, body, sentBody: `${body}:sent`, log: `${tag}:log:${requestId}` };
    },
    recordPrefix: (shard) => `${shardTag(shard)}:req:`,
    idempotency: (shard, name) => `${shardTag(shard)}:idem:${name}`,
    replyChannel: (shard, inbox) => `${shardTag(shard)}:reply:${inbox}`,
    controlChannel: (shard, workerId) => `${shardTag(shard)}:worker:${workerId}`,
    workers: (shard) => `${shardTag(shard)}:workers`,
    scope(name) {
      let keys = scopes.get(name);
      if (keys === undefined) {
        keys = {
          window: `${core}:window:${name}`,
          leases: `${core}:leases:${name}`,
          room: `${core}:room:${name}`,
          turns: `${core}:turns:${name}`,
          shares: `${core}:shares:${name}`,
          presence: `${core}:presence:${name}`,
          waiting: { interactive: `${core}:waiting:interactive:${name}`, batch: `${core}:waiting:batch:${name}` },
          pace: `${core}:pace:${name}`,
        };
        scopes.set(name, keys);
      }
      return keys;
    },
    freedChannel: `${core}:freed`,
    waitQueues: `${core}:wait-queues`,
    waitQueueTokens: `${core}:wait-queue-tokens`,
    waitQueueServed: `${core}:wait-queue-served`,
    holds: `${core}:holds`,
    openAttempts: `${core}:open`,
    openLeases: `${core}:open-leases`,
    ledgerStream: `${core}:ledger`,
    accountsChannel: `${core}:accounts`,
    rotationChannel: `${core}:rotation`,
    learnedLimits: `${core}:learned-limits`,
    learnedChannel: `${core}:learned`,
    tokenEstimates: `${core}:token-estimates`,
    speeds: (circuit) => `${core}:speeds:${circuit}`,
    hedges: (pool) => `${core}:hedges:${pool}`,
    prefix: (circuit, hash) => `${core}:prefix:${hash}:${circuit}`,
    circuit: (name) => `${core}:circuit:${name}`,
    openCircuits: `${core}:open-circuits`,
    countedBodies: `${core}:bodies`,
    countedBytes: `${core}:body-bytes`,
    budget: (keyId) => `${core}:budget:${keyId}`,
    models: (provider) => ({ list: `${core}:models:${provider}`, wish: `${core}:models-wanted:${provider}` }),
    modelsChannel: `${core}:models`,
    answered: (keyId) => `${core}:answered:${keyId}`,
    conversation: (id) => `${core}:conversation:${id}`,
    session: (digest) => `${core}:session:${digest}`,
    alertTurn: (name) => `${core}:turn:${name}`,
    sessionsOf: (operator) => `${core}:sessions:${operator}`,
    queuePrefix: (provider) => `{${namespace}:${provider}}`,
    freeWorkers: (queue, provider) =>
      `{${namespace}:${provider}}:${queue}:free:v${CONTRACT_VERSION}.${HAND_OFF_VERSION}`,
    leases: (queue, provider) => `{${namespace}:${provider}}:${queue}:leases`,
    handOff: { sign: `${core}:well:`, channel: `${core}:hand-off:` },
    joinedQueues: (workerId) => `${core}:joined:${workerId}`,
    probes: (replyShards, providers) => [
      `${core}:probe`,
      ...Array.from({ length: replyShards }, (_, shard) => `${shardTag(shard)}:probe`),
      ...providers.map((provider) => `{${namespace}:${provider}}:probe`),
    ],
  };
}
