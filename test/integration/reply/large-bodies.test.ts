// Bodies that are sent ahead of the script that accepts their request.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRequestId } from '#src/contracts/ids.ts';
import { CONTRACT_VERSION, type RequestSpec } from '#src/contracts/request-record.ts';
import { createRequestStore, MAX_CARRIED_BYTES, type RequestStore } from '#src/reply/request-store.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { runCall } from '#src/storage/lua-script.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { isRedisTrouble } from '#src/storage/redis-trouble.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const keyspace = createKeyspace('test');
const LIFE_MS = 600_000;
/** As JSON has it: without zero bytes. */
const bytesOf = (length: number) => randomBytes(length).map((byte) => byte || 1) as Buffer;
const large = bytesOf(5 * 1024 * 1024);
const small = randomBytes(MAX_CARRIED_BYTES);
let server: TestRedis;
let redis: RedisClient;
let store: RequestStore;
/** What it sends arrives at another server. */
let elsewhere: RequestStore;
let other: RedisClient;

beforeAll(async () => {
  server = await startTestRedis();
  redis = await connectRedis({ kind: 'standalone', url: server.url }, 'producer', () => undefined);
  store = createRequestStore(redis, keyspace);
  other = await connectRedis({ kind: 'standalone', url: server.url }, 'producer', () => undefined);
  await other.select(1);
  elsewhere = createRequestStore(other, keyspace);
});
afterAll(async () => {
  disconnectRedis(redis);
  disconnectRedis(other);
  await server.stop();
});
beforeEach(async () => {
  await server.client.flushall();
});

function specOf(): RequestSpec {
  return {
    version: CONTRACT_VERSION,
    requestId: createRequestId(1),
    plan: { steps: [] },
  } as unknown as RequestSpec;
}
const bodyKey = ({ requestId }: RequestSpec) => keyspace.request(requestId).body;
const sentKey = ({ requestId }: RequestSpec) => keyspace.request(requestId).sentBody;
const idempotency = { name: 'one', fingerprint: 'f', timeToLiveMs: LIFE_MS };

async function argumentsOfScripts(work: () => Promise<unknown>): Promise<number> {
  await server.client.config('SET', 'slowlog-log-slower-than', '0');
  await server.client.slowlog('RESET');
  await work();
  await server.client.config('SET', 'slowlog-log-slower-than', '-1');
  const log = (await server.client.slowlog('GET', 100)) as [number, number, number, string[]][];
  const scripts = log.filter(([, , , [name]]) => /^eval/i.test(name!));
  expect(scripts.length).toBeGreaterThan(0);
  // Redis truncates an argument in its log and prints how much is missing.
  return Math.max(
    ...scripts.flatMap(([, , , words]) => words.map((word) => Number(/\((\d+) more bytes\)$/.exec(word)?.[1] ?? 0))),
  );
}

test('a large body is stored byte for byte, and is not part of any script', async () => {
  const spec = specOf();
  expect(await argumentsOfScripts(() => store.accept(spec, large, LIFE_MS))).toBeLessThan(20_000);
  expect((await store.readBody(spec.requestId))!.equals(large)).toBe(true);
  expect(await redis.pttl(bodyKey(spec))).toBeGreaterThan(LIFE_MS - 60_000);
});

test.each([MAX_CARRIED_BYTES + 1, 1024 * 1024, 2 * 1024 * 1024, 2 * 1024 * 1024 + 1, 9 * 1024 * 1024])(
  'a body of %d bytes is stored exactly',
  async (length) => {
    const spec = specOf();
    const body = bytesOf(length);
    await store.accept(spec, body, LIFE_MS);
    expect((await store.readBody(spec.requestId))!.equals(body)).toBe(true);
    expect(await redis.strlen(bodyKey(spec))).toBe(length);
    await redis.unlink(bodyKey(spec));
    expect(await store.readBody(spec.requestId)).toBeNull();
  },
);

