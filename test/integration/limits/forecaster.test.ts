// A forecast considers the same scopes as a permit: provider, credential, deployment, model, key, project, organisation.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { type ConfigurationInput, configurationSchema } from '#src/config/schema.ts';
import type { Limits, Scope } from '#src/contracts/scope.ts';
import { turnOrder } from '#src/contracts/turn.ts';
import { createForecaster, type ForecastQuestion } from '#src/limits/forecaster.ts';
import { createLimiter, type Limiter } from '#src/limits/limiter.ts';
import { createWaitQueues, ownersOf, type WaitQueues, waitEntry } from '#src/limits/wait-queue.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { responseSpec } from '#test/support/response-spec.ts';

const keyspace = createKeyspace('test');
const MINUTE_MS = 60_000;
let redis: TestRedis;
let limiter: Limiter;
let waitQueues: WaitQueues;

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
  waitQueues = createWaitQueues(redis.client, keyspace);
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());

const waitingSpec = (requestId: string) =>
  responseSpec({}, { requestId, acceptedAtMs: Date.now(), deadlineAtMs: Date.now() + 10 * MINUTE_MS });
const provider = { protocols: ['openai-chat' as const], base_url: 'http://127.0.0.1:1/v1' };
const catalogueOf = (providers: ConfigurationInput['providers'], model: string) =>
  createCatalogue(configurationSchema.parse({ providers, models: { m: { deployments: [{ provider: 'a', model }] } } }));
const PLAIN = catalogueOf({ a: provider }, 'm');
const POOL = catalogueOf({ a: { ...provider, credentials: { one: { api_key: 'x' }, two: { api_key: 'y' } } } }, 'm');
const WILDCARD = createCatalogue(
  configurationSchema.parse({
    providers: { a: provider },
    models: { 'a/*': { deployments: [{ provider: 'a', model: '*' }] } },
  }),
);

function ask(catalogue: typeof PLAIN, spec: Partial<ForecastQuestion['spec']>, upstreamModel = 'm') {
  const deployment = [...catalogue.deployments.values()][0]!;
  const step = { deployment: deployment.id, provider: 'a', upstreamModel, model: 'm' };
  const question = { spec: { ...waitingSpec('req_asked'), ...spec }, step, deployment };
  return createForecaster(redis.client, keyspace, catalogue).ask(question);
}

const scope = (name: string, limits: Limits): Scope => ({ name, limits });
const KEY = scope('key:k', { requestsPerMinute: 1_000 });
const PROJECT = scope('project:p', { requestsPerMinute: 2 });
const ORGANISATION = scope('organisation:o', { tokensPerMinute: 500 });

/** So many calls of a hundred tokens each, now. */
async function use(count: number, ...scopes: Scope[]): Promise<void> {
  for (let n = 0; n < count; n++) {
    const names = { attemptId: `req_used${n}.1`, requestId: `req_used${n}` };
    await limiter.acquire({ ...names, scopes, acceptedAtMs: n, isBatch: false, tokens: 100, unsettledEntry: '{}' });
  }
}

