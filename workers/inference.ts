// A worker process: the pools of some or all providers, on all lanes. Several of them, on several machines, share the
// load; each can be killed at any moment. It also hosts the ledger writer, the batches and the janitor unless told not to.
import { parseArgs } from 'node:util';
import { createBudgets } from '#src/accounts/budgets.ts';
import type { Provider } from '#src/config/catalogue.ts';
import { ConfigurationError } from '#src/config/load.ts';
import { loadRuntime, type Runtime, requireRedis } from '#src/config/runtime.ts';
import { isDeadLetter } from '#src/contracts/dead-letter.ts';
import { createFailure } from '#src/contracts/failure.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { LANES } from '#src/contracts/job.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { createBodySeal } from '#src/dead-letters/body-seal.ts';
import { createBooks } from '#src/ledger/books.ts';
import { createLedgerStream } from '#src/ledger/ledger-stream.ts';
import { createForecaster } from '#src/limits/forecaster.ts';
import { createLimiter } from '#src/limits/limiter.ts';
import { createLines } from '#src/limits/lines.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createPublisher } from '#src/reply/publisher.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createWorkerLiveness } from '#src/reply/worker-liveness.ts';
import { followRotation } from '#src/routing/rotation.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { startRedisWatch } from '#src/storage/redis-watch.ts';
import { createLogger } from '#src/telemetry/logger.ts';
import { createWorkerMetrics } from '#src/telemetry/metrics.ts';
import { createOperationsMetrics } from '#src/telemetry/operations-metrics.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import { startBatches } from './batches/start-batches.ts';
import { createAbandonedHandler } from './inference/abandoned.ts';
import { createActiveRequests } from './inference/active-requests.ts';
import { createBatchSlots } from './inference/batch-slots.ts';
import { listenForControl } from './inference/control.ts';
import type { InferenceContext } from './inference/delivery.ts';
import { createPermitDesk } from './inference/permit-desk.ts';
import { createJobProcessor } from './inference/process-job.ts';
import { startPulse } from './inference/pulse.ts';
import { createUpstream } from './inference/upstream.ts';
import { deliverWebhooks } from './support/deliver-webhooks.ts';
import { HEALTH_OPTIONS, readHealthAddress, startHealthServer } from './support/health-server.ts';
import { startJanitor } from './support/janitor.ts';
import { startLedger } from './support/start-ledger.ts';

const SHUTDOWN_MARGIN_MS = 8_000;
/** An unfinished request without a sign of life: longer than any deadline's rest plus two takeovers. */
const RECORD_TTL_MARGIN_MS = 300_000;

interface Options {
  providers: readonly Provider[];
  hasLedger: boolean;
  hasBatches: boolean;
  hasWebhooks: boolean;
  health: ReturnType<typeof readHealthAddress>;
}

