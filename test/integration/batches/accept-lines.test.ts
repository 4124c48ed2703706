// Symptom: after the owner of a batch had been killed, a line was called and billed twice under one attempt. Cause: lines are
// accepted a few at a time. A line that the earlier owner had accepted got its result from the log, was stored and removed
// before its turn came, and was then accepted as if it had never run. Fix: each step checks which lines still need it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRequestId } from '#src/contracts/ids.ts';
import { createQueueProducer, type QueueProducer } from '#src/queue/producer.ts';
import { createRequestStore } from '#src/reply/request-store.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { responseSpec } from '#test/support/response-spec.ts';
import { createLineAcceptance, type LineSubmission } from '#workers/batches/accept-lines.ts';

const LINES = 45;
const keyspace = createKeyspace('accept-lines');
let server: TestRedis;
let redis: RedisClient;
let producer: QueueProducer;

function lineOf(): LineSubmission {
  const plan = { steps: [{ provider: 'a', deployment: 'a/m', upstreamModel: 'm', model: 'm' }] };
  const spec = responseSpec({}, { requestId: createRequestId(1), lane: 'batch', plan });
  return { spec, body: Buffer.from('{"a":1}') };
}

beforeAll(async () => {
  server = await startTestRedis();
  redis = await connectRedis({ kind: 'standalone', url: server.url }, 'consumer', () => undefined);
  producer = createQueueProducer(redis, keyspace, () => undefined);
});
afterAll(async () => {
  await producer?.close();
  disconnectRedis(redis);
  await server?.stop();
});

test('lines are stored and enqueued once, except those that already have a result', async () => {
  const store = createRequestStore(redis, keyspace);
  const lines = Array.from({ length: LINES }, lineOf);
  const answered = lines[30]!;
  let isAnswered = false;
  const slow: QueueProducer = {
    ...producer,
    enqueueCall(...args) {
      // Its answer arrives while the first step is running.
      isAnswered = true;
      return producer.enqueueCall(...args);
    },
  };
  const acceptLines = createLineAcceptance({ redis, store, producer: slow, onTrouble: () => undefined });
  const isWanted = (line: LineSubmission) => !(isAnswered && line === answered);
  await acceptLines(lines, isWanted);
  expect(await store.read(answered.spec.requestId)).toBeNull();
  expect(await store.read(lines[44]!.spec.requestId)).toMatchObject({ state: 'queued', step: 0 });
  expect(String(await store.readBody(lines[0]!.spec.requestId))).toBe('{"a":1}');
  expect(await producer.depth('a', 'batch')).toMatchObject({ waiting: LINES - 1 });
  await acceptLines(lines, (line) => line !== answered);
  expect(await producer.depth('a', 'batch')).toMatchObject({ waiting: LINES - 1 });
});

test('after an outage of Redis, no line is accepted that nothing waits for any more', async () => {
  const store = createRequestStore(redis, keyspace);
  let isWanted = true;
  const line = lineOf();
  const failing = {
    ...store,
    acceptCall: () => {
      throw new Error('away');
    },
  } as unknown as typeof store;
  const acceptLines = createLineAcceptance({
    redis,
    store: failing,
    producer,
    onTrouble: () => {
      isWanted = false;
    },
  });
  await acceptLines([line], () => isWanted);
  expect(await store.read(line.spec.requestId)).toBeNull();
});
