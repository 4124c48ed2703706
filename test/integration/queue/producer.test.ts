// Symptom: an API process always responded with 503 after an outage of Redis. Cause: a queue asks Redis for its version at its
// first use, and keeps the error if that fails. Fix: it does not ask.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQueueProducer } from '#src/queue/producer.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const ignore = () => undefined;
let server: TestRedis;
let redis: RedisClient;

beforeAll(async () => {
  server = await startTestRedis();
  redis = await connectRedis({ kind: 'standalone', url: server.url }, 'producer', ignore);
});
afterAll(async () => {
  disconnectRedis(redis);
  await server?.stop();
});

test('a queue that is first used while Redis is down works when it is back', async () => {
  const producer = createQueueProducer(redis, createKeyspace('test'), ignore);
  const enqueue = () => producer.enqueue('vendor', 'interactive', { requestId: 'r', step: 0 });
  await server.kill();
  await expect(enqueue()).rejects.toThrow();
  await server.restart();
  await waitFor('the connection', () => redis.status === 'ready');
  await enqueue();
  expect(await producer.depth('vendor', 'interactive')).toMatchObject({ waiting: 1 });
  await producer.close();
});
