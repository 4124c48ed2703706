// Symptom: for half a second after a circuit had opened, the other workers still called the provider. Cause: workers polled.
// Fix: openings, closings and holds are announced; polling is the safety net (src/routing/rotation.ts).
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { followRotation, ROTATION_REPAIR_MS, type Rotation } from '#src/routing/rotation.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('test');
const SETTINGS = {
  failures: 3,
  windowMs: 10_000,
  cooldownMs: 60_000,
  maxCooldownMs: 60_000,
  refusalCooldownMs: 60_000,
};
let redis: TestRedis;
let processes: { rotation: Rotation; subscription: RedisClient }[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
afterEach(async () => {
  for (const { rotation, subscription } of processes) {
    rotation.stop();
    disconnectRedis(subscription);
  }
  processes = [];
  await redis.client.flushall();
});

async function startProcesses(count: number): Promise<Rotation[]> {
  const onError = () => undefined;
  for (let index = 0; index < count; index++) {
    const subscription = await connectRedis({ kind: 'standalone', url: redis.url }, 'subscriber', onError);
    const rotation = await followRotation({ redis: redis.client, subscription, keyspace, onError });
    processes.push({ rotation, subscription });
  }
  return processes.map(({ rotation }) => rotation);
}

const refuse = ({ circuits }: Rotation) =>
  circuits.reportFailure('a/b', SETTINGS, 'refusal', 'upstream_credential_refused', 0);

test('opening and closing reach every process long before its next poll', async () => {
  const all = await startProcesses(10);
  const startedAtMs = performance.now();
  refuse(all[0]!);
  await waitFor('all to know', () => all.every(({ circuits }) => circuits.isOpen('a/b')));
  all[9]!.circuits.reportSuccess('a/b', 0);
  await waitFor('all to know better', () => all.every(({ circuits }) => !circuits.isOpen('a/b')));
  expect(performance.now() - startedAtMs).toBeLessThan(ROTATION_REPAIR_MS / 2);
});

test('a hold and its release do too', async () => {
  const [one, other] = await startProcesses(2);
  const startedAtMs = performance.now();
  await one!.holds.hold('provider:a', 'because');
  await waitFor('the other to know', () => other!.holds.all().length === 1);
  await one!.holds.release('provider:a');
  await waitFor('the other to know better', () => other!.holds.all().length === 0);
  expect(performance.now() - startedAtMs).toBeLessThan(ROTATION_REPAIR_MS / 2);
});

test('an announcement missed by a broken connection is known when it is back', async () => {
  const [one, other] = await startProcesses(2);
  const startedAtMs = performance.now();
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  refuse(one!);
  await waitFor('the other to know', () => other!.circuits.isOpen('a/b'));
  expect(performance.now() - startedAtMs).toBeLessThan(ROTATION_REPAIR_MS / 2);
});
