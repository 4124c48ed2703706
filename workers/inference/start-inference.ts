// One worker: its connections, the pools of its providers, its signs of life. A process has one (workers/inference.ts), with a
// unique id.

import { createBudgets } from '#src/accounts/budgets.ts';
import type { Provider } from '#src/config/catalogue.ts';
import { type Credential, readCredentials } from '#src/config/credentials.ts';
import { type Runtime, requireRedis } from '#src/config/runtime.ts';
import { isDeadLetter } from '#src/contracts/dead-letter.ts';
import { createFailure } from '#src/contracts/failure.ts';
import { LANES, type Lane } from '#src/contracts/job.ts';
import type { HandedOff, Neighbours } from '#src/contracts/neighbours.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { createBodySeal } from '#src/dead-letters/dead-letter.ts';
import { createBooks } from '#src/ledger/books.ts';
import { createLedgerStream } from '#src/ledger/ledger-stream.ts';
import { createForecaster } from '#src/limits/forecaster.ts';
import { createHedgeAllowance } from '#src/limits/hedge-allowance.ts';
import { createLearnedLimits } from '#src/limits/learned-limits.ts';
import { createLimiter, type Permit } from '#src/limits/limiter.ts';
import { turnOf } from '#src/limits/permit-terms.ts';
import { createTokenEstimates } from '#src/limits/token-estimates.ts';
import { createWaitQueues } from '#src/limits/wait-queue.ts';
import { queueScripts } from '#src/queue/bullmq-layout.ts';
import { type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import { createHandOffDesk, type HandOffDesk, type HandOffQueue } from '#src/queue/hand-off.ts';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createQuietQueues, type QuietQueues } from '#src/queue/quiet-queues.ts';
import { createBodyQuota, NO_BODIES } from '#src/reply/body-quota.ts';
import { firstClaim } from '#src/reply/claim.ts';
import { createPublisher } from '#src/reply/publisher.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createWorkerLiveness } from '#src/reply/worker-liveness.ts';
import { createPrefixes } from '#src/routing/prefixes.ts';
import { followRotation } from '#src/routing/rotation.ts';
import { createSpeedLog } from '#src/routing/signals.ts';
import { createUsualBegin } from '#src/routing/usual-begin.ts';
import { createKeyspace, type Keyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, isCluster, type RedisClient } from '#src/storage/redis.ts';
import { type RedisWatchOptions, startRedisWatch } from '#src/storage/redis-watch.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { WorkerMetrics } from '#src/telemetry/metrics.ts';
import type { Tracing } from '#src/telemetry/tracing.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import { serveModelLists } from '../support/model-lists.ts';
import { createActiveRequests } from './active-requests.ts';
import { createBatchSlots } from './batch-slots.ts';
import type { InferenceContext } from './delivery.ts';
import { createKnownCures } from './known-cures.ts';
import { createPermitDesk } from './permit-desk.ts';
import { createAbandonedHandler, createJobProcessor, type HandedOver } from './process-job.ts';
import { listenForControl, startPulse } from './pulse.ts';
import { createUpstream } from './upstream.ts';

/** Added to the deadline for the lifetime of an unfinished record without a sign of life: covers two takeovers. */
const RECORD_TTL_MARGIN_MS = 300_000;

export interface Inference {
  context: InferenceContext;
  /** Time since the last sign of life of the parts that would stall first (workers/support/health-server.ts), ms. */
  signs: Record<string, () => number>;
  /** Starts to take jobs of these providers. */
  work(providers: readonly Provider[]): void;
  /** Takes no more jobs; running ones have `graceMs` to end, then go back to their queues. */
  drain(graceMs: number): Promise<void>;
  /** After `drain`. */
  close(): Promise<void>;
}

export interface InferenceOptions {
  runtime: Runtime;
  workerId: string;
  refreshCatalogue?: () => Promise<void>;
  logger: Logger;
  metrics: WorkerMetrics;
  onRedisProbe?: RedisWatchOptions['onProbe'];
  tracing?: Tracing | null;
  /** Set if the API runs in this process. */
  neighbours?: Neighbours | null;
}