test('a claim does not return a large body, which is read separately; it returns others', async () => {
  for (const [body, isCarried] of [
    [small, true],
    [large, false],
  ] as const) {
    const spec = specOf();
    await store.accept(spec, body, LIFE_MS);
    const claimed = await store.claim(spec.requestId, 0, 'worker', LIFE_MS);
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    expect(claimed.claim.body?.equals(body) ?? false).toBe(isCarried);
    expect((await store.readBody(spec.requestId))!.equals(body)).toBe(true);
  }
});

test('a request without its body is claimed, so that its client can be told', async () => {
  for (const body of [small, large]) {
    const spec = specOf();
    await store.accept(spec, body, LIFE_MS);
    await redis.unlink(bodyKey(spec));
    const claimed = await store.claim(spec.requestId, 0, 'worker', LIFE_MS);
    expect(claimed).toMatchObject({ kind: 'claimed', claim: { body: null } });
  }
});

test('a body whose request is never accepted expires', async () => {
  const spec = specOf();
  store.acceptCall(spec, large, LIFE_MS);
  await redis.ping();
  const leftMs = await redis.pttl(sentKey(spec));
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(30_000);
  expect(await redis.exists(bodyKey(spec))).toBe(0);
});

test('a request that joins another leaves no body behind, and neither does a conflict', async () => {
  const [first, second, third] = [specOf(), specOf(), specOf()];
  expect(await store.accept(first, large, LIFE_MS, idempotency)).toEqual({ kind: 'accepted' });
  expect(await store.accept(second, large, LIFE_MS, idempotency)).toMatchObject({ kind: 'joined' });
  const other = { ...idempotency, fingerprint: 'g' };
  expect(await store.accept(third, large, LIFE_MS, other)).toEqual({ kind: 'conflict' });
  expect(await redis.keys('*:body:*')).toEqual([bodyKey(first)]);
});

// A worker may be reading the body meanwhile, or have finished with it.
test('a repetition, as after a lost connection, changes nothing and leaves nothing behind', async () => {
  for (const claim of [undefined, idempotency]) {
    const spec = specOf();
    await store.accept(spec, large, LIFE_MS, claim);
    store.acceptCall(spec, Buffer.alloc(large.length), LIFE_MS);
    expect((await store.readBody(spec.requestId))!.equals(large)).toBe(true);
    expect(await store.accept(spec, large, LIFE_MS, claim)).toEqual({ kind: 'accepted' });
    expect((await store.readBody(spec.requestId))!.equals(large)).toBe(true);
    expect(await redis.pttl(bodyKey(spec))).toBeGreaterThan(30_000);
    await redis.hset(keyspace.request(spec.requestId).record, 'state', 'done');
    await redis.unlink(bodyKey(spec));
    expect(await store.accept(spec, large, LIFE_MS, claim)).toEqual({ kind: 'accepted' });
    expect(await redis.keys('*:body:*')).toEqual([]);
  }
});

test.each<[string, (key: string) => Promise<unknown>]>([
  ['none of it', async () => undefined],
  [
    'a piece less',
    (key) =>
      redis.set(key, Buffer.concat([large.subarray(0, 2 ** 21), Buffer.alloc(2 ** 21), large.subarray(2 ** 22)])),
  ],
  ['its end only', (key) => redis.setrange(key, 2 ** 22, large.subarray(2 ** 22))],
  ['its beginning', (key) => redis.set(key, large.subarray(0, -1))],
  ['more than it', (key) => redis.set(key, Buffer.concat([large, large]))],
])('with %s nothing is accepted and nothing is left, and it counts as a failure of Redis', async (_name, arrive) => {
  const spec = specOf();
  await arrive(sentKey(spec));
  const refused = await runCall(redis, elsewhere.acceptCall(spec, large, LIFE_MS, idempotency)).catch(
    (error: Error) => error,
  );
  expect(refused).toMatchObject({ message: expect.stringContaining('BODYLOST') });
  expect(isRedisTrouble(refused as Error)).toBe(true);
  expect(await redis.dbsize()).toBe(0);
});
