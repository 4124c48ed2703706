// Keeps a deployment full, like a call of another worker: requests that need a permit of it wait.
import { createLimiter, PERMIT_LEASE_MS } from '#src/limits/limiter.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import type { TestBroker } from './broker.ts';
import { waitFor } from './wait.ts';

export interface HeldPermit {
  /** Resolves when this many requests wait for it. */
  untilWaiting(requests: number): Promise<void>;
  release(): Promise<void>;
}

let held = 0;

/** @param deploymentId `provider/model`; it must have `limits: { concurrency: 1 }` and nothing in flight. */
export async function holdPermit(broker: TestBroker, deploymentId: string): Promise<HeldPermit> {
  const { client } = broker.redis;
  const keyspace = createKeyspace('sluice');
  const limiter = createLimiter(client, keyspace);
  const scope = { name: `deployment:${deploymentId}`, limits: { concurrency: 1 } };
  held += 1;
  const decision = await limiter.acquire({
    attemptId: `held-by-the-test-${held}`,
    requestId: `test-${held}`,
    scopes: [scope],
    acceptedAtMs: Date.now(),
    isBatch: false,
    tokens: 0,
    unsettledEntry: '{}',
  });
  if (decision.kind !== 'granted') throw new Error(`${deploymentId} is not free: ${decision.reason}`);
  const { permit } = decision;
  const timer = setInterval(() => void limiter.renew([permit]).catch(() => undefined), PERMIT_LEASE_MS / 3);
  return {
    async untilWaiting(requests) {
      const { room } = keyspace.scope(scope.name);
      const isReached = async () => (await client.zcard(room)) >= requests;
      await waitFor(`${requests} requests in line for ${deploymentId}`, isReached);
    },
    async release() {
      clearInterval(timer);
      await limiter.settle(permit, { usedTokens: 0, entry: null });
    },
  };
}
