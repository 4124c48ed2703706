// Opens the connections of the ledger writer and starts it.
import { createConfigurationLog } from '#src/accounts/configuration-log.ts';
import type { RedisAddress, Runtime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { startLedgerJobs } from '#src/ledger/ledger-jobs.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { createLedgerReader } from '#src/ledger/ledger-stream.ts';
import { startLedgerWatch } from '#src/ledger/ledger-watch.ts';
import { type SetAside, startLedgerWriter } from '#src/ledger/ledger-writer.ts';
import { createRejectStore, type RejectStore } from '#src/ledger/reject-store.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createConversationLock } from '#src/responses/conversations.ts';
import { createResponseStore } from '#src/responses/response-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { preparePartitions } from '#src/storage/ledger-partitions.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { isRowRefused } from '#src/storage/refused-rows.ts';
import { closeReports, openReports } from '#src/storage/report-database.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { OperationsMetrics } from '#src/telemetry/metrics.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import { createAftermath, startResponseJanitor } from '../support/aftermath.ts';
import { startDeadLetters } from './start-dead-letters.ts';
import { startMoneyWatch } from './watch-money.ts';

export async function startLedger(
  runtime: Runtime,
  address: RedisAddress,
  keyspace: Keyspace,
  logger: Logger,
  metrics: OperationsMetrics,
): Promise<{ stop(): Promise<void> }> {
  const onError = createTroubleLog(logger, 'Redis (ledger)').note;
  const sqlTrouble = createTroubleLog(logger, 'the database (ledger): entries wait');
  const [redis, reading, database] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    // The reader uses blocking commands: it needs a connection that is not shared.
    connectRedis(address, 'consumer', onError),
    openDatabase(runtime.databaseUrl, sqlTrouble.note),
  ]);
  const instanceId = createInstanceId('worker');
  runtime.onReload ??= createConfigurationLog({ redis, keyspace, database, instanceId, logger });
  const { dead_letters: settings } = runtime.configuration;
  // Before the first row: otherwise its month would end up in the default partition.
  await preparePartitions(database, runtime.replyShards).catch(sqlTrouble.note);
  const deadLetters = startDeadLetters({ redis, keyspace, database, settings, metrics, logger });
  const responses = createResponseStore(database);
  const janitor = startResponseJanitor(responses, logger);
  const aftermath = createAftermath({
    database,
    responses,
    store: createRequestStore(redis, keyspace),
    replyLog: createReplyLog(redis, keyspace),
    lock: createConversationLock(redis, keyspace),
    // A stream contains everything at least twice: in deltas and in its final event.
    maxAnswerBytes: runtime.configuration.workers.max_answer_bytes * 4,
    logger,
  });
  const rejects = createRejectStore(database);
  const watch = startLedgerWatch({ redis, keyspace, countRejects: rejects.count, metrics, logger });
  const reports = openReports(runtime.databaseUrl, database);
  const moneyWatch = startMoneyWatch({ runtime, redis, keyspace, database, reports, logger });
  const writer = startLedgerWriter({
    reader: await createLedgerReader(reading, keyspace, instanceId),
    store: createLedgerStore(database),
    setAside: keepRejects(rejects, metrics, logger),
    onError: (error, stage) => (stage === 'reading' ? onError(error) : sqlTrouble.note(error)),
    onWritten: sqlTrouble.over,
    // Order matters here: a dead letter is stored with its body, which is removed once the response is written.
    onOutcomes: async (messages, setAside) => {
      await deadLetters.keep(messages, setAside);
      return aftermath(messages, setAside);
    },
  });
  const jobs = startLedgerJobs({
    database,
    settings: runtime.configuration.ledger,
    replyShards: runtime.replyShards,
    onError: createTroubleLog(logger, 'jobs of the ledger').note,
  });
  return {
    async stop() {
      // What watches spending waits for its report, which may take longer than a shutdown.
      await closeReports(reports, database);
      await moneyWatch.stop();
      await writer.stop();
      await jobs.stop();
      watch.stop();
      deadLetters.stop();
      janitor.stop();
      disconnectRedis(reading);
      disconnectRedis(redis);
      await database.destroy();
    },
  };
}

/** A message whose reject row is refused too is only logged: it must not block the ledger. */
function keepRejects(rejects: RejectStore, metrics: OperationsMetrics, logger: Logger): SetAside {
  return async ({ id, message, raw }, part, error) => {
    const requestId = message?.request?.requestId ?? message?.attempt?.requestId;
    const reject = {
      id,
      requestId: typeof requestId === 'string' ? requestId : null,
      part,
      reason: error.message,
      rejectedAtMs: Date.now(),
    };
    try {
      if (!(await rejects.insert({ ...reject, message: raw }))) return;
    } catch (trouble) {
      if (!isRowRefused(trouble)) throw trouble;
      logger.error(
        { err: trouble, raw },
        'a ledger message that the database refused could not be set aside; it is logged here',
      );
    }
    metrics.rejected(part);
    logger.error(
      { id, part, request_id: reject.requestId, reason: reject.reason },
      'the database refused a ledger message; it was set aside',
    );
  };
}
