// The short form of `npm run bench:memory`: traffic of every kind, including failures, leaves no key in Redis.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '#test/support/wait.ts';
import { countKeys, growth } from '../../bench/chaos/check-redis.ts';
import { openStage, type Stage } from '../../bench/memory/traffic.ts';

const WARM_UP = 200;
const REQUESTS = 1_000;
/** What expires by itself may take so long. */
const SETTLE_LIMIT_MS = 10_000;

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
});

test('the number of keys in Redis returns to its initial value', { timeout: 120_000 }, async () => {
  await stage.run(WARM_UP);
  await stage.drained();
  const before = await countKeys(stage.broker.redis.client);
  const statuses = await stage.run(REQUESTS);
  expect(Object.keys(statuses).sort()).toEqual(expect.arrayContaining(['200', '202', '400']));
  await stage.drained();
  await waitFor(
    'Redis to be as it was',
    async () => growth(before, await countKeys(stage.broker.redis.client)).length === 0,
    SETTLE_LIMIT_MS,
  ).catch(() => undefined);
  expect(growth(before, await countKeys(stage.broker.redis.client))).toEqual([]);
});