describe('limits above the key', () => {
  test('include a wait for a full project, and name it', async () => {
    await use(2, PROJECT);
    const answer = await ask(PLAIN, { keyScope: KEY, accountScopes: [PROJECT, ORGANISATION] });
    expect(answer).toMatchObject({ startMs: 0, account: 'project:p' });
    expect(answer.accountStartMs).toBeGreaterThan(MINUTE_MS * 0.9);
  });

  test('include those of an organisation, for a key without its own limits', async () => {
    await use(4, ORGANISATION);
    const spec = { accountScopes: [ORGANISATION], estimatedInputTokens: 100, estimatedOutputTokens: 100 };
    expect(await ask(PLAIN, spec)).toMatchObject({ account: 'organisation:o' });
    expect(await ask(PLAIN, { ...spec, estimatedOutputTokens: 0 })).toMatchObject({ account: null, accountStartMs: 0 });
  });

  test('include waiting requests of other keys of the project', async () => {
    const spec = { accountScopes: [PROJECT] };
    for (let n = 0; n < 4; n++) {
      await waitQueues.enter(waitEntry({ ...waitingSpec(`req_w${n}`), ...spec }, { deployment: 'elsewhere/x' }));
    }
    const { accountStartMs } = await ask(PLAIN, { ...spec, acceptedAtMs: Date.now() + 10 });
    expect(accountStartMs).toBeGreaterThan(2 * MINUTE_MS * 0.9);
  });

  test('no longer include a request with a permit', async () => {
    const spec = { ...waitingSpec('req_1'), keyScope: KEY, accountScopes: [PROJECT] };
    await waitQueues.enter(waitEntry(spec, { deployment: 'a/m' }));
    const { requestId, acceptedAtMs } = spec;
    const scopes = [scope('deployment:a/m', {}), KEY, PROJECT];
    const { tokens, owner } = waitEntry(spec, { deployment: 'a/m' });
    const turn = { owner: owner!, cost: 1, order: turnOrder(acceptedAtMs) };
    const terms = { attemptId: 'req_1.1', requestId, acceptedAtMs, scopes, tokens, turn };
    await limiter.acquire({ ...terms, isBatch: false, unsettledEntry: '{}' });
    const counts = await Promise.all(
      scopes.map(({ name }) => redis.client.zcard(keyspace.scope(name).waiting.interactive)),
    );
    expect(counts).toEqual([0, 0, 0]);
  });
});

describe('turns of keys', () => {
  const enter = (keyId: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        waitQueues.enter(waitEntry({ ...waitingSpec(`req_${keyId}${n}`), keyId }, { deployment: 'a/m' })),
      ),
    );

  test('a single request waits for one turn of each other key, not for a burst', async () => {
    await enter('burst', 200);
    await enter('third', 3);
    const single = { ...waitingSpec('req_s'), keyId: 'single', acceptedAtMs: Date.now() + 10 };
    await waitQueues.enter(waitEntry(single, { deployment: 'a/m' }));
    const entry = waitEntry(single, { deployment: 'a/m' });
    expect(await createForecaster(redis.client, keyspace, PLAIN).fairPlace(entry, 'deployment:a/m', 203)).toBe(2);
    const last = waitEntry({ ...waitingSpec('req_burst199'), keyId: 'burst' }, { deployment: 'a/m' });
    expect(
      await createForecaster(redis.client, keyspace, PLAIN).fairPlace(last, 'deployment:a/m', 203),
    ).toBeGreaterThan(195);
  });

  test('a request that leaves is no longer counted', async () => {
    await enter('burst', 3);
    const { waiting } = keyspace.scope('deployment:a/m');
    expect(Object.values(await redis.client.hgetall(ownersOf(waiting.interactive)))).toEqual(['3']);
    for (let n = 0; n < 3; n += 1) {
      await waitQueues.leave(waitEntry({ ...waitingSpec(`req_burst${n}`), keyId: 'burst' }, { deployment: 'a/m' }));
    }
    expect(await redis.client.exists(ownersOf(waiting.interactive))).toBe(0);
  });
});

test('one model of a wildcard deployment waits for the provider’s limit of that model', async () => {
  await limiter.block('model:a/slow', 20_000);
  expect((await ask(WILDCARD, {}, 'slow')).startMs).toBeGreaterThan(15_000);
  expect((await ask(WILDCARD, {}, 'quick')).startMs).toBe(0);
});

test('of several credentials the earliest counts', async () => {
  await limiter.block('credential:a/one', 20_000);
  expect((await ask(POOL, {})).startMs).toBe(0);
  await limiter.block('model:a/m@two', 10_000);
  const { startMs } = await ask(POOL, {});
  expect(startMs).toBeGreaterThan(5_000);
  expect(startMs).toBeLessThanOrEqual(10_000);
});
