// The API process: opens its connections, builds the app, listens.
import { createBudgetReader, createBudgets } from './accounts/budgets.ts';
import { createKeyCache } from './accounts/key-cache.ts';
import { createKeyStore } from './accounts/key-store.ts';
import { createApp } from './api/app.ts';
import { cancelRequest } from './api/cancel-request.ts';
import type { ApiContext } from './api/context.ts';
import { createDepartures } from './api/departures.ts';
import { createForgetter } from './api/forgetter.ts';
import { createRelay } from './api/relay.ts';
import { loadRuntime, requireRedis } from './config/runtime.ts';
import { createInstanceId } from './contracts/ids.ts';
import type { RequestSpec } from './contracts/request-record.ts';
import { createLedgerStream } from './ledger/ledger-stream.ts';
import { encodeMessage, requestOutcome } from './ledger/messages.ts';
import { createLimiter } from './limits/limiter.ts';
import { manageLifecycle, runMain } from './process/lifecycle.ts';
import { createQueueProducer } from './queue/producer.ts';
import { createReplyLog } from './reply/reply-log.ts';
import { createRequestStore } from './reply/request-store.ts';
import { createReplySubscriber } from './reply/subscriber.ts';
import { CIRCUIT_REFRESH_MS, createCircuits } from './routing/circuits.ts';
import { openDatabase } from './storage/database.ts';
import { createKeyspace } from './storage/keyspace.ts';
import { connectRedis, disconnectRedis } from './storage/redis.ts';
import { createLogger } from './telemetry/logger.ts';
import { createApiMetrics } from './telemetry/metrics.ts';

/** A slow client's log is kept at least so much longer, again and again while it reads. */
const SLOW_CLIENT_KEEP_MS = 60_000;
/** After the grace time for running answers. */
const SHUTDOWN_MARGIN_MS = 5_000;

runMain(async () => {
  const runtime = loadRuntime();
  const { configuration, environment } = runtime;
  const instanceId = createInstanceId('api');
  const logger = createLogger({ level: environment.logLevel, role: 'api', instance: instanceId });
  const onError = (error: Error) => logger.warn({ err: error }, 'connection trouble');
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(configuration.redis.namespace);

  const [redis, subscription, database] = await Promise.all([
    connectRedis(address, 'producer', onError),
    connectRedis(address, 'subscriber', onError),
    openDatabase(runtime.databaseUrl, onError),
  ]);
  const metrics = createApiMetrics();
  const replyLog = createReplyLog(redis, keyspace);
  const subscriber = await createReplySubscriber({
    connection: subscription,
    log: replyLog,
    keyspace,
    inbox: instanceId,
    replyShards: runtime.replyShards,
    onError,
    onRepair: metrics.repaired,
  });
  const keyStore = createKeyStore(database);
  if (environment.apiKey !== undefined) await keyStore.ensure('SLUICE_API_KEY', environment.apiKey);
  const keys = createKeyCache(keyStore, onError);
  await subscription.ssubscribe(keyspace.accountsChannel);
  subscription.on('smessage', (channel: string) => {
    if (channel === keyspace.accountsChannel) keys.forgetAll();
  });

  const store = createRequestStore(redis, keyspace);
  const producer = createQueueProducer(redis, keyspace, onError);
  const budgets = createBudgets(redis, keyspace, createBudgetReader(database));
  const ledger = createLedgerStream(redis, keyspace);
  const cancel = (spec: RequestSpec) =>
    cancelRequest(
      {
        store: store,
        producer: producer,
        onError,
        onRemoved: async (removed, progress) => {
          const request = requestOutcome(removed, {
            outcome: 'request_cancelled',
            answeredBy: null,
            attempts: progress.calls,
            cost: BigInt(progress.costPicoUsd),
            timeline: progress.timeline,
            finishedAtMs: Date.now(),
          });
          await ledger.append(encodeMessage({ request }));
          const { budgetHold, requestId } = removed;
          if (budgetHold !== null) await budgets.settle(budgetHold, requestId, request.chargeUnits);
        },
      },
      spec,
    );

  let isClosing = false;
  const context: ApiContext = {
    instanceId,
    configuration,
    catalogue: runtime.catalogue,
    redis,
    keyspace,
    database,
    keys,
    keyStore,
    budgets,
    limiter: createLimiter(redis, keyspace),
    circuits: createCircuits(redis, keyspace, onError),
    producer,
    store,
    subscriber,
    replyLog,
    logger,
    metrics,
    cancel,
    adminKey: environment.adminKey ?? null,
    replyShards: runtime.replyShards,
    isClosing: () => isClosing,
  };

  const forgetter = createForgetter(context.store, onError);
  const departures = createDepartures({
    store: context.store,
    graceMs: configuration.server.resume_grace_ms,
    cancel,
    onError,
  });
  const relay = createRelay({
    subscriber,
    keepAliveMs: configuration.server.keep_alive_ms,
    onSlowClient: (spec) => context.store.keep(spec.requestId, SLOW_CLIENT_KEEP_MS).catch(onError),
    onJoined: (spec) => departures.joined(spec),
    onLeft: (spec, isOver) => departures.left(spec, isOver),
    onHopeless: cancel,
    onOver(spec, end) {
      const durationMs = Date.now() - spec.acceptedAtMs;
      metrics.requestEnded({ route: spec.protocol, status: end.status, outcome: end.outcome }, durationMs / 1_000);
      if (end.isDelivered && !spec.isStream && spec.lifetime === 'client') forgetter.forget(spec.requestId);
      const { requestId, keyId, model, lane, isStream } = spec;
      logger.info(
        {
          request_id: requestId,
          key: keyId,
          model,
          lane,
          stream: isStream,
          outcome: end.outcome,
          status: end.status,
          bytes: end.bytes,
          duration_ms: durationMs,
        },
        'request',
      );
    },
  });
  const circuitTimer = setInterval(() => context.circuits.refresh().catch(onError), CIRCUIT_REFRESH_MS);

  const app = await createApp(context, relay);
  const host = environment.host ?? configuration.server.host;
  const port = environment.port ?? configuration.server.port;
  const url = await app.listen({ host, port });
  logger.info({ url }, 'listening');

  const graceMs = configuration.server.shutdown_grace_ms;
  const lifecycle = manageLifecycle(logger, graceMs + SHUTDOWN_MARGIN_MS, async () => {
    isClosing = true;
    clearInterval(circuitTimer);
    await relay.whenIdle(graceMs);
    await app.close();
    relay.close();
    departures.close();
    await forgetter.close();
    await subscriber.close();
    await context.producer.close();
    disconnectRedis(redis);
    await database.destroy();
  });
  lifecycle.ready({ url });
});
