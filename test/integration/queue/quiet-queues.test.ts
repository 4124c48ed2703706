// Queues that have had no jobs for a while share one connection and one check.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LANES } from '#src/contracts/job.ts';
import { type ConsumerOptions, type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import { createQueueProducer, type QueueProducer } from '#src/queue/producer.ts';
import { createQuietQueues, type QuietQueues } from '#src/queue/quiet-queues.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { keyspace } from '#test/support/queue.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

let server: TestRedis;
let redis: RedisClient;
let quiet: QuietQueues;
let producer: QueueProducer;
let consumers: QueueConsumer[] = [];
let seen: string[] = [];
const errors: Error[] = [];

const connect = () => connectRedis({ kind: 'standalone', url: server.url }, 'consumer', (error) => errors.push(error));
const JOINED = keyspace.joinedQueues('w');

beforeAll(async () => {
  server = await startTestRedis();
  redis = await connect();
  quiet = createQuietQueues({
    redis,
    blocking: await connect(),
    joinedKey: JOINED,
    onError: (error) => errors.push(error),
  });
  producer = createQueueProducer(redis, keyspace, (error) => errors.push(error));
});
afterEach(async () => {
  await Promise.all(consumers.map(async (consumer) => consumer.stopFetching().then(() => consumer.close())));
  consumers = [];
  seen = [];
});
afterAll(async () => {
  await producer.close();
  quiet.stop();
  disconnectRedis(redis);
  await server.stop();
});

function consume(provider: string, more: Partial<ConsumerOptions> = {}): void {
  const consumer = startQueueConsumer({
    redis,
    keyspace,
    provider,
    lane: 'interactive',
    slots: 10,
    quiet,
    stalledIntervalMs: 200,
    process: async ({ requestId }) => {
      seen.push(requestId);
      return { kind: 'complete' };
    },
    onAbandoned: async () => ({ kind: 'complete' }),
    onError: (error) => errors.push(error),
    ...more,
  });
  consumers.push(consumer);
}

const add = (provider: string, requestId: string) => producer.enqueue(provider, 'interactive', { requestId, step: 0 });
const base = (provider: string) => `${keyspace.queuePrefix(provider)}:${provider}-interactive:`;
const countClients = async () => ((await server.client.client('LIST')) as string).trim().split('\n').length;
const blocked = () =>
  waitFor('the common wait', async () => (await server.client.info('clients')).includes('blocked_clients:1'));

test('many queues without jobs need one connection, and a job in any of them is taken', async () => {
  const before = await countClients();
  for (let index = 0; index < 50; index++) for (const lane of LANES) consume(`many${index}`, { lane });
  await blocked();
  expect(await countClients()).toBe(before);
  await add('many31', 'r1');
  await waitFor('the job', () => seen.includes('r1'));
  await add('many7', 'r2');
  await add('many31', 'r3');
  await waitFor('the other jobs', () => seen.includes('r2') && seen.includes('r3'));
});

test('a queue that joins while the others wait ends their wait', async () => {
  void quiet.wait(base('first'));
  // It may have interrupted a wait of the tests before.
  await redis.ping();
  await server.client.config('RESETSTAT');
  await blocked();
  const joined = quiet.wait(base('second'));
  await server.client.zadd(`${base('second')}marker`, 0, '0');
  expect(await joined).toBe(0);
  // Only the interruption sets a time to live.
  expect(await server.client.info('commandstats')).toContain('cmdstat_pexpire:calls=1,');
  quiet.leave(base('first'));
});

test('a job without a marker is found', async () => {
  consume('unmarked');
  await blocked();
  await server.client.lpush(`${base('unmarked')}wait`, 'r1-0');
  await server.client.hset(`${base('unmarked')}r1-0`, 'data', '{"requestId":"r1","step":0}', 'opts', '{}');
  await waitFor('the job', () => seen.includes('r1'));
});

test('a job whose worker died is taken over from a quiet queue', async () => {
  consume('dying');
  await blocked();
  // Taken by a worker that has died since: it is active, and its lock has expired.
  await server.client.hset(
    `${base('dying')}r1-0`,
    'name',
    'request',
    'data',
    '{"requestId":"r1","step":0}',
    'opts',
    '{}',
    'timestamp',
    '1',
    'ats',
    '1',
  );
  await server.client.lpush(`${base('dying')}active`, 'r1-0');
  await waitFor('the job', () => seen.includes('r1'));
});

test('a marker that is popped for a queue that has left stays for other workers', async () => {
  void quiet.wait(base('leaving'));
  consume('staying');
  await blocked();
  quiet.leave(base('leaving'));
  await server.client.zadd(`${base('leaving')}marker`, 0, '0');
  // The wait that still has the marker ends with the next look; the marker is back afterwards, and waits for somebody else.
  await waitFor('the marker', async () => (await server.client.exists(`${base('leaving')}marker`)) === 1);
});

test('a lost connection is replaced, and the queues are heard again', async () => {
  consume('cut');
  await blocked();
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await add('cut', 'r1');
  await waitFor('the job', () => seen.includes('r1'));
});
