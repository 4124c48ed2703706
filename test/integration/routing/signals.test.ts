// Signals about deployments from one process are soon known to the planning of another, which never waits for them.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Candidate, createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { createLimiter, type Limiter } from '#src/limits/limiter.ts';
import { createSignalBoard, createSpeedLog, quantile, type SignalBoard } from '#src/routing/signals.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
const catalogue = createCatalogue(
  configurationSchema.parse({
    providers: { a: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1/v1', limits: { tpm: 1_000 } } },
    models: {
      busy: { strategy: 'least_busy', deployments: [{ provider: 'a', model: 'm', price: { input: 2, output: 10 } }] },
      'a/*': { deployments: [{ provider: 'a', model: '*' }] },
    },
  }),
);
const fail = (error: Error) => {
  throw error;
};
const SIZE = { inputTokens: 1_000, outputTokens: 100 };

let redis: TestRedis;
let limiter: Limiter;
let board: SignalBoard;
let candidate: Candidate;
let counter = 0;

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
  board = createSignalBoard({ redis: redis.client, keyspace, catalogue, limiter, onError: fail });
  candidate = catalogue.findModel('busy')!.candidates[0]!;
});

function acquire(tokens: number) {
  counter += 1;
  const { scope, provider } = candidate.deployment;
  return limiter.acquire({
    attemptId: `req_${counter}.1`,
    requestId: `req_${counter}`,
    scopes: [provider.scope, scope],
    acceptedAtMs: counter,
    isBatch: false,
    tokens,
    unsettledEntry: '{}',
  });
}

test('calls in flight are counted for a model whose strategy uses them, limited or not', async () => {
  const signals = board.signalsFor(SIZE);
  expect(signals.load(candidate)).toBeNull();
  const decision = await acquire(10);
  await acquire(10);
  await expect.poll(() => signals.load(candidate)).toBe(2);
  board.noteChosen(candidate.deployment.id);
  expect(signals.load(candidate)).toBe(3);
  if (decision.kind !== 'granted') throw new Error('expected a permit');
  await limiter.settle(decision.permit, { usedTokens: 10, entry: null });
  await expect.poll(() => signals.load(candidate)).toBe(1);
});

test('the remaining quota is that of the fullest limit', async () => {
  await acquire(750);
  const signals = board.signalsFor(SIZE);
  expect(signals.quotaLeft(candidate)).toBe(1);
  await expect.poll(() => signals.quotaLeft(candidate)).toBeCloseTo(0.25);
  await limiter.block('provider:a', 5_000);
  await expect.poll(() => signals.quotaLeft(candidate), { timeout: 5_000 }).toBe(0);
});

test('speeds of streams are reported by workers and known by circuit', async () => {
  const speeds = createSpeedLog(redis.client, keyspace, fail);
  const [fast, slow] = ['fast', 'slow'].map((name) => catalogue.findModel(`a/${name}`)!.candidates[0]!);
  speeds.note('a/fast', { firstTokenMs: 100.4, tokensPerSecond: 50 });
  speeds.note('a/slow', { firstTokenMs: 2_000, tokensPerSecond: null });
  const signals = board.signalsFor(SIZE);
  await expect.poll(() => signals.firstTokenMs(fast!)).toBe(100);
  await expect.poll(() => signals.firstTokenMs(slow!)).toBe(2_000);
  expect(signals.tokensPerSecond(fast!)).toBe(50);
  expect(signals.tokensPerSecond(slow!)).toBeNull();
});

test('many streams cost a few samples, and the oldest are dropped', async () => {
  const logs = Array.from({ length: 60 }, () => createSpeedLog(redis.client, keyspace, fail));
  for (const log of logs) for (let n = 0; n < 5; n++) log.note('a/m', { firstTokenMs: n, tokensPerSecond: null });
  await expect.poll(() => redis.client.llen(keyspace.speeds('a/m'))).toBe(40);
  const samples = await redis.client.lrange(keyspace.speeds('a/m'), '0', '-1');
  expect(new Set(samples.map((sample) => sample.split(' ')[1]))).toEqual(new Set(['0']));
});

test('prices depend on the request’s size', () => {
  expect(board.signalsFor(SIZE).costUsd(candidate)).toBeCloseTo(0.003, 9);
});

test.each([
  [[], 0.75, null],
  [[7], 0.75, 7],
  [[1, 2, 3, 4], 0.75, 4],
  [[5, 1, 4, 2, 3], 0.5, 3],
])('the quantile of %j at %d is %s', (values, part, expected) => {
  expect(quantile(values, part)).toBe(expected);
});
