// The API tier of a process: opens its connections, builds the app, listens. Runs alone (src/main.ts) or together with a worker
// (workers/combined.ts).
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createAdminKeyStore } from '../accounts/admin-key-store.ts';
import { createBudgetStandings } from '../accounts/budget-standings.ts';
import { createBudgetReader, createBudgets } from '../accounts/budgets.ts';
import { createConfigurationLog } from '../accounts/configuration-log.ts';
import { createKeyCache } from '../accounts/key-cache.ts';
import { createKeyStore, useConfiguredKey } from '../accounts/key-store.ts';
import { createBatchStore } from '../batches/batch-store.ts';
import { createFileStore } from '../batches/file-store.ts';
import { createFileResolver } from '../batches/resolve-files.ts';
import { type AdminListen, type Runtime, requireRedis } from '../config/runtime.ts';
import { requireStrongKeys } from '../config/secrets.ts';
import type { Neighbours } from '../contracts/neighbours.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import { createBodySeal } from '../dead-letters/dead-letter.ts';
import { createDeadLetterStore } from '../dead-letters/dead-letter-store.ts';
import { createBooks } from '../ledger/books.ts';
import { createLedgerStream } from '../ledger/ledger-stream.ts';
import { createLedgerTail } from '../ledger/ledger-tail.ts';
import { startLedgerWatch } from '../ledger/ledger-watch.ts';
import { createRejectStore } from '../ledger/reject-store.ts';
import { createForecaster } from '../limits/forecaster.ts';
import { createLearnedLimits } from '../limits/learned-limits.ts';
import { createLimiter } from '../limits/limiter.ts';
import { createWaitQueues } from '../limits/wait-queue.ts';
import { wishFor } from '../process/lifecycle.ts';
import type { ProcessParts } from '../process/process-parts.ts';
import { createQueueProducer } from '../queue/producer.ts';
import { createBodyQuota } from '../reply/body-quota.ts';
import { createReplyLog } from '../reply/reply-log.ts';
import { createRequestStore } from '../reply/request-store.ts';
import { createReplySubscriber } from '../reply/subscriber.ts';
import { createWorkerLiveness } from '../reply/worker-liveness.ts';
import { createConversationLock, createConversationStore } from '../responses/conversations.ts';
import { createResponseStore } from '../responses/response-store.ts';
import type { Holds } from '../routing/holds.ts';
import { createPlanner } from '../routing/plan-route.ts';
import { followRotation } from '../routing/rotation.ts';
import { createSignalBoard } from '../routing/signals.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { createKeyspace } from '../storage/keyspace.ts';
import { openBlobStore } from '../storage/local-blobs.ts';
import { createModelLists } from '../storage/model-lists.ts';
import { connectRedis, disconnectRedis } from '../storage/redis.ts';
import { startRedisWatch } from '../storage/redis-watch.ts';
import { closeReports, openReports } from '../storage/report-database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createApiMetrics, createFleetMetrics } from '../telemetry/metrics.ts';
import { createTroubleLog } from '../telemetry/trouble-log.ts';
import { createSecretBox } from '../webhooks/secret-box.ts';
import { createAdmission } from './admit/admission.ts';
import { createHandOver } from './admit/hand-over.ts';
import { createRecentAnswers } from './admit/recent-answers.ts';
import { createAdminApp, createApp } from './app.ts';
import type { ApiContext } from './context.ts';
import { createKnownModels } from './describe/known-models.ts';
import { createFleetReader } from './fleet-state.ts';
import { createSessions } from './guard/sessions.ts';
import { createLiveFigures } from './live/live-figures.ts';
import { type CancelOptions, cancelRequest } from './relay/cancel-request.ts';
import { createDepartures } from './relay/departures.ts';
import { createForgetter, noteEnd } from './relay/note-end.ts';
import { createRelay } from './relay/relay.ts';
import { createOidcClient } from './sign-in/oidc.ts';
import { createRequestTracing } from './trace-requests.ts';

/** The log of a slow client is kept at least this much longer, renewed while the client reads. */
const SLOW_CLIENT_KEEP_MS = 60_000;
export interface ApiOptions {
  runtime: Runtime;
  parts: ProcessParts;
  instanceId: string;
  logger: Logger;
  /** The worker in the same process, if any. */
  neighbours?: Neighbours | null;
}

