// The signs of life of a worker process: it says that it is alive, and extends the leases of its open attempts.
import { PERMIT_LEASE_MS } from '#src/limits/limiter.ts';
import type { InferenceContext } from './delivery.ts';

const HEARTBEAT_MS = 1_000;
const RENEW_MS = PERMIT_LEASE_MS / 3;

export interface Pulse {
  /** Since Redis has last taken a sign of life. */
  silentMs(): number;
  stop(): Promise<void>;
}

/** Resolves after the first sign of life. */
export async function startPulse(context: InferenceContext, onError: (error: Error) => void): Promise<Pulse> {
  const { liveness, workerId, seenShards, limiter, openPermits, active, metrics } = context;
  let beatAtMs = performance.now();
  const beat = async () => {
    await liveness.heartbeat(workerId, seenShards);
    beatAtMs = performance.now();
  };
  const timers = [
    setInterval(() => {
      metrics.activeRequests(active.size);
      beat().catch(onError);
    }, HEARTBEAT_MS),
    setInterval(() => void limiter.renew([...openPermits.values()]).catch(onError), RENEW_MS),
  ];
  await beat();
  return {
    silentMs: () => performance.now() - beatAtMs,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await liveness.sayGoodbye(workerId, seenShards);
    },
  };
}
