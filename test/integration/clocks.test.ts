// Symptom: on a machine whose clock was off by some minutes /readyz reported that there were no workers, cooldowns seemed
// over or endless, and forecasts were wrong by the difference. Cause: times written by Redis were compared with the process's
// own clock. Fix: Redis returns elapsed or remaining times, which a process adds to its own time.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import type { Scope } from '#src/contracts/scope.ts';
import { createForecaster } from '#src/limits/forecaster.ts';
import { createLimiter } from '#src/limits/limiter.ts';
import { createWorkerLiveness } from '#src/reply/worker-liveness.ts';
import { type CircuitSettings, createCircuits } from '#src/routing/circuits.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { responseSpec } from '#test/support/response-spec.ts';

const keyspace = createKeyspace('test');
const HOUR_MS = 3_600_000;
let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());
afterEach(() => {
  vi.useRealTimers();
});

const offBy = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });

describe.each([
  ['an hour ahead', HOUR_MS],
  ['right', 0],
  ['an hour behind', -HOUR_MS],
])('on a machine whose clock is %s', (_name, ms) => {
  beforeEach(() => void offBy(ms));

  test('a live worker is listed, a stopped one is not', async () => {
    const liveness = createWorkerLiveness(redis.client, keyspace);
    expect(await liveness.hasLiveWorker(2)).toBe(false);
    await liveness.heartbeat('worker_a', [1]);
    expect(await liveness.hasLiveWorker(2)).toBe(true);
    await liveness.sayGoodbye('worker_a', [1]);
    expect(await liveness.hasLiveWorker(2)).toBe(false);
  });

  test('a silent worker is not', async () => {
    const liveness = createWorkerLiveness(redis.client, keyspace);
    const [seconds] = await redis.client.time();
    await redis.client.hset(keyspace.workers(0), 'worker_a', Number(seconds) * 1_000 - 11_000);
    expect(await liveness.hasLiveWorker(1)).toBe(false);
  });

  test('a circuit stays open for the time that was set', async () => {
    const settings: CircuitSettings = {
      failures: 1,
      windowMs: 10_000,
      cooldownMs: 60_000,
      maxCooldownMs: 60_000,
      refusalCooldownMs: 60_000,
    };
    const create = () => createCircuits(redis.client, keyspace, (error) => expect.unreachable(error.message));
    const [one, other] = [create(), create()];
    one.reportFailure('a/b', settings, 'failure', 'upstream_server_error', 0);
    await redis.client.ping();
    await other.refresh();
    expect([one.isOpen('a/b'), other.isOpen('a/b')]).toEqual([true, true]);
    vi.setSystemTime(Date.now() + 61_000);
    expect([one.isOpen('a/b'), other.isOpen('a/b')]).toEqual([false, false]);
  });

  test('a forecast includes the remaining time of a block', async () => {
    const scope: Scope = { name: 'deployment:a/b', limits: { requestsPerMinute: 60 } };
    const provider = { name: 'a', scope: { name: 'provider:a', limits: {} }, credentials: [] };
    const deployment = { id: 'a/b', provider, scope, upstreamModel: 'b' } as unknown as Deployment;
    const catalogue = { deployments: new Map([[deployment.id, deployment]]) } as Pick<Catalogue, 'deployments'>;
    await createLimiter(redis.client, keyspace).block(scope.name, 20_000);
    const { startMs } = await createForecaster(redis.client, keyspace, catalogue).ask({
      spec: responseSpec({}, { acceptedAtMs: Date.now(), deadlineAtMs: Date.now() + 60_000 }),
      step: { deployment: deployment.id, provider: 'a', upstreamModel: 'b', model: 'm' },
      deployment,
    });
    expect(startMs).toBeGreaterThan(19_000);
    expect(startMs).toBeLessThanOrEqual(20_000);
  });
});