export interface RunningApi {
  url: string;
  adminUrl: string;
  /** Lets answers in progress finish within the grace period. */
  stop(): Promise<void>;
}

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { runtime, instanceId, logger, neighbours = null } = options;
  const { configuration, environment } = runtime;
  const { registry, operations, tracing } = options.parts;
  const [redisTrouble, sqlTrouble] = [createTroubleLog(logger, 'Redis'), createTroubleLog(logger, 'the database')];
  const onError = redisTrouble.note;
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(configuration.redis.namespace);

  const [redis, subscription, database, blobs] = await Promise.all([
    connectRedis(address, 'producer', onError),
    connectRedis(address, 'subscriber', onError),
    openDatabase(runtime.databaseUrl, sqlTrouble.note),
    openBlobStore(configuration, environment),
  ]);
  const reports = openReports(runtime.databaseUrl, database);
  runtime.onReload ??= createConfigurationLog({ redis, keyspace, database, instanceId, logger });
  const metrics = createApiMetrics(registry);
  const watch = startRedisWatch({
    redis,
    keys: keyspace.probes(runtime.replyShards, [...runtime.catalogue.providers.keys()]),
    onError,
    onWell: redisTrouble.over,
    onProbe: operations.redis,
  });
  const replyLog = createReplyLog(redis, keyspace);
  const subscriber = await createReplySubscriber({
    connection: subscription,
    log: replyLog,
    keyspace,
    inbox: instanceId,
    replyShards: runtime.replyShards,
    onError,
    onRepair: metrics.repaired,
    endsLost: true,
  });
  const keyStore = createKeyStore(database);
  requireStrongKeys(environment);
  if (environment.apiKey !== undefined)
    await useConfiguredKey(keyStore, environment.apiKey, { redis, keyspace, logger });
  const keys = createKeyCache(keyStore, sqlTrouble.note);
  if (neighbours !== null) neighbours.deliver = subscriber.receive;
  await subscription.ssubscribe(keyspace.accountsChannel);
  subscription.on('smessage', (channel: string) => {
    if (channel === keyspace.accountsChannel) keys.doubtAll();
  });
  // Announcements made while the connection was down are not repeated.
  subscription.on('ready', keys.doubtAll);

  const store = createRequestStore(redis, keyspace);
  const producer = createQueueProducer(redis, keyspace, onError);
  const budgets = createBudgets(redis, keyspace, createBudgetReader(database));
  const waitQueues = createWaitQueues(redis, keyspace);
  const ledger = createLedgerStream(redis, keyspace);
  const { server } = configuration;
  const bodies = createBodyQuota(redis, keyspace, {
    perKeyBytes: server.waiting_bytes_per_key,
    allBytes: server.waiting_bytes,
  });
  const books = createBooks({ ledger, budgets, bodies, waitQueues, onError });
  const rejects = createRejectStore(database);
  const ledgerWatch = startLedgerWatch({ redis, keyspace, countRejects: rejects.count, metrics: operations, logger });
  const onHolds = (holds: Holds) => operations.held(holds.all().map(({ name }) => name));
  const rotation = await followRotation({ redis, subscription, keyspace, onError, onHolds });
  const { circuits, holds } = rotation;
  const { catalogue } = runtime;
  const learned = await createLearnedLimits({
    redis,
    subscription,
    keyspace,
    onError,
    onRefresh: operations.learned,
  });
  const forecaster = createForecaster(redis, keyspace, catalogue, learned);
  const limiter = createLimiter(redis, keyspace);
  const signals = createSignalBoard({ redis, keyspace, catalogue, limiter, learned, onError });
  const standings = createBudgetStandings(database, redis, keyspace);
  const fleet = createFleetReader({ redis, keyspace, catalogue, learned, producer, budgets: standings });
  createFleetMetrics(registry, fleet);
  const cancel = (spec: RequestSpec, options?: CancelOptions) =>
    cancelRequest({ store, producer, books, onError }, spec, options);

  let isClosing = false;
  const context: ApiContext = {
    instanceId,
    configuration,
    environment,
    catalogue,
    redis,
    redisWatch: watch,
    bodies,
    keyspace,
    database,
    reports,
    blobs,
    files: createFileStore(database),
    fileResolver: createFileResolver(createFileStore(database), blobs, configuration.server.body_limit_bytes),
    batches: createBatchStore(database),
    responses: createResponseStore(database),
    conversations: createConversationStore(database),
    conversationLock: createConversationLock(redis, keyspace),
    deadLetters: createDeadLetterStore(database),
    ledger,
    ledgerWatch,
    rejects,
    bodySeal: createBodySeal(configuration.dead_letters),
    knownModels: createKnownModels(createModelLists(redis, keyspace), catalogue, onError),
    keys,
    keyStore,
    budgets,
    limiter,
    learned,
    holds,
    plan: createPlanner({ catalogue, circuits, holds, signals }),
    admission: createAdmission({ waitQueues, forecaster, catalogue, holds, circuits, onError }),
    producer,
    handOver: createHandOver({
      redis,
      store,
      waitQueues,
      producer,
      limiter,
      learned,
      catalogue,
      holds,
      circuits,
      redisNowMs: watch.redisNowMs,
      neighbours,
    }),
    store,
    recentAnswers: createRecentAnswers(redis, keyspace, onError),
    liveness: createWorkerLiveness(redis, keyspace),
    subscriber,
    replyLog,
    logger,
    metrics,
    fleet,
    tracing: tracing && createRequestTracing(tracing),
    cancel,
    secretBox: createSecretBox(environment.secretsKey),
    sessions: createSessions(redis, keyspace, {
      adminKey: environment.adminKey ?? null,
      settings: configuration.sign_in,
    }),
    oidc: configuration.sign_in.oidc === undefined ? null : createOidcClient(configuration.sign_in.oidc),
    live: createLiveFigures({
      database: reports,
      readQueues: async () =>
        (await fleet()).jobs.map(({ provider, lane, waiting, delayed, active }) => ({
          provider,
          lane,
          waiting: waiting + delayed,
          running: active,
        })),
      countCalls: () => redis.zcard(keyspace.openLeases),
      openTail: async () => createLedgerTail(await connectRedis(address, 'consumer', onError), keyspace, onError),
      onError,
    }),
    hasAdminListener: runtime.adminListen !== null,
    adminKey: environment.adminKey ?? null,
    adminKeys: createAdminKeyStore(database),
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
    onHopeless: (spec, failure) => cancel(spec, { failure }),
    onOver: (spec, end) => {
      if (spec.response !== undefined) context.recentAnswers.note(spec.keyId);
      noteEnd({ metrics, logger, forgetter, tracing: context.tracing }, spec, end);
    },
  });
  metrics.countReplies(() => relay.openCount);

  const app = await createApp(context, relay);
  const followBatches = async ({ method, url: address }: FastifyRequest) => {
    if (method === 'POST' && LEAVES_BATCH_WORK.test(address)) wishFor('batches');
  };
  app.addHook('onResponse', followBatches);
  if (await hasBatchWork(database)) wishFor('batches');
  // Fastify 5.12.8 passes the option on, but its types lack it.
  const sharing = { reusePort: environment.portSharing !== undefined } as object;
  const url = await app.listen({ ...runtime.listen, ...sharing });
  const adminListen = adminListenOf(runtime);
  const admin = adminListen === null ? null : createAdminApp(context, relay);
  // Also for operators who act as a key (api/as-key.ts).
  admin?.addHook('onResponse', followBatches);
  const ownUrl = admin === null ? url : await listenForAdmin(admin, adminListen!, logger);
  logger.info({ url, admin_url: ownUrl }, 'listening');

  return {
    url,
    // Processes that share a port also serve administration there; each has its own address for its metrics.
    adminUrl: runtime.adminListen === null ? url : ownUrl,
    async stop() {
      isClosing = true;
      rotation.stop();
      learned.stop();
      watch.stop();
      ledgerWatch.stop();
      context.live.close();
      await relay.whenIdle(configuration.server.shutdown_grace_ms);
      // The servers wait for their answers, and a report may take longer than a shutdown.
      await closeReports(reports, database);
      await app.close();
      await admin?.close();
      relay.close();
      departures.close();
      await forgetter.close();
      await subscriber.close();
      await context.producer.close();
      disconnectRedis(redis);
      blobs.close();
      await database.destroy();
    },
  };
}

