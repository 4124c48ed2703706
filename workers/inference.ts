// A worker process: the pools of some or all providers, on all lanes. Several of them, on several machines, share the
// load; each can be killed at any moment. It also hosts the ledger writer, the batches and the janitor unless told not to.
import { parseArgs } from 'node:util';
import type { Provider } from '#src/config/catalogue.ts';
import { ConfigurationError } from '#src/config/load.ts';
import { loadRuntime, type Runtime, requireRedis } from '#src/config/runtime.ts';
import { createInstanceId } from '#src/contracts/ids.ts';
import { followConfiguration } from '#src/process/follow-configuration.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { readPoolState } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { createLogger } from '#src/telemetry/logger.ts';
import { createOperationsMetrics, createWorkerMetrics, version } from '#src/telemetry/metrics.ts';
import { startTelemetry } from '#src/telemetry/tracing.ts';
import { startBatches } from './batches/start-batches.ts';
import { startInference } from './inference/start-inference.ts';
import { deliverWebhooks } from './support/deliver-webhooks.ts';
import { HEALTH_OPTIONS, readHealthAddress, startHealthServer } from './support/health-server.ts';
import { startJanitor } from './support/janitor.ts';
import { startLedger } from './support/start-ledger.ts';

const SHUTDOWN_MARGIN_MS = 8_000;

interface Options {
  providers: readonly Provider[];
  /** Providers that come later are served, too. */
  isEverything: boolean;
  hasLedger: boolean;
  hasBatches: boolean;
  hasWebhooks: boolean;
  health: ReturnType<typeof readHealthAddress>;
}

runMain(async () => {
  const runtime = loadRuntime();
  const options = readOptions(runtime);
  const { configuration, environment } = runtime;
  const workerId = createInstanceId('worker');
  const logger = createLogger({
    level: environment.logLevel,
    role: 'worker',
    instance: workerId,
    mask: runtime.secretMask,
  });
  const metrics = createWorkerMetrics(readPoolState);
  const operations = createOperationsMetrics(metrics.registry);
  const follower = followConfiguration({
    runtime,
    logger,
    onChange: () => options.isEverything && inference.work([...runtime.catalogue.providers.values()]),
  });
  const refreshCatalogue = () => follower.refresh();
  const onRedisProbe = operations.redis;
  const { registry } = metrics;
  const { variables } = environment;
  const telemetry = await startTelemetry({ variables, role: 'worker', instance: workerId, version, registry, logger });
  const { tracing } = telemetry;
  const signals = { metrics, onRedisProbe, tracing };
  const inference = await startInference({ runtime, workerId, refreshCatalogue, logger, ...signals });
  const { limiter, waitQueues, store, onTrouble } = inference.context;
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(configuration.redis.namespace);

  const janitor = startJanitor({ limiter, waitQueues, store, metrics, logger, onTrouble });
  const ledger = options.hasLedger ? await startLedger(runtime, address, keyspace, logger, operations) : null;
  const webhooks = options.hasWebhooks ? await deliverWebhooks(runtime, workerId, logger, metrics.registry) : null;
  const batches = options.hasBatches ? await startBatches(runtime, address, keyspace, logger, registry, tracing) : null;
  inference.work(options.providers);
  const { signs } = inference;
  const health = options.health && (await startHealthServer({ ...options.health, registry: metrics.registry, signs }));
  logger.info({ providers: options.providers.map(({ name }) => name) }, 'working');

  const graceMs = configuration.server.shutdown_grace_ms;
  const lifecycle = manageLifecycle(logger, graceMs + SHUTDOWN_MARGIN_MS, async () => {
    follower.stop();
    await inference.drain(graceMs);
    janitor.stop();
    await batches?.stop();
    await ledger?.stop();
    await webhooks?.stop();
    await inference.close();
    health?.close();
    await telemetry.shutdown();
  });
  lifecycle.ready({ workerId, healthUrl: health?.url ?? null });
});

function readOptions(runtime: Runtime): Options {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string', multiple: true },
      'no-ledger': { type: 'boolean', default: false },
      'no-batches': { type: 'boolean', default: false },
      'no-webhooks': { type: 'boolean', default: false },
      ...HEALTH_OPTIONS,
    },
  });
  const known = [...runtime.catalogue.providers.values()];
  const names = values.provider ?? known.map(({ name }) => name);
  const unknown = names.filter((name) => !runtime.catalogue.providers.has(name));
  if (unknown.length > 0 || names.length === 0) {
    const message =
      unknown.length > 0
        ? `no such provider: ${unknown.join(', ')}; configured: ${known.map(({ name }) => name).join(', ') || 'none'}`
        : 'no provider is configured: there is nothing to work on';
    throw new ConfigurationError([{ file: 'sluice worker', line: null, path: '--provider', message }]);
  }
  return {
    providers: names.map((name) => runtime.catalogue.providers.get(name)!),
    isEverything: values.provider === undefined,
    hasLedger: !values['no-ledger'],
    hasBatches: !values['no-batches'],
    // Without a ledger to write, a worker can do without SQL.
    hasWebhooks: !values['no-webhooks'] && !values['no-ledger'],
    health: readHealthAddress(values),
  };
}
