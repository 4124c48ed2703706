// The state of the whole installation for operators, read from the data of limiter, wait queues, circuits and budgets in Redis.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createBudgetStandings } from '#src/accounts/budget-standings.ts';
import { createBudgetReader, createBudgets } from '#src/accounts/budgets.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import { createFleetReader, isCircuitOf } from '#src/api/fleet-state.ts';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { createLearnedLimits, type LearnedLimits } from '#src/limits/learned-limits.ts';
import { createLimiter } from '#src/limits/limiter.ts';
import { createWaitQueues } from '#src/limits/wait-queue.ts';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createCircuits } from '#src/routing/circuits.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('test');
const fail = (error: Error) => {
  throw error;
};
const catalogue = createCatalogue(
  configurationSchema.parse({
    providers: {
      a: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1/v1', limits: { tpm: 1_000, concurrency: 4 } },
      c: {
        protocols: ['openai-chat'],
        base_url: 'http://127.0.0.1:1/v1',
        credentials: { first: { api_key: 'sk-first', limits: { rpm: 9 } }, second: { api_key: 'sk-second' } },
      },
      b: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1/v1' },
    },
    models: {
      small: { deployments: [{ provider: 'a', model: 'm', limits: { rpm: 60 } }] },
      'b/*': { deployments: [{ provider: 'b', model: '*' }] },
    },
  }),
);
const { scope: small, provider } = catalogue.deployments.get('a/m')!;

let redis: TestRedis;
let database: Database;
let learned: LearnedLimits;
let subscription: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis();
  database = await openDatabase('sqlite::memory:', fail);
  subscription = redis.client.duplicate();
  learned = await createLearnedLimits({ redis: redis.client, subscription, keyspace, onError: fail });
});
afterAll(async () => {
  learned.stop();
  subscription.disconnect();
  await database.destroy();
  await redis.stop();
});
beforeEach(() => redis.client.flushall());

function openFleet() {
  const producer = createQueueProducer(redis.client, keyspace, fail);
  const budgets = createBudgetStandings(database, redis.client, keyspace);
  const read = createFleetReader({ redis: redis.client, keyspace, catalogue, learned, producer, budgets });
  return { read, producer };
}

test('reports queues, and requests waiting for a permit, by provider, deployment and lane', async () => {
  const { read, producer } = openFleet();
  const queues = createWaitQueues(redis.client, keyspace);
  const waiting = { lane: 'batch', tokens: 300, scopes: [small.name] } as const;
  await queues.enter({ ...waiting, requestId: 'req_1', acceptedAtMs: Date.now() - 60_000 });
  await queues.enter({ ...waiting, requestId: 'req_2', acceptedAtMs: Date.now() });
  await producer.enqueue('a', 'batch', { requestId: 'req_1', step: 0 });
  const state = await read();
  await producer.close();
  expect(state.jobs).toContainEqual({ provider: 'a', lane: 'batch', waiting: 1, active: 0, delayed: 0 });
  expect(state.jobs).toHaveLength(6);
  const [line] = state.waiting.filter(({ deployment, lane }) => deployment === 'a/m' && lane === 'batch');
  expect(line).toMatchObject({ provider: 'a', requests: 2, tokens: 600 });
  expect(line!.oldestMs).toBeGreaterThanOrEqual(60_000);
  expect(state.waiting.filter(({ requests }) => requests > 0)).toHaveLength(1);
});

