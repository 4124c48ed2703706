// Opens the connections of the batch engine and starts it: in its own process (workers/batches.ts) or inside a worker.
import { LRUCache } from 'lru-cache';
import type { Registry } from 'prom-client';
import { type ApiKey, isValid } from '#src/accounts/api-key.ts';
import { createBudgetReader, createBudgets } from '#src/accounts/budgets.ts';
import { createConfigurationLog } from '#src/accounts/configuration-log.ts';
import { createKeyStore, type KeyStore } from '#src/accounts/key-store.ts';
import { createFileStore } from '#src/batches/file-store.ts';
import { createNativeChunkStore } from '#src/batches/native-chunk-store.ts';
import { createFileResolver } from '#src/batches/resolve-files.ts';
import { createRunStore } from '#src/batches/run-store.ts';
import { readCredentials } from '#src/config/credentials.ts';
import type { RedisAddress, Runtime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { createBooks } from '#src/ledger/books.ts';
import { createLedgerStream } from '#src/ledger/ledger-stream.ts';
import { createLimiter } from '#src/limits/limiter.ts';
import { createWaitQueues } from '#src/limits/wait-queue.ts';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createReplySubscriber } from '#src/reply/subscriber.ts';
import { createPlanner } from '#src/routing/plan-route.ts';
import { followRotation } from '#src/routing/rotation.ts';
import { createSignalBoard } from '#src/routing/signals.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { openBlobStore } from '#src/storage/local-blobs.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { startRedisWatch } from '#src/storage/redis-watch.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { createBatchMetrics } from '#src/telemetry/metrics.ts';
import type { Tracing } from '#src/telemetry/tracing.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import { createBlobReferences } from '#workers/batches/sweep-blobs.ts';
import { createLineAcceptance } from './accept-lines.ts';
import type { BatchContext } from './batch-context.ts';
import { startEngine } from './engine.ts';
import { createChunkCredentials } from './native/chunk-credentials.ts';
import { createTurns, OrdinaryRate } from './native/native-services.ts';
import { createProviderClient } from './native/provider-client.ts';
import { startOrphanedChunks } from './native/settle-orphaned.ts';
import { startFileSweep, startOrphanSweep } from './sweep-blobs.ts';
import { createLineTracing } from './trace-lines.ts';

export interface Batches {
  instanceId: string;
  /** Time since the engine's last complete tick. */
  silentMs(): number;
  stop(): Promise<void>;
}

export async function startBatches(
  runtime: Runtime,
  address: RedisAddress,
  keyspace: Keyspace,
  logger: Logger,
  registry: Registry,
  tracing: Tracing | null,
): Promise<Batches> {
  const { configuration, environment } = runtime;
  await readCredentials(runtime.catalogue.providers.values());
  const instanceId = createInstanceId('batches');
  const redisTrouble = createTroubleLog(logger, 'Redis (batches)');
  const onError = redisTrouble.note;
  const [redis, subscription, database, blobs] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    connectRedis(address, 'subscriber', onError),
    openDatabase(runtime.databaseUrl, createTroubleLog(logger, 'the database (batches)').note),
    openBlobStore(configuration, environment),
  ]);
  // An idle batches process writes nothing else: without this it would not notice a failover.
  const watch = startRedisWatch({
    redis,
    keys: keyspace.probes(runtime.replyShards, [...runtime.catalogue.providers.keys()]),
    onError,
    onWell: redisTrouble.over,
  });
  runtime.onReload ??= createConfigurationLog({ redis, keyspace, database, instanceId, logger });
  const keys = createKeyStore(database);
  const known = rememberKeys(keys);
  await subscription.ssubscribe(keyspace.accountsChannel);
  subscription.on('smessage', (channel: string) => {
    if (channel === keyspace.accountsChannel) known.forget();
  });
  // Announcements that were sent during a lost connection are not repeated.
  subscription.on('ready', () => known.forget());
  const ledger = createLedgerStream(redis, keyspace);
  const budgets = createBudgets(redis, keyspace, createBudgetReader(database));
  const leaving = new AbortController();
  const rotation = await followRotation({ redis, subscription, keyspace, onError });
  const { circuits, holds } = rotation;
  const { catalogue } = runtime;
  const limiter = createLimiter(redis, keyspace);
  const signals = createSignalBoard({ redis, keyspace, catalogue, limiter, onError });
  const store = createRequestStore(redis, keyspace);
  const producer = createQueueProducer(redis, keyspace, onError);
  const onTrouble = createTroubleLog(logger, 'Redis or the database (batches are waiting)').note;
  const chunks = createNativeChunkStore(database);
  const context: BatchContext = {
    instanceId,
    configuration,
    catalogue,
    blobs,
    files: createFileStore(database),
    fileResolver: createFileResolver(createFileStore(database), blobs, configuration.server.body_limit_bytes),
    runs: createRunStore(database),
    keys,
    findKey: known.find,
    budgets,
    plan: createPlanner({ catalogue, circuits, holds, signals }),
    store,
    producer,
    acceptLines: createLineAcceptance({ redis, store, producer, onTrouble }),
    subscriber: await createReplySubscriber({
      connection: subscription,
      log: createReplyLog(redis, keyspace),
      keyspace,
      inbox: instanceId,
      replyShards: runtime.replyShards,
      onError,
    }),
    ledger,
    books: createBooks({ ledger, budgets, waitQueues: createWaitQueues(redis, keyspace), onError }),
    native: {
      chunks,
      credentials: createChunkCredentials({ chunks, circuits, holds }),
      providers: createProviderClient(leaving.signal),
      isHeld: (deployment) => holds.find(deployment) !== null,
      rate: new OrdinaryRate(configuration.batches.native.lines_per_second),
      submissions: createTurns(),
    },
    logger,
    onTrouble,
    metrics: createBatchMetrics(registry),
    tracing: tracing && createLineTracing(tracing),
  };
  const engine = startEngine(context);
  const sweeps = [
    startFileSweep(context.files, blobs, logger),
    startOrphanSweep(createBlobReferences(database), blobs, logger),
    startOrphanedChunks(context),
  ];
  return {
    instanceId,
    silentMs: engine.silentMs,
    async stop() {
      for (const sweep of sweeps) sweep.stop();
      await engine.stop();
      leaving.abort();
      await context.native.providers.close();
      rotation.stop();
      watch.stop();
      await context.subscriber.close();
      await context.producer.close();
      disconnectRedis(redis);
      blobs.close();
      await database.destroy();
    },
  };
}

const KEY_FRESH_MS = 5_000;

const MAX_KEYS = 10_000;

function rememberKeys(keys: KeyStore): { find: BatchContext['findKey']; forget(): void } {
  const remembered = new LRUCache<string, { key: ApiKey | null }>({ max: MAX_KEYS, ttl: KEY_FRESH_MS });
  let changes = 0;
  async function find(id: string): Promise<ApiKey | null> {
    const known = remembered.get(id);
    if (known !== undefined) return known.key;
    const before = changes;
    const found = await keys.findById(id);
    const key = found !== null && isValid(found) ? found : null;
    // A key read before a change may be stale: it is not cached.
    if (before === changes) remembered.set(id, { key });
    return key;
  }
  return {
    find,
    forget() {
      changes += 1;
      remembered.clear();
    },
  };
}
