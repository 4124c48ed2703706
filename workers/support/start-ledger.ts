// Opens what the ledger writer needs and starts it.
import type { RedisAddress } from '#src/config/redis-address.ts';
import type { Runtime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { createLedgerReader } from '#src/ledger/ledger-stream.ts';
import { startLedgerWriter } from '#src/ledger/ledger-writer.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import type { Logger } from '#src/telemetry/logger.ts';

export async function startLedger(
  runtime: Runtime,
  address: RedisAddress,
  keyspace: Keyspace,
  logger: Logger,
): Promise<{ stop(): Promise<void> }> {
  const onError = (error: Error) => logger.warn({ err: error }, 'ledger connection trouble');
  const [redis, database] = await Promise.all([
    connectRedis(address, 'consumer', onError),
    openDatabase(runtime.databaseUrl, onError),
  ]);
  const writer = startLedgerWriter({
    reader: await createLedgerReader(redis, keyspace, createInstanceId('worker')),
    store: createLedgerStore(database),
    onError: (error, waitMs) =>
      logger.error({ err: error, wait_ms: waitMs }, 'ledger entries wait: SQL did not take them'),
    onUnreadable: (raw) => logger.error({ raw }, 'unreadable ledger message set aside'),
  });
  return {
    async stop() {
      await writer.stop();
      disconnectRedis(redis);
      await database.destroy();
    },
  };
}
