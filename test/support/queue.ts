// Set-up of queue tests: a Redis for the file; for each test a producer, and a provider that no other test uses, because
// consumers whose jobs never end continue to fetch.
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type ConsumerOptions, type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import { createQueueProducer, type QueueProducer } from '#src/queue/producer.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from './redis-server.ts';

export interface QueueParts {
  server: TestRedis;
  redis: RedisClient;
  producer: QueueProducer;
  provider: string;
}

export const keyspace = createKeyspace('test');

/**
 * Call it at the top of a test file, before its own hooks, which then begin after these and end before them. @param begin
 * receives the parts of the next test.
 */
export function useQueue(begin: (parts: QueueParts) => void): void {
  let server: TestRedis;
  let redis: RedisClient;
  let producer: QueueProducer;
  let tests = 0;
  beforeAll(async () => {
    server = await startTestRedis();
    redis = await connectRedis({ kind: 'standalone', url: server.url }, 'consumer', () => undefined);
  });
  afterAll(async () => {
    disconnectRedis(redis);
    await server.stop();
  });
  beforeEach(() => {
    tests += 1;
    producer = createQueueProducer(redis, keyspace, () => undefined);
    begin({ server, redis, producer, provider: `sim${tests}` });
  });
  afterEach(() => producer.close());
}

/** A consumer of the interactive queue, with ten slots unless `more` sets another number. */
export function consumeInteractive(
  { redis, provider }: Pick<QueueParts, 'redis' | 'provider'>,
  process: ConsumerOptions['process'],
  more: Partial<ConsumerOptions> = {},
): { consumer: QueueConsumer; stop(): Promise<void> } {
  const consumer = startQueueConsumer({
    redis,
    keyspace,
    provider,
    lane: 'interactive',
    slots: 10,
    process,
    onAbandoned: async () => ({ kind: 'complete' }),
    onError: () => undefined,
    ...more,
  });
  return {
    consumer,
    stop: async () => {
      await consumer.stopFetching();
      await consumer.close();
    },
  };
}
