// The batches process: feeds the lines of batches to the workers and stores their results. Several may run; each batch
// has one owner. Any of them can be killed at any moment: another continues where it stopped.
import { parseArgs } from 'node:util';
import { loadRuntime, requireRedis } from '#src/config/runtime.ts';
import { followConfiguration } from '#src/process/follow-configuration.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { readPoolState } from '#src/storage/postgres.ts';
import { createLogger } from '#src/telemetry/logger.ts';
import { createRegistry, version } from '#src/telemetry/metrics.ts';
import { startTelemetry } from '#src/telemetry/tracing.ts';
import { startBatches } from './batches/start-batches.ts';
import { HEALTH_OPTIONS, readHealthAddress, startHealthServer } from './support/health-server.ts';

const SHUTDOWN_LIMIT_MS = 15_000;

runMain(async () => {
  const { values } = parseArgs({ options: HEALTH_OPTIONS });
  const runtime = loadRuntime();
  const { configuration, environment } = runtime;
  const logger = createLogger({
    level: environment.logLevel,
    role: 'batches',
    instance: String(process.pid),
    mask: runtime.secretMask,
  });
  const follower = followConfiguration({ runtime, logger });
  const keyspace = createKeyspace(configuration.redis.namespace);
  const registry = createRegistry('batches', readPoolState, () => runtime.fileState);
  const { variables } = environment;
  const instance = String(process.pid);
  const telemetry = await startTelemetry({ variables, role: 'batches', instance, version, registry, logger });
  const batches = await startBatches(runtime, requireRedis(runtime), keyspace, logger, registry, telemetry.tracing);
  const where = readHealthAddress(values);
  const health = where && (await startHealthServer({ ...where, registry, signs: { engine: batches.silentMs } }));
  logger.info({ instance: batches.instanceId }, 'running batches');

  const lifecycle = manageLifecycle(logger, SHUTDOWN_LIMIT_MS, async () => {
    follower.stop();
    await batches.stop();
    health?.close();
    await telemetry.shutdown();
  });
  lifecycle.ready({ instanceId: batches.instanceId, healthUrl: health?.url ?? null });
});