/** Each of several processes on one port has its own address for its metrics. */
function adminListenOf({ environment, adminListen }: Runtime): AdminListen | null {
  const own = { host: '127.0.0.1', port: 0, isDefault: true };
  if (environment.portSharing === 'other') return own;
  return adminListen ?? (environment.portSharing === 'first' ? own : null);
}

/** Batches run, and files expire, in a separate process (workers/batches.ts). */
const LEAVES_BATCH_WORK = /\/v1\/(files|batches|uploads|messages\/batches)(?![^/?])/;

async function hasBatchWork(database: Database): Promise<boolean> {
  const [file, batch] = await Promise.all([
    database.selectFrom('files').select('id').limit(1).executeTakeFirst(),
    database.selectFrom('batches').select('id').limit(1).executeTakeFirst(),
  ]);
  return file !== undefined || batch !== undefined;
}

/** Several API processes may share a machine: a port conflict is an error only if the port was configured. */
async function listenForAdmin(admin: FastifyInstance, address: AdminListen, logger: Logger): Promise<string> {
  const { host, port, isDefault } = address;
  try {
    return await admin.listen({ host, port });
  } catch (error) {
    if (!isDefault || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    logger.warn({ port }, 'the default admin port is in use; using a free one (set server.admin.port)');
    return admin.listen({ host, port: 0 });
  }
}