export async function startInference(options: InferenceOptions): Promise<Inference> {
  const {
    runtime,
    workerId,
    logger,
    metrics,
    refreshCatalogue = async () => undefined,
    onRedisProbe,
    tracing = null,
    neighbours = null,
  } = options;
  const { configuration } = runtime;
  const redisTrouble = createTroubleLog(logger, 'Redis');
  const onError = redisTrouble.note;
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(configuration.redis.namespace);
  const [redis, subscription, handOffChannel] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    connectRedis(address, 'subscriber', onError),
    connectRedis(address, 'subscriber', onError),
  ]);

  const watch = startRedisWatch({
    redis,
    keys: keyspace.probes(runtime.replyShards, [...runtime.catalogue.providers.keys()]),
    onError,
    onWell: redisTrouble.over,
    ...(onRedisProbe === undefined ? {} : { onProbe: onRedisProbe }),
  });
  const rotation = await followRotation({ redis, subscription, keyspace, onError });
  const limiter = createLimiter(redis, keyspace);
  const waitQueues = createWaitQueues(redis, keyspace);
  const openPermits = new Map<string, Permit>();
  const onCounted = (scopeName: string) => limiter.countCalls([...openPermits.values()], scopeName).catch(onError);
  const learned = await createLearnedLimits({ redis, subscription, keyspace, onError, onCounted });
  const tokenEstimates = createTokenEstimates(redis, keyspace, onError);
  await tokenEstimates.exchange();
  const active = createActiveRequests();
  const { keepsBodies } = createBodySeal(configuration.dead_letters);
  const needsBody = (spec: Pick<RequestSpec, 'inbox'>, outcome: string) => keepsBodies && isDeadLetter(spec, outcome);
  const context: InferenceContext = {
    workerId,
    catalogue: runtime.catalogue,
    refreshCatalogue,
    store: createRequestStore(redis, keyspace),
    liveness: createWorkerLiveness(redis, keyspace),
    publisher: createPublisher(redis, keyspace, onError, needsBody, neighbours),
    replyLog: createReplyLog(redis, keyspace),
    producer: createQueueProducer(redis, keyspace, onError),
    limiter,
    desk: createPermitDesk(limiter, onError, learned.current),
    waitQueues,
    learned,
    tokenEstimates,
    forecaster: createForecaster(redis, keyspace, runtime.catalogue, learned),
    circuits: rotation.circuits,
    holds: rotation.holds,
    speeds: createSpeedLog(redis, keyspace, onError),
    usualBegin: createUsualBegin(redis, keyspace),
    hedges: createHedgeAllowance(redis, keyspace, onError),
    prefixes: createPrefixes(redis, keyspace),
    upstream: createUpstream(),
    active,
    knownCures: createKnownCures(),
    books: createBooks({
      ledger: createLedgerStream(redis, keyspace),
      budgets: createBudgets(redis, keyspace, null),
      bodies: createBodyQuota(redis, keyspace, NO_BODIES),
      waitQueues,
      onError,
    }),
    seenShards: new Set(Array.from({ length: runtime.replyShards }, (_, shard) => shard)),
    openPermits,
    logger,
    onTrouble: onError,
    metrics,
    tracing,
    settings: {
      hasEventIds: configuration.server.stream_ids,
      maxAnswerBytes: configuration.workers.max_answer_bytes,
      holdBackTokens: configuration.server.hold_back_tokens,
      recordTtlMs: configuration.server.deadline_ms + RECORD_TTL_MARGIN_MS,
    },
  };

  await readCredentials(runtime.catalogue.providers.values());
  const served = new Set<string>();
  const findProvider = (name: string) => (served.has(name) ? context.catalogue.providers.get(name) : undefined);
  const { holds, circuits } = rotation;
  const isOut = ({ scope: { name } }: Credential) => holds.get(name) !== null || circuits.isOpen(name);
  await serveModelLists({ redis, subscription, keyspace, findProvider, isOut, logger });
  await listenForControl(subscription, keyspace, runtime.replyShards, context, onError);
  const pulse = await startPulse(context, onError);
  const consumers: QueueConsumer[] = [];
  const interactive = new Map<string, QueueConsumer>();
  const handOffs = createHandOffDesk({
    redis,
    channel: handOffChannel,
    keyspace,
    workerId,
    receive: (handed) => receive(context, interactive, handed),
    onLost: (provider, requests) => logger.warn({ provider, requests }, 'requests of lost workers were queued again'),
    onError,
  });
  if (neighbours !== null) neighbours.receive = (handed) => receive(context, interactive, handed);
  const quiet = isCluster(redis)
    ? undefined
    : createQuietQueues({
        redis,
        blocking: await connectRedis(address, 'consumer', onError),
        joinedKey: keyspace.joinedQueues(workerId),
        onError,
      });
  const startPools = createPools({ runtime, context, redis, keyspace, handOffs, quiet, onError });
  return {
    context,
    signs: {
      heartbeat: pulse.silentMs,
      queues: () => Math.max(0, ...consumers.map((consumer) => consumer.silentMs())),
    },
    work(providers) {
      followCredentials(context);
      const more = providers.filter(({ name }) => !served.has(name));
      for (const { name } of more) served.add(name);
      const pools = startPools(more);
      consumers.push(...pools.map(({ consumer }) => consumer));
      const given = pools.filter(({ lane }) => lane === 'interactive');
      for (const { provider, consumer } of given) interactive.set(provider, consumer);
      if (!isCluster(redis)) handOffs.open(given.map(queueOf)).catch(onError);
    },
    async drain(graceMs) {
      if (neighbours !== null) neighbours.receive = null;
      await handOffs.close();
      // Jobs are given back only after fetching has stopped, or this process would fetch them again.
      await Promise.all(consumers.map((consumer) => consumer.stopFetching()));
      const handBack = setTimeout(
        () => active.abortAll(createFailure('shutting_down', 'The worker is shutting down.')),
        graceMs,
      );
      await Promise.all(consumers.map((consumer) => consumer.close()));
      clearTimeout(handBack);
    },
    async close() {
      rotation.stop();
      learned.stop();
      tokenEstimates.stop();
      context.hedges.stop();
      watch.stop();
      await pulse.stop();
      await context.upstream.close();
      await context.producer.close();
      quiet?.stop();
      disconnectRedis(handOffChannel);
      disconnectRedis(subscription);
      disconnectRedis(redis);
    },
  };
}

