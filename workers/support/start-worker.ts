// The worker of a process: inference, and beside it what some worker has to do (ledger, webhooks, batches) unless told not to.
import type { Provider } from '#src/config/catalogue.ts';
import { type Runtime, requireRedis } from '#src/config/runtime.ts';
import type { Neighbours } from '#src/contracts/neighbours.ts';
import { followConfiguration } from '#src/process/follow-configuration.ts';
import type { ProcessParts } from '#src/process/process-parts.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { createWorkerMetrics } from '#src/telemetry/metrics.ts';
import { startBatches } from '../batches/start-batches.ts';
import { startInference } from '../inference/start-inference.ts';
import { deliverWebhooks } from './deliver-webhooks.ts';
import { type readHealthAddress, startHealthServer } from './health-server.ts';
import { startJanitor } from './janitor.ts';
import { startLedger } from './start-ledger.ts';

export interface WorkerOptions {
  providers: readonly Provider[];
  /** Providers that come later are served, too. */
  isEverything: boolean;
  hasLedger: boolean;
  hasBatches: boolean;
  hasWebhooks: boolean;
  health: ReturnType<typeof readHealthAddress>;
}

export interface RunningWorker {
  healthUrl: string | null;
  /** Requests that run have `graceMs` to end. */
  stop(graceMs: number): Promise<void>;
}

/** It follows its configuration; an API in the same process has its part of that. */
export async function startWorker(
  runtime: Runtime,
  parts: ProcessParts,
  options: WorkerOptions,
  neighbours: Neighbours | null = null,
): Promise<RunningWorker> {
  const { instanceId: workerId, logger, registry, operations, tracing } = parts;
  const follower = followConfiguration({
    runtime,
    logger,
    onChange: () => options.isEverything && inference.work([...runtime.catalogue.providers.values()]),
  });
  const metrics = createWorkerMetrics(registry);
  const inference = await startInference({
    runtime,
    workerId,
    refreshCatalogue: () => follower.refresh(),
    logger,
    metrics,
    onRedisProbe: operations.redis,
    tracing,
    neighbours,
  });
  const { limiter, waitQueues, store, onTrouble } = inference.context;
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(runtime.configuration.redis.namespace);

  const janitor = startJanitor({ limiter, waitQueues, store, metrics, logger, onTrouble });
  const ledger = options.hasLedger ? await startLedger(runtime, address, keyspace, logger, operations) : null;
  const webhooks = options.hasWebhooks ? await deliverWebhooks(runtime, workerId, logger, registry) : null;
  const batches = options.hasBatches ? await startBatches(runtime, address, keyspace, logger, registry, tracing) : null;
  inference.work(options.providers);
  const { signs } = inference;
  const health = options.health && (await startHealthServer({ ...options.health, registry, signs }));
  logger.info({ providers: options.providers.map(({ name }) => name) }, 'working');
  return {
    healthUrl: health?.url ?? null,
    async stop(graceMs) {
      follower.stop();
      await inference.drain(graceMs);
      janitor.stop();
      await batches?.stop();
      await ledger?.stop();
      await webhooks?.stop();
      await inference.close();
      health?.close();
    },
  };
}
