// What one process is told by a provider holds for all, from what the provider has counted on.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Scope } from '#src/contracts/scope.ts';
import { createLearnedLimits, type LearnedLimits } from '#src/limits/learned-limits.ts';
import { createLimiter, type Limiter, type Permit } from '#src/limits/limiter.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
const scope: Scope = { name: 'deployment:a/m', limits: {} };
const half: RateLimitHint = { limitRequests: 200, remainingRequests: 80, resetRequestsMs: 30_000 };
let redis: TestRedis;
let limiter: Limiter;
const running: LearnedLimits[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
});
afterAll(async () => {
  for (const learned of running) learned.stop();
  await redis.stop();
});
beforeEach(() => redis.client.flushall());

async function start(): Promise<LearnedLimits> {
  const learned = await createLearnedLimits(redis.client, keyspace, (error) => {
    throw error;
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

test('a limit that is near is kept to, by every process, from where the provider stands', async () => {
  const [first, second] = [await start(), await start()];
  first!.teach(scope, half);
  expect(first!.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
  await written(200);
  expect(second!.scopeOf(scope)).toBe(scope);
  await second!.refresh();
  expect(second!.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
  expect((await limiter.peek(scope.name)).used.requestsPerMinute).toBe(120);
  expect(await grantedOf(90, second!.scopeOf(scope))).toBe(80);
});

test('it is there after a restart', async () => {
  (await start()).teach(scope, half);
  await written(200);
  expect((await start()).scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
});

test('one that is far away costs nothing', async () => {
  const learned = await start();
  learned.teach(scope, { limitRequests: 10_000, remainingRequests: 9_000 });
  expect(learned.scopeOf(scope)).toBe(scope);
  expect(learned.all()).toEqual([]);
});

test('one that is halved or doubled is followed at once', async () => {
  const learned = await start();
  learned.teach(scope, half);
  learned.teach(scope, { limitRequests: 100, remainingRequests: 0 });
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 100 });
  await written(100);
  learned.teach(scope, { limitRequests: 1_000, remainingRequests: 900 });
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 1_000 });
});

test('what is configured comes first, of the scope and around it', async () => {
  const learned = await start();
  learned.teach(scope, half);
  const own: Scope = { name: scope.name, limits: { requestsPerMinute: 500 } };
  expect(learned.scopeOf(own, own.limits)).toBe(own);
  const other = await start();
  await written(200);
  await other.refresh();
  expect(other.scopeOf(scope, { requestsPerMinute: 900 })).toBe(scope);
});

test('it is forgotten with time: first not in force any more, then gone', async () => {
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
      await limiter.leave(asked.requestId, asked.scopes);
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

/** The first refusal begins to count; what is said is as if that had been a while ago. */
const countedFor = (limit: number, refused: number, changedMs: number) =>
  redis.client.hset(
    keyspace.learnedLimits,
    `concurrency ${scope.name}`,
    `${limit} ${Date.now()} ${refused} ${Date.now() - changedMs}`,
  );

test('calls at once are counted from the first refusal on, and limited from the second', async () => {
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

test('more are tried while all are used, slowly above what was refused', async () => {
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

test('what only a refusal names is shown and not kept to, until an answer announces it', async () => {
  const learned = await start();
  learned.teach(scope, { said: { limitRequests: 60, remainingRequests: 0 } });
  await written(60);
  expect(learned.all()).toMatchObject([{ limit: 60, isSaid: true, isInForce: false }]);
  expect(learned.scopeOf(scope)).toBe(scope);
  const other = await start();
  await other.refresh();
  expect(other.all()).toMatchObject([{ limit: 60, isSaid: true, isInForce: false }]);
  expect(other.scopeOf(scope)).toBe(scope);
  expect(await redis.client.exists(keyspace.scope(scope.name).window)).toBe(0);
  learned.teach(scope, half);
  await written(200);
  learned.teach(scope, { said: { limitRequests: 60, remainingRequests: 0 } });
  expect(learned.scopeOf(scope).limits).toEqual({ requestsPerMinute: 200 });
});
