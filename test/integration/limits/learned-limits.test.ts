// A limit that a provider announces to one process applies to all, starting from the provider's own count.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Scope } from '#src/contracts/scope.ts';
import { createLearnedLimits, type LearnedLimits } from '#src/limits/learned-limits.ts';
import { createLimiter, type Limiter, type Permit } from '#src/limits/limiter.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
const scope: Scope = { name: 'deployment:a/m', limits: {} };
const half: RateLimitHint = { limitRequests: 200, remainingRequests: 80, resetRequestsMs: 30_000 };
let redis: TestRedis;
let limiter: Limiter;
const running: LearnedLimits[] = [];
const subscriptions: RedisClient[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
});
afterAll(async () => {
  for (const learned of running) learned.stop();
  for (const subscription of subscriptions) subscription.disconnect();
  await redis.stop();
});
beforeEach(() => redis.client.flushall());

async function start(): Promise<LearnedLimits> {
  const subscription = redis.client.duplicate();
  subscriptions.push(subscription);
  const learned = await createLearnedLimits({
    redis: redis.client,
    subscription,
    keyspace,
    onError: (error) => {
      throw error;
    },
  });
  running.push(learned);
  return learned;
}

const written = (limit: number) =>
  expect.poll(() => redis.client.hget(keyspace.learnedLimits, `requestsPerMinute ${scope.name}`)).toMatch(`${limit} `);

let counter = 0;
function request(number: number) {
  return {
    attemptId: `req_${number}.1`,
    requestId: `req_${number}`,
    acceptedAtMs: number,
    isBatch: false,
    tokens: 0,
    unsettledEntry: '',
  };
}

async function grantedOf(count: number, asked: Scope): Promise<number> {
  const decisions = await Promise.all(
    Array.from({ length: count }, () => {
      counter += 1;
      return limiter.acquire({ ...request(counter), scopes: [asked] });
    }),
  );
  return decisions.filter(({ kind }) => kind === 'granted').length;
}

test('a limit that is nearly reached is enforced by every process, from the provider’s current count', async () => {
  const [first, second] = [await start(), await start()];
  first!.teach(scope, half);
  expect(first!.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
  await written(200);
  await second!.refresh();
  expect(second!.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
  expect((await limiter.peek(scope.name)).used.requestsPerMinute).toBe(120);
  expect(await grantedOf(90, second!.scopeOf(scope))).toBe(80);
});

test('use by others is counted again as soon as little is left', async () => {
  const learned = await start();
  learned.teach(scope, half);
  await written(200);
  const used = async () => (await limiter.peek(scope.name)).used.requestsPerMinute;
  learned.teach(scope, { ...half, remainingRequests: 10 });
  await redis.client.ping();
  expect(await used()).toBe(120);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_100 });
  learned.teach(scope, { ...half, remainingRequests: 10 });
  vi.useRealTimers();
  await expect.poll(used).toBe(190);
});

test('use from before the limit was enforced leaves the window when it leaves the provider’s', async () => {
  const learned = await start();
  const beganMs = Date.now();
  for (const [agoMs, used] of [
    [40_000, 0],
    [30_000, 20],
    [20_000, 60],
    [10_000, 90],
  ] as const) {
    vi.useFakeTimers({ toFake: ['Date'], now: beganMs - agoMs });
    learned.teach(scope, { ...half, remainingRequests: 200 - used });
  }
  vi.useRealTimers();
  learned.teach(scope, half);
  await written(200);
  const { used, leaving } = await limiter.peek(scope.name);
  expect(used.requestsPerMinute).toBe(120);
  const inSeconds = leaving.requestsPerMinute.map(({ inMs, amount }) => [Math.round(inMs / 10_000) * 10, amount]);
  expect(inSeconds).toEqual([
    [30, 20],
    [40, 40],
    [50, 30],
    [60, 30],
  ]);
  expect(await grantedOf(100, learned.scopeOf(scope))).toBe(80);
});

test('it is there after a restart', async () => {
  (await start()).teach(scope, half);
  await written(200);
  expect((await start()).scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
});

test('a limit that is far from reached costs nothing', async () => {
  const learned = await start();
  learned.teach(scope, { limitRequests: 10_000, remainingRequests: 9_000 });
  expect(learned.scopeOf(scope)).toBe(scope);
  expect(learned.all()).toEqual([]);
});

test('a limit that is halved or doubled is followed at once', async () => {
  const learned = await start();
  learned.teach(scope, half);
  learned.teach(scope, { limitRequests: 100, remainingRequests: 0 });
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 100 });
  await written(100);
  learned.teach(scope, { limitRequests: 1_000, remainingRequests: 900 });
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 1_000 });
});

