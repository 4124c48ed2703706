// Budgets compared with a small model: reservations, settlements and returns, concurrently or in sequence, for a key and its
// project. Reservations never exceed a budget; spending exceeds it at most by the cost of requests beyond their estimates.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Account, type ApiKey, DEFAULT_KEY_SETTINGS } from '#src/accounts/api-key.ts';
import { type Budgets, createBudgets } from '#src/accounts/budgets.ts';
import type { BudgetReservation } from '#src/contracts/request-record.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { explore } from '#test/support/runs.ts';

const RUNS = 25;
const keyspace = createKeyspace('test');
let redis: TestRedis;
let budgets: Budgets;

beforeAll(async () => {
  redis = await startTestRedis();
  budgets = createBudgets(redis.client, keyspace, { spentSince: async () => 0n });
});
afterAll(() => redis.stop());

const keyWith = (own: bigint, ofProject: bigint | null): ApiKey => {
  const project = {
    id: 'proj',
    kind: 'project',
    settings: { ...DEFAULT_KEY_SETTINGS, budgets: { total: String(ofProject) } },
  } as unknown as Account;
  return {
    id: 'key',
    settings: { ...DEFAULT_KEY_SETTINGS, budgets: { total: own.toString() } },
    above: ofProject === null ? [] : [project],
    credits: null,
  } as unknown as ApiKey;
};

const stateOf = async (account: string) => {
  const [spent, held] = await redis.client.hmget(keyspace.budget(account), 'spent', 'held');
  return { spent: BigInt(spent ?? 0), held: BigInt(held ?? 0) };
};

let counter = 0;
async function reserve(key: ApiKey, cost: bigint): Promise<{ id: string; hold: BudgetReservation } | null> {
  counter += 1;
  const id = `req_${counter}`;
  const result = await budgets.reserve(key, { requestId: id, cost, acceptedAtMs: 0, untilMs: Date.now() + 600_000 });
  return result.kind === 'reserved' ? { id, hold: result.reservation } : null;
}

test('200 at once on a budget for 30: 30 pass, and only their cost above the estimates exceeds it', async () => {
  await redis.client.flushall();
  const key = keyWith(3_050n, null);
  const results = await Promise.all(Array.from({ length: 200 }, () => reserve(key, 100n)));
  const passed = results.filter((result) => result !== null);
  expect(passed).toHaveLength(30);
  await Promise.all(passed.map(({ id, hold }) => budgets.settle(hold, id, 130n)));
  expect(await stateOf('key:total')).toEqual({ spent: 3_900n, held: 0n });
  expect(await reserve(key, 1n)).toBeNull();
});

const step = fc.record({
  what: fc.constantFrom('reserve', 'reserve', 'settle', 'give back'),
  /** So many at once. */
  count: fc.integer({ min: 1, max: 6 }),
  estimate: fc.bigInt({ min: 0n, max: 400n }),
  /** Of the estimate, percent. */
  cost: fc.bigInt({ min: 0n, max: 250n }),
});
const scenario = fc.record({
  own: fc.bigInt({ min: 0n, max: 3_000n }),
  ofProject: fc.option(fc.bigInt({ min: 0n, max: 2_000n })),
  steps: fc.array(step, { maxLength: 25 }),
});

async function run({ own, ofProject, steps }: typeof scenario extends fc.Arbitrary<infer T> ? T : never) {
  await redis.client.flushall();
  const key = keyWith(own, ofProject);
  const limit = ofProject === null || own < ofProject ? own : ofProject;
  const open: { id: string; hold: BudgetReservation; estimate: bigint }[] = [];
  const model = { spent: 0n, held: 0n, beyond: 0n };
  for (const { what, count, estimate, cost } of steps) {
    if (what === 'reserve') {
      const results = await Promise.all(Array.from({ length: count }, () => reserve(key, estimate)));
      for (const result of results) {
        const fits = model.spent + model.held + estimate <= limit;
        expect(result !== null, JSON.stringify({ model, estimate, limit }, bigints)).toBe(fits);
        if (result === null) continue;
        model.held += estimate;
        open.push({ ...result, estimate });
      }
    } else {
      const ended = open.splice(0, count);
      const costOf = (one: { estimate: bigint }) => (one.estimate * cost) / 100n;
      await Promise.all(
        ended.map(({ id, hold, ...one }) =>
          what === 'settle' ? budgets.settle(hold, id, costOf(one)) : budgets.giveBack(hold, id),
        ),
      );
      for (const one of ended) {
        model.held -= one.estimate;
        if (what !== 'settle') continue;
        model.spent += costOf(one);
        model.beyond += costOf(one) > one.estimate ? costOf(one) - one.estimate : 0n;
      }
    }
    expect(model.spent).toBeLessThanOrEqual(limit + model.beyond);
    const accounts = ofProject === null ? ['key:total'] : ['key:total', 'proj:total'];
    if (counter === 0 || model.spent + model.held === 0n) continue;
    for (const account of accounts) {
      expect(await stateOf(account)).toEqual({ spent: model.spent, held: model.held });
    }
  }
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);

test('budgets are reserved and spent as in the model', async () => {
  await fc.assert(fc.asyncProperty(scenario, run), explore(RUNS));
});
