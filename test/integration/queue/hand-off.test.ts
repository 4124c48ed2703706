// Requests that are handed to a worker when they are accepted: which worker gets them, which does not, and how its free slots
// are counted.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RequestJob } from '#src/contracts/job.ts';
import type { OfferTerms } from '#src/queue/bullmq-layout.ts';
import { type Disposition, type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import { createHandOffDesk, type HandOffDesk, readHandedOff } from '#src/queue/hand-off.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import { runCall } from '#src/storage/lua-script.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { keyspace, useQueue } from '#test/support/queue.ts';
import type { TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const SLOTS = 3;
const WORKER = 'worker_1';
let server: TestRedis;
let redis: RedisClient;
let channel: RedisClient;
let producer: QueueProducer;
let consumer: QueueConsumer;
let desk: HandOffDesk;
let provider = '';
let handed: string[] = [];
/** Running jobs; call one to end it. */
let running: Map<string, () => void>;

useQueue((parts) => {
  ({ server, redis, producer, provider } = parts);
});

beforeEach(async () => {
  [handed, running] = [[], new Map()];
  channel = await connectRedis({ kind: 'standalone', url: server.url }, 'subscriber', () => undefined);
  desk = createHandOffDesk({
    redis,
    channel,
    keyspace,
    workerId: WORKER,
    receive: ({ spec }) => {
      handed.push(spec.toString());
      consumer.receive({ requestId: spec.toString(), step: 0 }, { isHandedOff: true }, { turn: () => undefined });
    },
    onError: () => undefined,
  });
  consumer = startQueueConsumer({
    redis,
    keyspace,
    provider,
    lane: 'interactive',
    slots: SLOTS,
    handOffs: { desk, workerId: WORKER },
    process: (job: RequestJob) =>
      new Promise<Disposition>((resolve) =>
        running.set(job.requestId, () => {
          running.delete(job.requestId);
          resolve({ kind: 'complete' });
        }),
      ),
    onAbandoned: async () => ({ kind: 'complete' }),
    onError: () => undefined,
  });
  const queue = {
    provider,
    get room() {
      return consumer.room;
    },
  };
  await desk.open([queue]);
});
afterEach(async () => {
  await desk.close();
  for (const end of running.values()) end();
  await consumer.stopFetching();
  for (const end of running.values()) end();
  await consumer.close();
  disconnectRedis(channel);
});

const offer = (requestId: string, more: Partial<OfferTerms> = {}) => {
  const job = { requestId, step: 0 };
  return runCall(
    redis,
    producer.offerCall(provider, 'interactive', job, {
      sentAtMs: Date.now(),
      nearWorkerId: '',
      ...more,
    }),
  ) as Promise<string | null>;
};
/** As src/api/admit/hand-over.lua handles an offer. */
async function give(requestId: string): Promise<string | null> {
  const worker = await offer(requestId);
  if (worker !== null) {
    await redis.spublish(keyspace.handOff.channel + worker, `1-0 - - 0 ${requestId.length}\n${requestId}{}`);
  }
  return worker;
}
const queueKey = (name: string) => `${keyspace.queuePrefix(provider)}:${provider}-interactive:${name}`;
const freeList = () => keyspace.freeWorkers(`${provider}-interactive`, provider);
const room = async () => Number(await redis.zscore(freeList(), WORKER));

describe('a worker with room', () => {
  test('gets a request in the step that accepts it, with a lease and without a job', async () => {
    expect(await give('req_a')).toBe(WORKER);
    await waitFor('the request', () => running.has('req_a'));
    expect(await redis.zrange(queueKey('leases'), '0', '-1')).toEqual(['req_a-0']);
    expect(await redis.exists(queueKey('req_a-0'), queueKey('req_a-0:lock'), queueKey('active'))).toBe(0);
    expect(await room()).toBe(SLOTS - 1);
    expect(await producer.depth(provider, 'interactive')).toEqual({ waiting: 0, active: 1, delayed: 0 });
  });

  test('has its room again when the request ends, and nothing is left behind', async () => {
    await give('req_a');
    await waitFor('the job', () => running.has('req_a'));
    running.get('req_a')!();
    await waitFor('its room', async () => (await room()) === SLOTS);
    expect(await redis.exists(queueKey('req_a-0'), queueKey('leases'), queueKey('active'))).toBe(0);
  });

  test('gets no more than it has room for: the next one is queued', async () => {
    for (const id of ['req_a', 'req_b', 'req_c']) expect(await give(id)).toBe(WORKER);
    expect(await offer('req_d')).toBeNull();
    expect(await redis.exists(queueKey('req_d-0'))).toBe(0);
  });

  test('jobs taken from the queue count as well', async () => {
    await producer.enqueue(provider, 'interactive', { requestId: 'req_q', step: 0 });
    await waitFor('the job', () => running.has('req_q'));
    expect(await room()).toBe(SLOTS - 1);
    running.get('req_q')!();
    await waitFor('its room', async () => (await room()) === SLOTS);
  });
});

describe('no request is handed over', () => {
  test('while others wait: they come first', async () => {
    for (const id of ['req_a', 'req_b', 'req_c']) await give(id);
    await waitFor('all jobs', () => running.size === SLOTS);
    await producer.enqueue(provider, 'interactive', { requestId: 'req_d', step: 0 });
    await redis.zadd(freeList(), 1, WORKER);
    expect(await offer('req_e')).toBeNull();
  });

  test('by an API of another release: workers are listed by version of the hand-off', async () => {
    await redis.rename(freeList(), freeList().replace(/\.\d+$/, ''));
    expect(await offer('req_a')).toBeNull();
    // It is removed from its queue, as usual.
    await producer.enqueue(provider, 'interactive', { requestId: 'req_a', step: 0 });
    await waitFor('the job', () => running.has('req_a'));
  });

  test('of a queue that is paused', async () => {
    await redis.hset(queueKey('meta'), 'paused', '1');
    expect(await offer('req_a')).toBeNull();
    await redis.hdel(queueKey('meta'), 'paused');
    expect(await offer('req_a')).toBe(WORKER);
  });

  test('that already exists: the command was sent again', async () => {
    expect(await give('req_a')).toBe(WORKER);
    expect(await offer('req_a')).toBeNull();
    expect(await room()).toBe(SLOTS - 1);
  });

  test('by a command that waited for a frozen Redis: its client was refused meanwhile', async () => {
    expect(await offer('req_a', { sentAtMs: Date.now() - 1_500 })).toBeNull();
    expect(await room()).toBe(SLOTS);
  });

  test('to a worker that is stalled: its heartbeat has expired', async () => {
    await redis.unlink(keyspace.handOff.sign + WORKER);
    expect(await offer('req_a')).toBeNull();
    // It repeats that within a second.
    await waitFor('the worker', async () => (await room()) === SLOTS);
    expect(await offer('req_b')).toBe(WORKER);
  });

  test('to a worker that has died or does not listen: another one gets it', async () => {
    await redis.zadd(freeList(), 99, 'worker_dead');
    await redis.set(`${keyspace.handOff.sign}worker_dead`, '1');
    expect(await give('req_a')).toBe(WORKER);
    expect(await redis.zscore(freeList(), 'worker_dead')).toBeNull();
  });

  test('to a worker that is stopping', async () => {
    await desk.close();
    expect(await offer('req_a')).toBeNull();
    expect(handed).toEqual([]);
  });
});

test('a wrong count is corrected', async () => {
  await redis.zadd(freeList(), SLOTS - 2, WORKER);
  await waitFor('its room', async () => (await room()) === SLOTS, 10_000);
});

test('a worker of many queues that Redis has forgotten is in all their lists again after two signs', async () => {
  const QUEUES = 400;
  /** Each sign reads it once or twice. */
  let readsOfRoom = 0;
  const names = Array.from({ length: QUEUES }, (_, index) => `${provider}-${index}`);
  const lists = names.map((name) => keyspace.freeWorkers(`${name}-interactive`, name));
  const areListed = async () => (await redis.exists(...lists)) === QUEUES;
  const ofMany = await connectRedis({ kind: 'standalone', url: server.url }, 'subscriber', () => undefined);
  const many = createHandOffDesk({
    redis,
    channel: ofMany,
    keyspace,
    workerId: 'worker_many',
    receive: () => undefined,
    onError: () => undefined,
  });
  try {
    const queues = names.map((name, index) => ({
      provider: name,
      get room() {
        if (index === 0) readsOfRoom += 1;
        return SLOTS;
      },
    }));
    await many.open(queues);
    await waitFor('all queues to list the worker', areListed);
    const before = readsOfRoom;
    await redis.unlink(`${keyspace.handOff.sign}worker_many`, ...lists);
    await waitFor('all queues to list it again', areListed, 20_000);
    // In rotation it would take ten signs.
    expect(readsOfRoom - before).toBeLessThan(8);
  } finally {
    await many.close();
    disconnectRedis(ofMany);
  }
});

test('a message is decoded as it was encoded', () => {
  const spec = '{"requestId":"req_1"}';
  const header = (permit: string) => `1-7 ${permit} ${spec.length}\n`;
  const body = Buffer.from([0, 10, 255]);
  const read = readHandedOff(Buffer.concat([Buffer.from(header('42 1 =r60|+c4') + spec), body]));
  expect(read).toEqual({
    fence: '1-7',
    permit: { slice: 42, isTrial: true, limits: '=r60|+c4' },
    spec: Buffer.from(spec),
    body,
  });
  expect(readHandedOff(Buffer.from(`${header('- - =')}${spec}`)).permit).toBeNull();
});