test('configured limits take precedence, of the scope and of those around it', async () => {
  const learned = await start();
  learned.teach(scope, half);
  const own: Scope = { name: scope.name, limits: { requestsPerMinute: 500 } };
  expect(learned.scopeOf(own, own.limits)).toBe(own);
  const other = await start();
  await written(200);
  await other.refresh();
  expect(other.scopeOf(scope, { requestsPerMinute: 900 })).toBe(scope);
});

test('it is forgotten over time: first no longer enforced, then deleted', async () => {
  const set = (agoMs: number) =>
    redis.client.hset(keyspace.learnedLimits, `requestsPerMinute ${scope.name}`, `200 ${Date.now() - agoMs}`);
  const learned = await start();
  await set(700_000);
  await learned.refresh();
  expect(learned.all()).toMatchObject([{ limit: 200, isInForce: false }]);
  expect(learned.scopeOf(scope)).toBe(scope);
  await set(90_000_000);
  await learned.refresh();
  expect(learned.all()).toEqual([]);
  expect(await redis.client.hlen(keyspace.learnedLimits)).toBe(0);
});

/** A provider that bears so many calls at once; each ends when the next of a full house begins. */
async function callsAtOnce(learned: LearnedLimits, bearable: number, rounds: number) {
  let refusals = 0;
  let most = 0;
  const held: Permit[] = [];
  const end = async (permit: Permit) => limiter.settle(permit, { usedTokens: 0, entry: null });
  for (let round = 0; round < rounds; round++) {
    counter += 1;
    const asked = { ...request(counter), scopes: [learned.scopeOf(scope)] };
    const decision = await limiter.acquire(asked);
    if (decision.kind === 'denied') {
      await limiter.leave(asked, asked.scopes);
      await end(held.shift()!);
      learned.served(scope);
    } else if (held.length >= bearable) {
      refusals += 1;
      learned.refused(scope);
      await expect.poll(() => redis.client.hexists(keyspace.learnedLimits, `concurrency ${scope.name}`)).toBe(1);
      await end(decision.permit);
      await end(held.shift()!);
    } else held.push(decision.permit);
    most = Math.max(most, held.length);
  }
  for (const permit of held) await end(permit);
  return { refusals, most };
}

/** The first refusal starts counting; the limit is then announced as if that had been some time ago. */
const countedFor = (limit: number, refused: number, changedMs: number) =>
  redis.client.hset(
    keyspace.learnedLimits,
    `concurrency ${scope.name}`,
    `${limit} ${Date.now()} ${refused} ${Date.now() - changedMs}`,
  );

test('concurrent calls are counted from the first refusal on, and limited from the second', async () => {
  const learned = await start();
  learned.refused(scope);
  await expect.poll(() => learned.scopeOf(scope).limits.concurrency).toBe(1_000_000);
  expect(learned.all()).toEqual([]);
  await countedFor(1_000_000, 1_000_000, 3_000);
  await learned.refresh();
  const { refusals, most } = await callsAtOnce(learned, 10, 60);
  expect(most).toBe(10);
  expect(refusals).toBe(1);
  await expect.poll(() => learned.all()).toMatchObject([{ kind: 'concurrency', limit: 10 }]);
});

test('more are tried while all are used, slowly above the refused level', async () => {
  const learned = await start();
  const served = async () => {
    learned.served(scope);
    await learned.refresh();
  };
  await countedFor(10, 15, 3_000);
  await learned.refresh();
  await served();
  expect(learned.scopeOf(scope).limits.concurrency).toBe(10);
  await grantedOf(10, learned.scopeOf(scope));
  const other = await start();
  other.served(scope);
  await expect
    .poll(async () => (await redis.client.hget(keyspace.learnedLimits, `concurrency ${scope.name}`))!)
    .toMatch(/^11 /);
  await countedFor(10, 11, 3_000);
  (await start()).served(scope);
  await (await start()).refresh();
  expect(await redis.client.hget(keyspace.learnedLimits, `concurrency ${scope.name}`)).toMatch(/^10 /);
  await countedFor(10, 11, 61_000);
  (await start()).served(scope);
  await expect
    .poll(async () => (await redis.client.hget(keyspace.learnedLimits, `concurrency ${scope.name}`))!)
    .toMatch(/^11 /);
});

const SAID: RateLimitHint = { said: { limitRequests: 60, remainingRequests: 0 } };
const COUNTED = { requests: 1, tokens: 10, inputTokens: 5, outputTokens: 5 };
const fieldOfSaid = `requestsPerMinute ${scope.name}`;
const saidAgo = (countedForMs: number, times: number) =>
  redis.client.hset(
    keyspace.learnedLimits,
    fieldOfSaid,
    `60 ${Date.now() - 5_000} said ${Date.now() - countedForMs} ${times}`,
  );
const said = async () => (await redis.client.hget(keyspace.learnedLimits, fieldOfSaid))!.split(' ').map(Number).at(-1);