test('reports limits in force, configured and learned, and their use', async () => {
  const { read } = openFleet();
  const limiter = createLimiter(redis.client, keyspace);
  const permit = { attemptId: 'req_1.1', requestId: 'req_1', acceptedAtMs: 1, isBatch: false, unsettledEntry: '{}' };
  await limiter.acquire({ ...permit, scopes: [provider.scope, small], tokens: 250 });
  await limiter.block(provider.scope.name, 30_000);
  const hint = { limitRequests: 50, remainingRequests: 10, resetRequestsMs: 60_000 };
  learned.teach(catalogue.deployments.get('b/*')!.scope, hint);
  await waitFor('the limit to be learned', async () => (await redis.client.hlen(keyspace.learnedLimits)) === 1);
  const { scopes } = await read();
  const ofProvider = scopes.find(({ scope }) => scope === provider.scope.name)!;
  expect(ofProvider.limits).toEqual([
    { kind: 'tokensPerMinute', limit: 1_000, source: 'configured', used: 250 },
    { kind: 'concurrency', limit: 4, source: 'configured', used: 1 },
  ]);
  expect(ofProvider.blockedMs).toBeGreaterThan(20_000);
  expect(scopes.find(({ scope }) => scope === small.name)!.limits).toMatchObject([{ used: 1 }]);
  expect(scopes.find(({ scope }) => scope === 'credential:c/first')!.limits).toMatchObject([{ limit: 9, used: 0 }]);
  const ofWildcard = scopes.find(({ scope }) => scope === 'deployment:b/*')!;
  expect(ofWildcard.limits).toMatchObject([{ kind: 'requestsPerMinute', limit: 50, source: 'learned' }]);
});

test('reports circuits that are not closed, those of a wildcard’s models together', async () => {
  const { read } = openFleet();
  const circuits = createCircuits(redis.client, keyspace, fail);
  const settings = {
    failures: 1,
    windowMs: 1_000,
    cooldownMs: 60_000,
    maxCooldownMs: 60_000,
    refusalCooldownMs: 60_000,
  };
  for (const name of ['a/m', 'b/x', 'b/y', 'credential:c/first/c/m'])
    circuits.reportFailure(name, settings, 'refusal', 'upstream_credential_refused', 0);
  await waitFor('four open circuits', async () => (await redis.client.hlen(keyspace.openCircuits)) === 4);
  await redis.client.hset(keyspace.openCircuits, 'b/y', Date.now() - 1);
  const state = await read();
  expect(state.credentials).toEqual([
    { provider: 'c', credential: 'first', open: 1, halfOpen: 0 },
    { provider: 'c', credential: 'second', open: 0, halfOpen: 0 },
  ]);
  expect(state.circuits).toEqual([
    { provider: 'a', deployment: 'a/m', open: 1, halfOpen: 0 },
    { provider: 'b', deployment: 'b/*', open: 1, halfOpen: 1 },
  ]);
});

test.each([
  ['a/m', 'm', 'a/m', true],
  ['a/m', 'm', 'a/m2', false],
  ['a/*', '*', 'a/anything/else', true],
  ['a/*', '*', 'a/', false],
  ['a/ft-*-x', 'ft-*-x', 'a/ft-1-x', true],
  ['named', '*', 'named/model', true],
  ['named', '*', 'names/model', false],
])('%s of %s has the circuit %s: %s', (id, upstreamModel, circuit, isIts) => {
  expect(isCircuitOf({ id, upstreamModel }, circuit)).toBe(isIts);
});

test('reports the budgets that are most used, with reservations subtracted', async () => {
  const { read } = openFleet();
  const store = createKeyStore(database);
  const { key } = await store.create('spender', { budgets: { month: '2000000000000' } });
  await store.create('never used', { budgets: { total: '1000000000000' } });
  await store.create('without', {});
  const budgets = createBudgets(redis.client, keyspace, createBudgetReader(database));
  const now = Date.now();
  await budgets.reserve(key, { requestId: 'req_1', cost: 500_000_000_000n, acceptedAtMs: now, untilMs: now + 60_000 });
  expect((await read()).budgets).toEqual([{ account: key.id, period: 'month', limitUsd: 2, leftUsd: 1.5 }]);
});

test('is read at most once a second, however many ask', async () => {
  const { read } = openFleet();
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  try {
    const first = read();
    expect(read()).toBe(first);
    await first;
    nowMs += 1_000;
    expect(read()).toBe(first);
    nowMs += 1;
    expect(read()).not.toBe(first);
    await read();
  } finally {
    clock.mockRestore();
  }
});
