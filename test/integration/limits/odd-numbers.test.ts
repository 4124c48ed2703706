// Symptom: a budget of 1 USD admitted 20 requests of 0.50 USD, and attempts were missing in the ledger. Cause: a script that
// had already written a reservation or closed an attempt then failed because of a number that Redis does not accept (-0, 0.5,
// 1e+21), and its writes remained. Fix: scripts compute before they write, and write whole numbers only.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiKey } from '#src/accounts/api-key.ts';
import { type Budgets, createBudgets } from '#src/accounts/budgets.ts';
import { createLimiter, type Limiter, type Permit, type PermitRequest } from '#src/limits/limiter.ts';
import { createWaitQueues, type WaitQueues } from '#src/limits/wait-queue.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { loadLuaScript } from '#src/storage/lua-script.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
const DEPLOYMENT = 'deployment:a/b';
/** Each was seen as a count of tokens, a charge or a client's max_tokens, or is what arithmetic makes of one. */
const ODD = [0, -0, 0.5, -1, 1.5, 1e15, 1e21, 1e30, -1e30, 1e308, Number.NaN, Infinity, -Infinity];

let redis: TestRedis;
let limiter: Limiter;
let queues: WaitQueues;
let budgets: Budgets;

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
  queues = createWaitQueues(redis.client, keyspace);
  budgets = createBudgets(redis.client, keyspace, { spentSince: async () => 0n });
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());

const key = { id: 'key_a', settings: { budgets: { total: '10000' } }, above: [], credits: null } as unknown as ApiKey;
const ACCOUNT = keyspace.budget('key_a:total');
const budget = () => redis.client.hgetall(ACCOUNT);
const inAnHour = () => Date.now() + 3_600_000;

async function heldFor(requestId: string, cost: bigint, untilMs = inAnHour()) {
  const reservation = await budgets.reserve(key, { requestId, cost, acceptedAtMs: 0, untilMs });
  return reservation.kind === 'reserved' ? reservation.reservation : null;
}

/** Amounts as they could be in a record, in Redis or in an argument. */
const ODD_AMOUNTS = ['-0', '0.5', '-1', '1e+21', 'NaN', 'Infinity', '', '9'.repeat(40)];

describe('a budget', () => {
  test('is charged for a request without a reservation', async () => {
    for (const id of ['one', 'two']) await budgets.settle((await heldFor(id, 0n))!, id, 5_000n);
    expect(await budget()).toEqual({ spent: '10000', held: '0' });
    expect(await heldFor('three', 1n)).toBeNull();
  });

  test('returns nothing for a negative cost', async () => {
    await budgets.settle((await heldFor('first', 100n))!, 'first', 3_000n);
    await budgets.settle((await heldFor('odd', -100n))!, 'odd', -5_000n);
    expect(await budget()).toEqual({ spent: '3000', held: '0' });
  });

  test.each(ODD_AMOUNTS)('stays an integer after a reservation of "%s"', async (amount) => {
    await budgets.settle((await heldFor('first', 100n))!, 'first', 3_000n);
    await budgets.settle({ parts: [{ account: 'key_a:total', amount }] }, 'odd', 10n);
    expect(await budget()).toEqual({ spent: '3000', held: '0' });
  });

  test.each([0n, 100n, 10_000n])('releases a reservation of %s when its time is over', async (cost) => {
    await heldFor('odd', cost, Date.now() - 1_000);
    expect(await heldFor('next', 10_000n)).not.toBeNull();
    expect(await budget()).toMatchObject({ held: '10000' });
  });

  test.each(ODD_AMOUNTS)('works if Redis has "%s" as its sum', async (spent) => {
    await redis.client.hset(ACCOUNT, { spent, held: '-0' });
    expect(await heldFor('any', 1n)).toBeNull();
  });

  test('adds picodollars exactly, far beyond what a double counts', async () => {
    const rich = { ...key, settings: { ...key.settings, budgets: { total: '400000000000000000000' } } };
    const costs = [1n, 999_999n, 1_000_000n, 123_456_789_012_345_678n, 9_007_199_254_740_993n, 10n ** 19n + 7n];
    let spent = 0n;
    for (const [index, cost] of costs.entries()) {
      const requestId = `${index}`;
      const request = { requestId, cost: cost + 5n, acceptedAtMs: 0, untilMs: inAnHour() };
      const reserved = await budgets.reserve(rich, request);
      if (reserved.kind !== 'reserved') throw new Error(reserved.kind);
      expect(await budget()).toEqual({ spent: spent.toString(), held: (cost + 5n).toString() });
      await budgets.settle(reserved.reservation, requestId, cost);
      spent += cost;
      expect(await budget()).toEqual({ spent: spent.toString(), held: '0' });
    }
    const limit = { ...key, settings: { ...key.settings, budgets: { total: (spent + 10n).toString() } } };
    const last = { requestId: 'last', acceptedAtMs: 0, untilMs: inAnHour() };
    expect(await budgets.reserve(limit, { ...last, cost: 11n })).toMatchObject({
      kind: 'exhausted',
      left: 10n,
      period: 'total',
    });
    expect(await budgets.reserve(limit, { ...last, cost: 10n })).toMatchObject({ kind: 'reserved' });
  });
});

