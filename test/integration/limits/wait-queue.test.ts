import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { turnOrder } from '#src/contracts/turn.ts';
import { createLimiter, type Limiter, type PermitRequest } from '#src/limits/limiter.ts';
import { createWaitQueues, type WaitEntry, type WaitQueues } from '#src/limits/wait-queue.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
let redis: TestRedis;
let queues: WaitQueues;
let limiter: Limiter;

beforeAll(async () => {
  redis = await startTestRedis();
  queues = createWaitQueues(redis.client, keyspace);
  limiter = createLimiter(redis.client, keyspace);
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());

const DEPLOYMENT = 'deployment:a/b';
const KEY = 'key:k';

const entry = (number: number, change: Partial<WaitEntry> = {}): WaitEntry => ({
  requestId: `req_${number}`,
  acceptedAtMs: Date.now() + number,
  lane: 'interactive',
  tokens: 100,
  scopes: [DEPLOYMENT],
  ...change,
});

const permitOf = ({ requestId, acceptedAtMs, tokens, scopes }: WaitEntry): PermitRequest => ({
  attemptId: `${requestId}.1`,
  requestId,
  scopes: [{ name: 'provider:a', limits: {} }, ...scopes.map((name) => ({ name, limits: { concurrency: 2 } }))],
  acceptedAtMs,
  isBatch: false,
  tokens,
  unsettledEntry: '{}',
});

test('counts every request once, in every wait queue', async () => {
  await queues.enter(entry(1));
  await queues.enter(entry(1));
  const totals = await queues.enter(entry(2, { scopes: [DEPLOYMENT, KEY] }));
  expect(totals).toEqual([
    { requests: 2, tokens: 200 },
    { requests: 1, tokens: 100 },
  ]);
});

test('lanes have separate wait queues', async () => {
  await queues.enter(entry(1, { lane: 'batch' }));
  expect(await queues.enter(entry(2))).toEqual([{ requests: 1, tokens: 100 }]);
});

test('the order is the time of acceptance', async () => {
  for (const number of [3, 1, 2]) await queues.enter(entry(number, { acceptedAtMs: number }));
  expect(await queues.place(entry(3, { acceptedAtMs: 3 }), DEPLOYMENT)).toBe(2);
  expect(await queues.place(entry(9), DEPLOYMENT)).toBeNull();
});

test('a permit removes its request, a refusal does not', async () => {
  for (const number of [1, 2, 3]) await queues.enter(entry(number, { scopes: [DEPLOYMENT, KEY] }));
  const decisions = [];
  for (const number of [1, 2, 3]) {
    decisions.push(await limiter.acquire(permitOf(entry(number, { acceptedAtMs: number, scopes: [DEPLOYMENT, KEY] }))));
  }
  expect(decisions.map(({ kind }) => kind)).toEqual(['granted', 'granted', 'denied']);
  expect(await queues.enter(entry(3, { scopes: [DEPLOYMENT, KEY] }))).toEqual([
    { requests: 1, tokens: 100 },
    { requests: 1, tokens: 100 },
  ]);
});

test('a second permit of the same request removes no other request', async () => {
  await queues.enter(entry(1));
  await queues.enter(entry(2));
  await limiter.acquire(permitOf(entry(1)));
  await limiter.acquire({ ...permitOf(entry(1)), attemptId: 'req_1.2' });
  expect(await queues.enter(entry(3))).toEqual([{ requests: 2, tokens: 200 }]);
});

test('a request that leaves is no longer counted, and may leave twice', async () => {
  await queues.enter(entry(1));
  await queues.enter(entry(2));
  await queues.leave(entry(1));
  await queues.leave(entry(1));
  expect(await queues.enter(entry(2))).toEqual([{ requests: 1, tokens: 100 }]);
});

test('remains of a crash are found, long-waiting requests stay', async () => {
  const old = Date.now() - 60_000;
  await queues.enter(entry(1, { acceptedAtMs: old }));
  await queues.enter(entry(2, { acceptedAtMs: old }));
  await queues.enter(entry(3));
  const asked: string[] = [];
  const forgotten = await queues.forgetGone(async (ids) => {
    asked.push(...ids);
    return ids.map((id) => id === 'req_1');
  });
  expect(forgotten).toBe(1);
  expect(asked.sort()).toEqual(['req_1', 'req_2']);
  expect(await queues.enter(entry(4))).toEqual([{ requests: 3, tokens: 300 }]);
});

test('an empty wait queue leaves nothing behind', async () => {
  await queues.enter(entry(1));
  await queues.leave(entry(1));
  await queues.forgetGone(async () => []);
  expect(await redis.client.keys('*')).toEqual([]);
});

test('the request behind a permit is notified of its turn', async () => {
  const subscriber = redis.client.duplicate();
  const messages: string[] = [];
  subscriber.on('smessage', (_channel: string, message: string) => messages.push(message));
  await subscriber.ssubscribe(keyspace.freedChannel);
  const scope = { name: 'provider:a', limits: { concurrency: 1 } };
  const ask = (number: number) =>
    limiter.acquire({ ...permitOf(entry(number, { acceptedAtMs: number })), scopes: [scope] });
  const first = await ask(1);
  await ask(2);
  await ask(3);
  if (first.kind !== 'granted') throw new Error('not granted');
  await limiter.settle(first.permit, { usedTokens: 0, entry: null });
  expect((await ask(2)).kind).toBe('granted');
  await expect.poll(() => messages).toContain(`provider:a\n${turnOrder(3)} req_3 -`);
  subscriber.disconnect();
});
