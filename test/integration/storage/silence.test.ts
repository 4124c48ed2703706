// How long the API tier waits for Redis: only time without any response counts, measured while the process itself was running.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { limitSilence, withinOwnTime } from '#src/storage/own-time.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const LIMIT_MS = 300;
const BUSY = `local untilMs = redis.call('TIME')
  local from = untilMs[1] * 1000000 + untilMs[2]
  repeat local now = redis.call('TIME') until now[1] * 1000000 + now[2] - from > ARGV[1] * 1000`;

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  redis = new Redis(server.url, { lazyConnect: true });
  limitSilence(redis, LIMIT_MS);
  await redis.connect();
  await redis.ping();
});
afterEach(() => {
  server.thaw();
  redis.disconnect();
});

/** This process does not run meanwhile, as when other processes use the CPU. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a silent server is waited for until the limit, and its later responses are read', async () => {
  server.freeze();
  const startedAtMs = performance.now();
  await expect(redis.ping()).rejects.toThrow('Command timed out');
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(LIMIT_MS * 0.9);
  server.thaw();
  await waitFor('it to be heard', () => redis.ping().catch(() => null));
});

test('an answer that came while the process stood still is read', async () => {
  const answer = redis.ping();
  await new Promise(setImmediate);
  standStill(2 * LIMIT_MS);
  expect(await answer).toBe('PONG');
});

test('a command behind others keeps waiting while those are answered', async () => {
  // A busy machine may give Redis no time for longer than the limit of the other tests.
  const limitMs = 3 * LIMIT_MS;
  const patient = new Redis(server.url);
  limitSilence(patient, limitMs);
  // Redis answers together what it has read together, and reads 16 KiB at a time.
  const many = Array.from({ length: 12 }, () => patient.eval(BUSY, 0, limitMs / 6, 'x'.repeat(40_000)));
  expect(await Promise.all([...many, patient.ping()])).toEqual([...many.map(() => null), 'PONG']);
  patient.disconnect();
});

test('the same for other work: only time during which the process ran counts', async () => {
  const late = () => new Error('late');
  await expect(withinOwnTime(LIMIT_MS, new Promise(() => undefined), late)).rejects.toThrow('late');
  const answer = withinOwnTime(LIMIT_MS, server.client.ping(), late);
  await new Promise(setImmediate);
  standStill(2 * LIMIT_MS);
  expect(await answer).toBe('PONG');
});
