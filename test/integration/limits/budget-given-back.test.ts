// Symptom: a request that got 503 kept its reservation for ten minutes; if its client returned with its idempotency key, its
// cost was never charged. Cause: a reservation was returned once, whether Redis accepted it or not, and the charge found no
// reservation. Fix: it is returned as soon as Redis accepts it, and leaves a mark with which a charge is still made.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiKey } from '#src/accounts/api-key.ts';
import { type Budgets, createBudgets } from '#src/accounts/budgets.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('test');
const KEY = { id: 'key', settings: { budgets: { total: '1000' } }, above: [], credits: null } as unknown as ApiKey;
const ACCOUNT = 'key:total';
const HOLD = { parts: [{ account: ACCOUNT, amount: '100' }] };
let redis: TestRedis;
let budgets: Budgets;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
  budgets = createBudgets(redis.client, keyspace, { spentSince: async () => 0n });
});

const state = async () => (await redis.client.hmget(keyspace.budget(ACCOUNT), 'spent', 'held')).map(Number);
const reserve = (requestId: string, untilMs = Date.now() + 60_000) =>
  budgets.reserve(KEY, { requestId, cost: 100n, acceptedAtMs: 0, untilMs });

test('nothing stays reserved for a released request', async () => {
  await reserve('one');
  await budgets.giveBack(HOLD, 'one');
  await budgets.giveBack(HOLD, 'one');
  expect(await state()).toEqual([0, 0]);
});

test('a released request that ran anyway is charged once, without using others’ reservations', async () => {
  await Promise.all([reserve('one'), reserve('other')]);
  await budgets.giveBack(HOLD, 'one');
  await budgets.settle(HOLD, 'one', 40n);
  await budgets.settle(HOLD, 'one', 40n);
  expect(await state()).toEqual([40, 100]);
});

test('a charged request cannot be released', async () => {
  await reserve('one');
  await budgets.settle(HOLD, 'one', 40n);
  await budgets.giveBack(HOLD, 'one');
  await budgets.settle(HOLD, 'one', 40n);
  expect(await state()).toEqual([40, 0]);
});

test('marks expire at their deadline', async () => {
  await reserve('one', Date.now() + 1);
  await budgets.giveBack(HOLD, 'one');
  await waitFor('the deadline', async () => {
    await reserve('other');
    return (await redis.client.zcard(`${keyspace.budget(ACCOUNT)}:reservations`)) === 1;
  });
  expect(await state()).toEqual([0, 100]);
});