/** A refusal after so many calls of the last minute that were served, of which the first began so long ago. */
async function refusedAfter(served: number, waitMs?: number): Promise<LearnedLimits> {
  const learned = await start();
  expect(await grantedOf(served + 1, learned.scopeOf(scope))).toBe(served + 1);
  learned.teach(scope, SAID, { waitMs, counted: COUNTED });
  // Its command was sent before.
  await redis.client.ping();
  await learned.refresh();
  return learned;
}

test('a limit named only by a refusal is shown and counted but not enforced until an answer announces it', async () => {
  const learned = await start();
  learned.teach(scope, SAID, { counted: COUNTED });
  await written(60);
  await learned.refresh();
  expect(learned.all()).toMatchObject([{ limit: 60, isSaid: true, isInForce: false }]);
  expect(await grantedOf(100, learned.scopeOf(scope))).toBe(100);
  expect((await limiter.peek(scope.name)).used.requestsPerMinute).toBe(100);
  learned.teach(scope, { ...half, limitRequests: 300 });
  await written(300);
  learned.teach(scope, SAID, { counted: COUNTED });
  await redis.client.ping();
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 300 });
});

test.each<[string, number, number, number | undefined, number, boolean]>([
  ['two refusals of a full window', 1, 60, 58_000, 2, true],
  ['without a wait, too', 1, 57, undefined, 2, true],
  ['one refusal of a full window is not enough', 0, 60, 58_000, 1, false],
  ['a wait that is far too short: it is refilled bit by bit', 1, 60, 1_000, 1, false],
  ['far below it: somebody else, or a fault', 1, 10, 58_000, 0, false],
  ['far above it: a limit of something else', 1, 100, 58_000, 1, false],
])('a limit that refusals name is enforced once they arrive when it is used up: %s', async (...row) => {
  const [, before, served, waitMs, times, isKept] = row;
  await saidAgo(70_000, before);
  const learned = await refusedAfter(served, waitMs);
  expect(await said()).toBe(times);
  expect(learned.all()).toMatchObject([{ limit: 60, isSaid: true, isInForce: isKept }]);
  expect(learned.scopeOf(scope).limits.requestsPerMinute! <= 60).toBe(isKept);
});

test('an enforced limit is given up after a refusal far below it, and after ten minutes without one', async () => {
  await saidAgo(70_000, 2);
  expect((await start()).all()).toMatchObject([{ isInForce: true }]);
  expect((await refusedAfter(3)).all()).toMatchObject([{ isInForce: false }]);
  await redis.client.hset(keyspace.learnedLimits, fieldOfSaid, `60 ${Date.now() - 601_000} said 1 2`);
  const learned = await start();
  expect(learned.all()).toMatchObject([{ limit: 60, isInForce: false }]);
  expect(learned.scopeOf(scope)).toBe(scope);
});

test('nothing is concluded while its use is not yet counted for a whole minute', async () => {
  await saidAgo(30_000, 0);
  await refusedAfter(60, 58_000);
  expect(await said()).toBe(0);
});

test('a change reaches every process at once', async () => {
  const [first, second] = [await start(), await start()];
  first!.teach(scope, half);
  await expect.poll(() => second!.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
  first!.refused(scope);
  await expect.poll(() => second!.scopeOf(scope).limits.concurrency).toBe(1_000_000);
  const before = second!.scopeOf(scope);
  first!.teach(scope, { limitRequests: 100, remainingRequests: 0 });
  await expect.poll(() => second!.current(before).limits.requestsPerMinute).toBe(100);
});

test('running calls are counted from the first refusal on, and return their places', async () => {
  const held = await limiter.acquire({ ...request(7_001), scopes: [scope] });
  if (held.kind !== 'granted') throw new Error('not granted');
  await limiter.countCalls([held.permit], scope.name);
  expect((await limiter.peek(scope.name)).inFlight).toBe(1);
  await limiter.settle(held.permit, { usedTokens: 0, entry: null });
  await limiter.renew([held.permit]);
  expect((await limiter.peek(scope.name)).inFlight).toBe(0);
});

test('a refused call does not count in a learned limit, but counts in a configured one', async () => {
  const learned: Scope = { name: 'model:a/x', limits: { requestsPerMinute: 10 }, learned: ['requestsPerMinute'] };
  const configured: Scope = { name: 'deployment:a/x', limits: { requestsPerMinute: 10 } };
  const decision = await limiter.acquire({ ...request(7_002), scopes: [learned, configured] });
  if (decision.kind !== 'granted') throw new Error('not granted');
  await limiter.settle(decision.permit, { usedTokens: 0, isRefused: true, entry: null });
  const used = async ({ name }: Scope) => (await limiter.peek(name)).used.requestsPerMinute;
  expect([await used(learned), await used(configured)]).toEqual([0, 1]);
});
