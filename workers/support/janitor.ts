// Cleans up after the dead: attempts whose worker vanished in the middle of a call go to the ledger as unsettled;
// requests that are over and still stand in a wait queue leave it.
import type { Limiter } from '#src/limits/limiter.ts';
import type { WaitQueues } from '#src/limits/wait-queue.ts';
import type { RequestStore } from '#src/reply/request-store.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { WorkerMetrics } from '#src/telemetry/metrics.ts';

const SWEEP_MS = 5_000;
/** Wait queues are exact without it, but for crashes at the wrong moment. */
const QUEUES_MS = 30_000;

export interface JanitorOptions {
  limiter: Limiter;
  waitQueues: WaitQueues;
  store: RequestStore;
  metrics: WorkerMetrics;
  logger: Logger;
  /** A sweep that Redis did not take: the next one does its work. */
  onTrouble: (error: Error) => void;
}

/** Every worker process sweeps; the script makes sure that each attempt is written once. */
export function startJanitor({ limiter, waitQueues, store, metrics, logger, onTrouble }: JanitorOptions): {
  stop(): void;
} {
  const reap = async () => {
    const reaped = await limiter.reap();
    if (reaped === 0) return;
    metrics.reaped(reaped);
    logger.warn({ attempts: reaped }, 'attempts of dead workers written as unsettled');
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
