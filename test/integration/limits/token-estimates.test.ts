// The usual size of a model's calls is learned, shared with other processes and stored.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLimiter } from '#src/limits/limiter.ts';
import { createTokenEstimates } from '#src/limits/token-estimates.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());

const fail = (error: Error) => {
  throw error;
};

test('limits are used well if answers end before their bound and prompts are longer than estimated', async () => {
  const first = createTokenEstimates(redis.client, keyspace, fail);
  const second = createTokenEstimates(redis.client, keyspace, fail);
  const reserved = { inputTokens: 100, outputTokens: 4_000 };
  expect(first.expect('a/m', reserved)).toEqual(reserved);
  for (let n = 0; n < 100; n++)
    first.learn('a/m', reserved, { inputTokens: 120, outputTokens: n % 2 === 0 ? 90 : 110 });
  const { inputTokens, outputTokens } = first.expect('a/m', reserved);
  expect(inputTokens).toBe(120);
  expect(outputTokens).toBeGreaterThan(100);
  expect(outputTokens).toBeLessThan(130);
  expect(first.expect('a/m', { ...reserved, outputTokens: 5 }).outputTokens).toBe(5);
  expect(first.expect('a/other', reserved)).toEqual(reserved);
  await first.exchange();
  expect(await redis.client.hlen(keyspace.tokenEstimates)).toBe(1);
  await second.exchange();
  expect(second.expect('a/m', reserved).inputTokens).toBe(120);
  await redis.client.hset(keyspace.tokenEstimates, 'a/odd', 'nonsense');
  await second.exchange();
  expect(second.expect('a/odd', reserved)).toEqual(reserved);
  first.stop();
  second.stop();
});

test('a learned limit of output tokens admits by the tokens actually written, and is corrected by them', async () => {
  const limiter = createLimiter(redis.client, keyspace);
  const scope = {
    name: 'model:a/m',
    limits: { outputTokensPerMinute: 1_000 },
    learned: ['outputTokensPerMinute'] as const,
  };
  const ask = (n: number) =>
    limiter.acquire({
      attemptId: `req_${n}.1`,
      requestId: `req_${n}`,
      scopes: [scope],
      acceptedAtMs: n,
      isBatch: false,
      tokens: 4_100,
      inputTokens: 100,
      outputTokens: 4_000,
      expected: { inputTokens: 100, outputTokens: 100 },
      unsettledEntry: '{}',
    });
  const decisions = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(n)));
  expect(decisions.filter(({ kind }) => kind === 'granted')).toHaveLength(10);
  const used = async () => (await limiter.peek(scope.name)).used.outputTokensPerMinute;
  expect(await used()).toBe(1_000);
  const first = decisions.find((decision) => decision.kind === 'granted')!;
  await limiter.settle(first.permit, { usedTokens: 140, usedInputTokens: 100, usedOutputTokens: 40, entry: '{}' });
  expect(await used()).toBe(940);
});
