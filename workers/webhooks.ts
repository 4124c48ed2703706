// A process that only delivers webhooks, for networks where only one machine may make outgoing calls. Otherwise the worker
// processes deliver them as well. It needs SQL, not Redis.
import { parseArgs } from 'node:util';
import { loadRuntime } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { followConfiguration } from '#src/process/follow-configuration.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { readPoolState } from '#src/storage/postgres.ts';
import { createLogger } from '#src/telemetry/logger.ts';
import { createRegistry } from '#src/telemetry/metrics.ts';
import { deliverWebhooks } from './support/deliver-webhooks.ts';
import { HEALTH_OPTIONS, readHealthAddress, startHealthServer } from './support/health-server.ts';

const SHUTDOWN_MARGIN_MS = 5_000;

runMain(async () => {
  const runtime = loadRuntime();
  const { values } = parseArgs({ options: HEALTH_OPTIONS });
  const workerId = createInstanceId('worker');
  const logger = createLogger({
    level: runtime.environment.logLevel,
    role: 'webhooks',
    instance: workerId,
    mask: runtime.secretMask,
  });
  const follower = followConfiguration({ runtime, logger });
  const registry = createRegistry('webhooks', readPoolState, () => runtime.fileState);
  const webhooks = await deliverWebhooks(runtime, workerId, logger, registry);
  const where = readHealthAddress(values);
  const health = where && (await startHealthServer({ ...where, registry, signs: { deliveries: webhooks.silentMs } }));
  logger.info('delivering webhooks');
  const limitMs = runtime.configuration.webhooks.timeout_ms + SHUTDOWN_MARGIN_MS;
  const lifecycle = manageLifecycle(logger, limitMs, async () => {
    follower.stop();
    await webhooks.stop();
    health?.close();
  });
  lifecycle.ready({ workerId, healthUrl: health?.url ?? null });
});
