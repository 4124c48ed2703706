// Starts the dispatcher with its stores, its sender and the configured endpoints.
import type { WebhookSettings } from '../config/webhook-schema.ts';
import { addressRulesOf } from '../config/webhook-schema.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { WebhookMetrics } from '../telemetry/metrics.ts';
import { createAddressGuard } from './address-guard.ts';
import { createDeliveryStore } from './delivery-store.ts';
import { type Dispatcher, startDispatcher } from './dispatcher.ts';
import { createEndpointStore } from './endpoint-store.ts';
import { fanOut } from './fan-out.ts';
import { createSecretBox, PLAIN_SECRETS } from './secret-box.ts';
import { createWebhookSender } from './send-webhook.ts';

export interface WebhookHost {
  owner: string;
  /** Not shared: a transaction occupies the only connection of an embedded database. Not closed here. */
  database: Database;
  settings: WebhookSettings;
  /** SLUICE_SECRETS_KEY. */
  secretsKey: string | undefined;
  logger: Logger;
  metrics: WebhookMetrics;
  pollMs?: number;
}

const DAY_MS = 86_400_000;

export async function startWebhooks(host: WebhookHost): Promise<Dispatcher> {
  const { owner, database, settings, logger, metrics, pollMs } = host;
  const box = createSecretBox(host.secretsKey);
  const endpoints = createEndpointStore(database, box);
  await endpoints.replaceConfigured(
    settings.endpoints.map(({ key, ...endpoint }) => ({ ...endpoint, keyId: key ?? null })),
  );
  if (box.isSealing) await endpoints.sealPlain();
  else if ((await endpoints.list()).length > 0) logger.warn(PLAIN_SECRETS);
  const guard = createAddressGuard(addressRulesOf(settings));
  const sender = createWebhookSender({ timeoutMs: settings.timeout_ms, guard });
  const dispatcher = startDispatcher({
    owner,
    fanOut: () =>
      fanOut(database, endpoints.list, (error) =>
        logger.error({ err: error }, 'an event cannot be delivered and is skipped'),
      ),
    endpoints,
    deliveries: createDeliveryStore(database),
    sender,
    settings: {
      attempts: settings.attempts,
      firstRetryMs: settings.first_retry_ms,
      timeoutMs: settings.timeout_ms,
      concurrency: settings.concurrency,
      keepMs: settings.keep_days * DAY_MS,
    },
    logger,
    metrics,
    ...(pollMs === undefined ? {} : { pollMs }),
  });
  return {
    silentMs: dispatcher.silentMs,
    async stop() {
      await dispatcher.stop();
      await sender.close();
    },
  };
}
