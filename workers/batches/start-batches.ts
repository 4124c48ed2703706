// Opens what the batch engine needs and starts it: in a process of its own (workers/batches.ts) or beside a worker's
// pools.
import type { Registry } from 'prom-client';
import type { ApiKey } from '#src/accounts/api-key.ts';
import { createBudgetReader, createBudgets } from '#src/accounts/budgets.ts';
import { createKeyStore, type KeyStore } from '#src/accounts/key-store.ts';
import { createFileStore } from '#src/batches/file-store.ts';
import { createFileResolver } from '#src/batches/resolve-files.ts';
import { createRunStore } from '#src/batches/run-store.ts';
import type { RedisAddress } from '#src/config/redis-address.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { createLedgerStream } from '#src/ledger/ledger-stream.ts';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createReplySubscriber } from '#src/reply/subscriber.ts';
import { CIRCUIT_REFRESH_MS, createCircuits } from '#src/routing/circuits.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { openBlobStore } from '#src/storage/open-blobs.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { BatchContext } from './batch-context.ts';
import { createBatchMetrics } from './batch-metrics.ts';
import { startEngine } from './engine.ts';
import { startFileSweep } from './sweep-files.ts';

export interface Batches {
  instanceId: string;
  stop(): Promise<void>;
}

export async function startBatches(
  runtime: Runtime,
  address: RedisAddress,
  keyspace: Keyspace,
  logger: Logger,
  registry: Registry,
): Promise<Batches> {
  const { configuration, environment } = runtime;
  const instanceId = createInstanceId('batches');
  const onError = (error: Error) => logger.warn({ err: error }, 'connection trouble of batches');
  const [redis, subscription, database, blobs] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    connectRedis(address, 'subscriber', onError),
    openDatabase(runtime.databaseUrl, onError),
    openBlobStore(configuration, environment),
  ]);
  const keys = createKeyStore(database);
  const circuits = createCircuits(redis, keyspace, onError);
  const circuitTimer = setInterval(() => circuits.refresh().catch(onError), CIRCUIT_REFRESH_MS);
  const context: BatchContext = {
    instanceId,
    configuration,
    catalogue: runtime.catalogue,
    blobs,
    files: createFileStore(database),
    fileResolver: createFileResolver(createFileStore(database), blobs, configuration.server.body_limit_bytes),
    runs: createRunStore(database),
    keys,
    findKey: rememberKeys(keys),
    budgets: createBudgets(redis, keyspace, createBudgetReader(database)),
    circuits,
    store: createRequestStore(redis, keyspace),
    producer: createQueueProducer(redis, keyspace, onError),
    subscriber: await createReplySubscriber({
      connection: subscription,
      log: createReplyLog(redis, keyspace),
      keyspace,
      inbox: instanceId,
      replyShards: runtime.replyShards,
      onError,
    }),
    ledger: createLedgerStream(redis, keyspace),
    logger,
    metrics: createBatchMetrics(registry),
  };
  const engine = startEngine(context);
  const sweep = startFileSweep(context.files, blobs, logger);
  return {
    instanceId,
    async stop() {
      sweep.stop();
      await engine.stop();
      clearInterval(circuitTimer);
      await context.subscriber.close();
      await context.producer.close();
      disconnectRedis(redis);
      blobs.close();
      await database.destroy();
    },
  };
}

const KEY_FRESH_MS = 5_000;

function rememberKeys(keys: KeyStore): BatchContext['findKey'] {
  const remembered = new Map<string, { key: ApiKey | null; readAtMs: number }>();
  return async (id) => {
    const known = remembered.get(id);
    if (known !== undefined && Date.now() - known.readAtMs < KEY_FRESH_MS) return known.key;
    const found = await keys.findById(id);
    const key = found === null || found.revokedAtMs !== null ? null : found;
    remembered.set(id, { key, readAtMs: Date.now() });
    return key;
  };
}
