// Processes of two versions with one Redis, as during every rollout. The older one passes on what it does not know, and leaves
// alone, with a log message, what it cannot read.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRequestId } from '#src/contracts/ids.ts';
import {
  CONTRACT_VERSION,
  NO_PROGRESS,
  type RequestProgress,
  type RequestSpec,
} from '#src/contracts/request-record.ts';
import { NewerContractError } from '#src/reply/claim.ts';
import { createRequestStore, type RequestStore } from '#src/reply/request-store.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';

const TTL_MS = 60_000;
const BODY = Buffer.from('{"model":"m"}');
const keyspace = createKeyspace('test');
let server: TestRedis;
let store: RequestStore;

beforeAll(async () => {
  server = await startTestRedis();
  store = createRequestStore(server.client, keyspace);
});
afterAll(async () => {
  await server?.stop();
});

function specOf(more: object = {}): RequestSpec {
  return {
    version: CONTRACT_VERSION,
    requestId: createRequestId(1),
    keyId: 'key_1',
    keyScope: null,
    budgetHold: null,
    protocol: 'openai-chat',
    model: 'm',
    lane: 'interactive',
    isStream: false,
    usageDelivery: 'none',
    forwardedHeaders: {},
    choices: 1,
    plan: { steps: [] },
    acceptedAtMs: Date.now(),
    deadlineAtMs: Date.now() + TTL_MS,
    inbox: 'api_test',
    lifetime: 'nobody',
    retentionMs: TTL_MS,
    estimatedInputTokens: 1,
    estimatedOutputTokens: 1,
    ...more,
  };
}

async function accept(more: object = {}): Promise<RequestSpec> {
  const spec = specOf(more);
  await store.accept(spec, BODY, TTL_MS);
  return spec;
}

test('a request of a newer version is left unchanged for a worker that can read it', async () => {
  const { requestId } = await accept({ version: CONTRACT_VERSION + 1 });
  const before = await server.client.hgetall(keyspace.request(requestId).record);
  const claimed = await store.claim(requestId, 0, 'worker_old', TTL_MS);
  expect(claimed).toEqual({ kind: 'newer', version: CONTRACT_VERSION + 1 });
  expect(await server.client.hgetall(keyspace.request(requestId).record)).toEqual(before);
  expect(await server.client.getBuffer(keyspace.request(requestId).body)).toEqual(BODY);
});

test('a reader of an older version reports it', async () => {
  const { requestId } = await accept({ version: CONTRACT_VERSION + 1 });
  await expect(store.read(requestId)).rejects.toThrow(NewerContractError);
});

test('unknown members are preserved', async () => {
  const { requestId } = await accept({ addedLater: { deeply: ['so'] } });
  const first = await store.claim(requestId, 0, 'worker_a', TTL_MS);
  if (first.kind !== 'claimed') throw new Error(first.kind);
  expect(first.claim.spec).toMatchObject({ addedLater: { deeply: ['so'] } });

  const progress = { ...first.claim.progress, calls: 1, alsoAdded: 'later' } as RequestProgress;
  await store.release(requestId, 'worker_a', { fromStep: 0, toStep: 0, progress, isAttemptUnused: false });
  const second = await store.claim(requestId, 0, 'worker_b', TTL_MS);
  if (second.kind !== 'claimed') throw new Error(second.kind);
  expect(second.claim.progress).toMatchObject({ calls: 1, alsoAdded: 'later' });
});

test('members that an older worker did not write have their initial values', async () => {
  const { requestId } = await accept();
  await server.client.hset(keyspace.request(requestId).record, 'progress', JSON.stringify({ calls: 2 }));
  const claimed = await store.claim(requestId, 0, 'worker_a', TTL_MS);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  expect(claimed.claim.progress).toEqual({ ...NO_PROGRESS, calls: 2 });
});
