// Opens the connections of the webhook dispatcher and starts it.
import type { Registry } from 'prom-client';
import type { Runtime } from '#src/config/runtime.ts';
import { openDatabase } from '#src/storage/database.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { createWebhookMetrics } from '#src/telemetry/metrics.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import type { Dispatcher } from '#src/webhooks/dispatcher.ts';
import { startWebhooks } from '#src/webhooks/start-webhooks.ts';

/** @param owner this process's name in leases. */
export async function deliverWebhooks(
  runtime: Runtime,
  owner: string,
  logger: Logger,
  registry: Registry,
): Promise<Dispatcher> {
  const onError = createTroubleLog(logger, 'the database (webhooks)').note;
  const database = await openDatabase(runtime.databaseUrl, onError);
  const webhooks = await startWebhooks({
    owner,
    database,
    settings: runtime.configuration.webhooks,
    secretsKey: runtime.environment.secretsKey,
    logger,
    metrics: createWebhookMetrics(registry),
  });
  return {
    silentMs: webhooks.silentMs,
    async stop() {
      await webhooks.stop();
      await database.destroy();
    },
  };
}
