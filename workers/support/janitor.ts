// Cleans up after the dead: attempts whose worker vanished in the middle of a call go to the ledger as unsettled.
import type { Limiter } from '#src/limits/limiter.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { WorkerMetrics } from '#src/telemetry/metrics.ts';

const SWEEP_MS = 5_000;

/** Every worker process sweeps; the script makes sure that each attempt is written once. */
export function startJanitor(options: { limiter: Limiter; metrics: WorkerMetrics; logger: Logger }): { stop(): void } {
  const { limiter, metrics, logger } = options;
  const sweep = async () => {
    const reaped = await limiter.reap();
    if (reaped === 0) return;
    metrics.reaped(reaped);
    logger.warn({ attempts: reaped }, 'attempts of dead workers written as unsettled');
  };
  const timer = setInterval(
    () => void sweep().catch((error: Error) => logger.warn({ err: error }, 'sweep failed')),
    SWEEP_MS,
  );
  return { stop: () => clearInterval(timer) };
}