const scopes = [
  { name: 'provider:a', limits: { requestsPerMinute: 1_000 } },
  { name: DEPLOYMENT, limits: { tokensPerMinute: 1e9, concurrency: 2 } },
];

function request(tokens: number, isBatch: boolean): PermitRequest {
  return {
    attemptId: 'odd.1',
    requestId: 'odd',
    scopes,
    acceptedAtMs: 1,
    isBatch,
    tokens,
    unsettledEntry: '{"unsettled":1}',
  };
}

async function acquire(tokens: number, isBatch = false): Promise<Permit> {
  const entry = { requestId: 'odd', acceptedAtMs: 1, lane: isBatch ? 'batch' : 'interactive', tokens } as const;
  await queues.enter({ ...entry, scopes: [DEPLOYMENT] });
  const decision = await limiter.acquire(request(tokens, isBatch));
  if (decision.kind !== 'granted') throw new Error(`refused: ${decision.reason}`);
  return decision.permit;
}

describe('an attempt', () => {
  test.each(ODD)('of %s tokens is opened completely, and leaves its wait queue', async (tokens) => {
    await acquire(tokens);
    expect(await redis.client.hkeys(keyspace.openAttempts)).toEqual(['odd.1']);
    const totals = await redis.client.hvals(keyspace.waitQueueTokens);
    expect(totals).toEqual(['0']);
  });

  test.each(ODD)('that used %s tokens is closed and recorded', async (usedTokens) => {
    for (const isBatch of [false, true]) {
      await redis.client.del(keyspace.scope(DEPLOYMENT).window);
      const permit = await acquire(100, isBatch);
      await limiter.settle(permit, { usedTokens, entry: '{"settled":1}' });
      expect(await redis.client.hlen(keyspace.openAttempts)).toBe(0);
      expect((await limiter.peek(DEPLOYMENT)).used.tokensPerMinute).toBeGreaterThanOrEqual(0);
    }
    const entries = await redis.client.xrange(keyspace.ledgerStream, '-', '+');
    expect(entries.map(([, fields]) => fields[1])).toEqual(['{"settled":1}', '{"settled":1}']);
    expect((await redis.client.hgetall(keyspace.scope(DEPLOYMENT).window))['+t']).toMatch(/^\d+$/);
  });

  test.each(ODD)('of %s tokens that never started leaves its wait queue', async (tokens) => {
    const entry = { requestId: 'odd', acceptedAtMs: 1, lane: 'interactive', tokens, scopes: [DEPLOYMENT] } as const;
    await queues.enter(entry);
    await queues.leave(entry);
    expect(await redis.client.hvals(keyspace.waitQueueTokens)).toEqual(['0']);
  });

  test('is in the ledger even if its window is damaged', async () => {
    const permit = await acquire(100);
    await redis.client.hset(keyspace.scope(DEPLOYMENT).window, '+t', 'nonsense');
    await limiter.settle(permit, { usedTokens: 50, entry: '{"settled":1}' }).catch(() => undefined);
    expect(await redis.client.xlen(keyspace.ledgerStream)).toBe(1);
  });
});

const LARGEST = 1e15;

/** As a script sees it: a number of Lua, made by arithmetic. */
async function digitsOf(expression: string, ...args: (string | number)[]): Promise<string> {
  const { source } = loadLuaScript(import.meta.url, './digits.lua');
  return (await redis.client.eval(source.replace('EXPRESSION', expression), 0, ...args)) as string;
}

test('every number is written as an integer that Redis accepts', async () => {
  let seed = 20_261_128;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const drawn = Array.from({ length: 500 }, () => (random() - 0.5) * 10 ** Math.floor(random() * 40));
  for (const value of [...ODD, ...drawn]) {
    const expected = Number.isNaN(value) ? 7 : Math.floor(Math.max(-LARGEST, Math.min(LARGEST, value))) + 0;
    const text = await digitsOf('whole(ARGV[1], 7)', String(value));
    expect(text, `of ${value}`).toBe(String(expected));
    await redis.client.hset('count', 'sum', 0);
    expect(await redis.client.hincrby('count', 'sum', text)).toBe(expected);
  }
  expect(await digitsOf('-tonumber(ARGV[1])', 0)).toBe('0');
  expect(await digitsOf('whole(ARGV[1], 7)', 'text')).toBe('7');
});