/** A credential with a new secret is tried immediately, even if the old secret was refused. */
function followCredentials({ catalogue, circuits, logger }: InferenceContext): void {
  for (const provider of catalogue.providers.values()) {
    for (const credential of provider.credentials) {
      const names = { provider: provider.name, credential: credential.name };
      credential.onTrouble = (error) => logger.error(names, error.message);
      credential.onChange = () => {
        logger.info(names, 'credential changed');
        if (circuits.isSuspect(credential.scope.name)) circuits.reportSuccess(credential.scope.name, 0);
      };
    }
  }
}

/** Starts a request that was handed over; it is always at its first step. */
function receive(
  { catalogue }: InferenceContext,
  consumers: ReadonlyMap<string, QueueConsumer>,
  { fence, permit, spec: written, body }: HandedOff,
): void {
  const claim = firstClaim(fence, written, body);
  const { spec } = claim;
  const { provider, deployment } = spec.plan.steps[0]!;
  const handed: HandedOver = { claim, permit };
  const lease = { turn: () => turnOf(spec, catalogue.deployments.get(deployment)) };
  consumers.get(provider)?.receive({ requestId: spec.requestId, step: 0 }, handed, lease);
}

interface PoolParts {
  runtime: Runtime;
  context: InferenceContext;
  redis: RedisClient;
  keyspace: Keyspace;
  handOffs: HandOffDesk;
  quiet: QuietQueues | undefined;
  onError: (error: Error) => void;
}

interface Pool {
  provider: string;
  lane: Lane;
  consumer: QueueConsumer;
}

function createPools(parts: PoolParts): (providers: readonly Provider[]) => Pool[] {
  const { runtime, context, redis, keyspace, handOffs, quiet, onError } = parts;
  const { workerId, settings, store } = context;
  const process = createJobProcessor(context);
  const scripts = queueScripts(isCluster(redis) ? null : store.claimInTake(workerId, settings.recordTtlMs));
  const batchSlots = createBatchSlots(runtime.configuration.workers.batch_slots);
  const slotsOf = ({ name, slots }: Provider) => context.catalogue.providers.get(name)?.slots ?? slots;
  const startPool = (provider: Provider, lane: Lane): Pool => {
    const consumer = startQueueConsumer({
      redis,
      keyspace,
      provider: provider.name,
      lane,
      get slots() {
        return lane === 'batch' ? batchSlots.count : slotsOf(provider);
      },
      process: lane === 'batch' ? process : batchSlots.yieldingTo(process),
      scripts,
      ...(lane === 'interactive' && !isCluster(redis) ? { handOffs: { desk: handOffs, workerId } } : {}),
      quiet,
      onAbandoned: createAbandonedHandler(context),
      onError,
    });
    return { provider: provider.name, lane, consumer };
  };
  return (providers) => providers.flatMap((provider) => LANES.map((lane) => startPool(provider, lane)));
}

function queueOf({ provider, consumer }: Pool): HandOffQueue {
  return {
    provider,
    get room() {
      return consumer.room;
    },
  };
}
