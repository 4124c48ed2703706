// The worker of a process: inference; unless disabled also the tasks that some worker has to do (ledger, webhooks, batches); and
// the janitor, which cleans up after dead workers.
import { parseArgs } from 'node:util';
import type { Provider } from '#src/config/catalogue.ts';
import { ConfigurationError } from '#src/config/load.ts';
import { type Runtime, requireRedis } from '#src/config/runtime.ts';
import type { Neighbours } from '#src/contracts/neighbours.ts';
import { followConfiguration } from '#src/process/follow-configuration.ts';
import type { ProcessParts } from '#src/process/process-parts.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { createWorkerMetrics } from '#src/telemetry/metrics.ts';
import { startBatches } from '../batches/start-batches.ts';
import type { InferenceContext } from '../inference/delivery.ts';
import { startInference } from '../inference/start-inference.ts';
import { deliverWebhooks } from './deliver-webhooks.ts';
import { HEALTH_OPTIONS, readHealthAddress, startHealthServer } from './health-server.ts';
import { startLedger } from './start-ledger.ts';

export interface WorkerOptions {
  providers: readonly Provider[];
  /** Serve providers that are configured later too. */
  isEverything: boolean;
  hasLedger: boolean;
  hasBatches: boolean;
  hasWebhooks: boolean;
  health: ReturnType<typeof readHealthAddress>;
}

export interface RunningWorker {
  healthUrl: string | null;
  /** Running requests have `graceMs` to end. */
  stop(graceMs: number): Promise<void>;
}

/** From the arguments of the process. Throws a ConfigurationError. */
export function readWorkerOptions(runtime: Runtime): WorkerOptions {
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
        : 'no provider is configured: the worker has nothing to do';
    throw new ConfigurationError([{ file: 'sluice worker', line: null, path: '--provider', message }]);
  }
  return {
    providers: names.map((name) => runtime.catalogue.providers.get(name)!),
    isEverything: values.provider === undefined,
    hasLedger: !values['no-ledger'],
    hasBatches: !values['no-batches'],
    // A worker without the ledger needs no SQL.
    hasWebhooks: !values['no-webhooks'] && !values['no-ledger'],
    health: readHealthAddress(values),
  };
}

/** Follows its configuration; an API in the same process handles its own part of a change. */
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
  const address = requireRedis(runtime);
  const keyspace = createKeyspace(runtime.configuration.redis.namespace);

  const janitor = startJanitor(inference.context);
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

/** Interval of the janitor. */
const SWEEP_MS = 5_000;
/** Only crashes at the wrong moment make this sweep of the wait queues necessary. */
const QUEUES_MS = 30_000;

type Swept = Pick<InferenceContext, 'limiter' | 'waitQueues' | 'store' | 'metrics' | 'logger' | 'onTrouble'>;

/**
 * Writes attempts whose worker died during a call to the ledger as unsettled, and removes ended requests from the wait queues.
 * Every worker process sweeps; the script ensures that each attempt is written once. The next sweep repeats what Redis refused.
 */
function startJanitor({ limiter, waitQueues, store, metrics, logger, onTrouble }: Swept): { stop(): void } {
  const reap = async () => {
    const reaped = await limiter.reap();
    if (reaped === 0) return;
    metrics.reaped(reaped);
    logger.warn({ attempts: reaped }, 'attempts of dead workers were recorded as unsettled');
  };
  const tidyQueues = async () => {
    const left = await waitQueues.forgetGone((requestIds) => store.areOver(requestIds));
    if (left > 0) logger.warn({ requests: left }, 'ended requests were still in a wait queue');
  };
  const sweep = (work: () => Promise<void>) => () => void work().catch(onTrouble);
  const timers = [setInterval(sweep(reap), SWEEP_MS), setInterval(sweep(tidyQueues), QUEUES_MS)];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
