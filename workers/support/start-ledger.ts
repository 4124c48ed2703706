// Opens what the ledger writer needs and starts it.
import type { RedisAddress } from '#src/config/redis-address.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { createLedgerReader } from '#src/ledger/ledger-stream.ts';
import { startLedgerWriter } from '#src/ledger/ledger-writer.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createConversationLock } from '#src/responses/conversation-lock.ts';
import { createResponseStore } from '#src/responses/response-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { isRedisTrouble } from '#src/storage/redis-trouble.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { OperationsMetrics } from '#src/telemetry/operations-metrics.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import { createAftermath } from '../aftermath/aftermath.ts';
import { startResponseJanitor } from '../aftermath/expire-responses.ts';
import { startDeadLetters } from './start-dead-letters.ts';

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
    // The reader blocks: nobody else may stand behind it.
    connectRedis(address, 'consumer', onError),
    openDatabase(runtime.databaseUrl, sqlTrouble.note),
  ]);
  const { dead_letters: settings } = runtime.configuration;
  const deadLetters = startDeadLetters({ redis, keyspace, database, settings, metrics, logger });
  const responses = createResponseStore(database);
  const janitor = startResponseJanitor(responses, logger);
  const aftermath = createAftermath({
    database,
    responses,
    store: createRequestStore(redis, keyspace),
    replyLog: createReplyLog(redis, keyspace),
    lock: createConversationLock(redis, keyspace),
    // A stream says everything at least twice: in deltas and in their end.
    maxAnswerBytes: runtime.configuration.workers.max_answer_bytes * 4,
    logger,
  });
  const writer = startLedgerWriter({
    reader: await createLedgerReader(reading, keyspace, createInstanceId('worker')),
    store: createLedgerStore(database),
    onError: (error) => (isRedisTrouble(error) ? onError(error) : sqlTrouble.note(error)),
    // Order matters here: a dead letter is kept with its body, which goes once the response is written.
    onOutcomes: async (messages) => {
      await deadLetters.keep(messages);
      return aftermath(messages);
    },
    onUnreadable: (raw) => logger.error({ raw }, 'unreadable ledger message set aside'),
  });
  return {
    async stop() {
      await writer.stop();
      deadLetters.stop();
      janitor.stop();
      disconnectRedis(reading);
      disconnectRedis(redis);
      await database.destroy();
    },
  };
}