runMain(async () => {
  const runtime = loadRuntime();
  const options = readOptions(runtime);
  const { configuration, environment } = runtime;
  const workerId = createInstanceId('worker');
  const logger = createLogger({
    level: environment.logLevel,
    role: 'worker',
    instance: workerId,
    mask: runtime.secretMask,
  });
  const redisTrouble = createTroubleLog(logger, 'Redis');
  const onError = redisTrouble.note;
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(configuration.redis.namespace);
  const [redis, subscription] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    connectRedis(address, 'subscriber', onError),
  ]);

  const watch = startRedisWatch({
    redis,
    keys: keyspace.probes(runtime.replyShards, [...runtime.catalogue.providers.keys()]),
    onError,
    onWell: redisTrouble.over,
  });
  const rotation = await followRotation({ redis, subscription, keyspace, onError });
  const metrics = createWorkerMetrics();
  const operations = createOperationsMetrics(metrics.registry);
  const limiter = createLimiter(redis, keyspace);
  const lines = createLines(redis, keyspace);
  const active = createActiveRequests();
  const { keepsBodies } = createBodySeal(configuration.dead_letters);
  const needsBody = (spec: Pick<RequestSpec, 'inbox'>, outcome: string) => keepsBodies && isDeadLetter(spec, outcome);
  const context: InferenceContext = {
    workerId,
    catalogue: runtime.catalogue,
    store: createRequestStore(redis, keyspace),
    liveness: createWorkerLiveness(redis, keyspace),
    publisher: createPublisher(redis, keyspace, onError, needsBody),
    replyLog: createReplyLog(redis, keyspace),
    producer: createQueueProducer(redis, keyspace, onError),
    limiter,
    desk: createPermitDesk(limiter, onError),
    lines,
    forecaster: createForecaster(redis, keyspace, runtime.catalogue),
    circuits: rotation.circuits,
    holds: rotation.holds,
    upstream: createUpstream(),
    active,
    books: createBooks({
      ledger: createLedgerStream(redis, keyspace),
      budgets: createBudgets(redis, keyspace, null),
      lines,
      onError,
    }),
    seenShards: new Set(Array.from({ length: runtime.replyShards }, (_, shard) => shard)),
    openPermits: new Map(),
    logger,
    onTrouble: onError,
    metrics,
    settings: {
      hasEventIds: configuration.server.stream_ids,
      maxAnswerBytes: configuration.workers.max_answer_bytes,
      holdBackTokens: configuration.server.hold_back_tokens,
      recordTtlMs: configuration.server.deadline_ms + RECORD_TTL_MARGIN_MS,
    },
  };

  await listenForControl(subscription, keyspace, runtime.replyShards, context, onError);
  const pulse = await startPulse(context, onError);
  const janitor = startJanitor({ limiter, lines, store: context.store, metrics, logger });
  const ledger = options.hasLedger ? await startLedger(runtime, address, keyspace, logger, operations) : null;
  const webhooks = options.hasWebhooks ? await deliverWebhooks(runtime, workerId, logger, metrics.registry) : null;
  const batches = options.hasBatches ? await startBatches(runtime, address, keyspace, logger, metrics.registry) : null;
  const consumers = startPools(runtime, options.providers, context, redis, keyspace, onError);
  const signs = {
    heartbeat: pulse.silentMs,
    queues: () => Math.max(0, ...consumers.map((consumer) => consumer.silentMs())),
  };
  const health = options.health && (await startHealthServer({ ...options.health, registry: metrics.registry, signs }));
  logger.info({ providers: options.providers.map(({ name }) => name) }, 'working');

  const graceMs = configuration.server.shutdown_grace_ms;
  const lifecycle = manageLifecycle(logger, graceMs + SHUTDOWN_MARGIN_MS, async () => {
    // Jobs are given back only when nothing fetches any more, or this process would fetch them again.
    await Promise.all(consumers.map((consumer) => consumer.stopFetching()));
    const handBack = setTimeout(
      () => active.abortAll(createFailure('shutting_down', 'The worker is shutting down.')),
      graceMs,
    );
    await Promise.all(consumers.map((consumer) => consumer.close()));
    clearTimeout(handBack);
    janitor.stop();
    rotation.stop();
    watch.stop();
    await pulse.stop();
    await batches?.stop();
    await ledger?.stop();
    await webhooks?.stop();
    await context.upstream.close();
    await context.producer.close();
    health?.close();
    disconnectRedis(subscription);
    disconnectRedis(redis);
  });
  lifecycle.ready({ workerId, healthUrl: health?.url ?? null });
});

function startPools(
  runtime: Runtime,
  providers: readonly Provider[],
  context: InferenceContext,
  redis: Parameters<typeof startQueueConsumer>[0]['redis'],
  keyspace: Parameters<typeof startQueueConsumer>[0]['keyspace'],
  onError: (error: Error) => void,
): QueueConsumer[] {
  const { workers } = runtime.configuration;
  const process = createJobProcessor(context);
  const batchSlots = createBatchSlots(workers.batch_slots);
  return providers.flatMap((provider) =>
    LANES.map((lane) =>
      startQueueConsumer({
        redis,
        keyspace,
        provider: provider.name,
        lane,
        get slots() {
          return lane === 'batch' ? batchSlots.count : provider.slots;
        },
        process,
        onAbandoned: createAbandonedHandler(context),
        onError,
      }),
    ),
  );
}

function readOptions(runtime: Runtime): Options {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string', multiple: true },
      'no-ledger': { type: 'boolean', default: false },
      'no-batches': { type: 'boolean', default: false },
      'no-webhooks': { type: 'boolean', default: false },
      ...HEALTH_OPTIONS,
    },
  });
  const known = [...runtime.catalogue.providers.values()];
  const names = values.provider ?? known.map(({ name }) => name);
  const unknown = names.filter((name) => !runtime.catalogue.providers.has(name));
  if (unknown.length > 0 || names.length === 0) {
    const message =
      unknown.length > 0
        ? `no such provider: ${unknown.join(', ')}; configured: ${known.map(({ name }) => name).join(', ') || 'none'}`
        : 'no provider is configured: there is nothing to work on';
    throw new ConfigurationError([{ file: 'sluice worker', line: null, path: '--provider', message }]);
  }
  return {
    providers: names.map((name) => runtime.catalogue.providers.get(name)!),
    hasLedger: !values['no-ledger'],
    hasBatches: !values['no-batches'],
    // Without a ledger to write, a worker can do without SQL.
    hasWebhooks: !values['no-webhooks'] && !values['no-ledger'],
    health: readHealthAddress(values),
  };
}
