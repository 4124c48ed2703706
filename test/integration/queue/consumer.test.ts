import { afterEach, describe, expect, test } from 'vitest';
import type { RequestJob } from '#src/contracts/job.ts';
import { type ConsumerOptions, type Disposition, type QueueConsumer, startQueueConsumer } from '#src/queue/consumer.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { keyspace, useQueue } from '#test/support/queue.ts';
import type { TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

let server: TestRedis;
let redis: RedisClient;
let producer: QueueProducer;
let consumers: QueueConsumer[] = [];
let provider = '';

useQueue((parts) => {
  ({ server, redis, producer, provider } = parts);
});
afterEach(async () => {
  await Promise.all(consumers.map(async (consumer) => consumer.stopFetching().then(() => consumer.close())));
  consumers = [];
});

function usual(process: ConsumerOptions['process']) {
  return {
    redis,
    keyspace,
    provider,
    lane: 'interactive' as const,
    stalledIntervalMs: 500,
    process,
    onAbandoned: async () => COMPLETE,
    onError: () => undefined,
  };
}

function start(process: (job: RequestJob) => Promise<Disposition>, more: Partial<ConsumerOptions> = {}): QueueConsumer {
  const consumer = startQueueConsumer({ ...usual(process), slots: 100, ...more });
  consumers.push(consumer);
  return consumer;
}

const queueKey = () => `${keyspace.queuePrefix(provider)}:${provider}-interactive`;
const COMPLETE: Disposition = { kind: 'complete' };
const add = (requestId: string) => producer.enqueue(provider, 'interactive', { requestId, step: 0 });
const addMany = (count: number) => Promise.all(Array.from({ length: count }, (_, index) => add(`r${index}`)));
const idle = () =>
  waitFor('the queue to be empty', async () => {
    const { waiting, active, delayed } = await producer.depth(provider, 'interactive');
    return waiting + active + delayed === 0;
  });

/** Holds every job until it is released. */
function gate() {
  const held: string[] = [];
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const process = async (job: RequestJob) => {
    held.push(job.requestId);
    await opened;
    return COMPLETE;
  };
  return { held, open: () => open(), process };
}

test('every job is processed once, and leaves nothing behind', async () => {
  const seen: string[] = [];
  start(async ({ requestId }) => {
    seen.push(requestId);
    return COMPLETE;
  });
  start(async ({ requestId }) => {
    seen.push(requestId);
    return COMPLETE;
  });
  await addMany(500);
  await idle();
  expect(seen.length).toBe(500);
  expect(new Set(seen).size).toBe(500);
  expect(await server.client.keys(`${queueKey()}:r*`)).toEqual([]);
});

test('a job enqueued twice is one job', async () => {
  const { held, open, process } = gate();
  start(process);
  await add('same');
  await waitFor('the job', () => held.length === 1);
  await add('same');
  await add('other');
  await waitFor('the other job', () => held.length === 2);
  open();
  await idle();
  expect(held).toEqual(['same', 'other']);
});

test('a burst fills the slots and no more; the rest follows as slots come free', async () => {
  const { held, open, process } = gate();
  start(process, { slots: 20 });
  await addMany(60);
  await waitFor('the slots to fill', () => held.length >= 20);
  const { active } = await producer.depth(provider, 'interactive');
  expect(active).toBeLessThanOrEqual(21);
  open();
  await idle();
  expect(held.length).toBe(60);
});

test('a postponed job returns when it is due', async () => {
  let deliveries = 0;
  start(async () => {
    deliveries += 1;
    return deliveries === 1 ? { kind: 'delay', delayMs: 50 } : COMPLETE;
  });
  await add('later');
  await waitFor('the second delivery', () => deliveries === 2);
  await idle();
});

test('a postponed job can still be removed', async () => {
  let deliveries = 0;
  start(async () => {
    deliveries += 1;
    return { kind: 'delay', delayMs: 60_000 };
  });
  await add('later');
  await waitFor('the job to be put off', async () => (await producer.depth(provider, 'interactive')).delayed === 1);
  expect(await producer.remove(provider, 'interactive', { requestId: 'later', step: 0 })).toBe(true);
  await idle();
  expect(deliveries).toBe(1);
});

test('a running job cannot be removed', async () => {
  const { held, open, process } = gate();
  start(process);
  await add('running');
  await waitFor('the job', () => held.length === 1);
  expect(await producer.remove(provider, 'interactive', { requestId: 'running', step: 0 })).toBe(false);
  open();
  await idle();
});

// Symptom: a cancelled asynchronous request stayed at `cancelling` for a week. Cause: its job was removed from the queue and
// added again at its head, and the API process died in between. Fix: the job stays in the queue and moves within it.
describe('a job that is advanced', () => {
  const request = { requestId: 'urgent', step: 0 };
  const order = async () => {
    const { held, open, process } = gate();
    start(process, { slots: 1 });
    await waitFor('the first job', () => held.length === 1);
    open();
    await idle();
    return held;
  };

  test('comes before waiting jobs', async () => {
    await addMany(3);
    await add('urgent');
    await producer.advance(provider, 'interactive', request);
    await producer.advance(provider, 'interactive', request);
    expect(await order()).toEqual(['urgent', 'r0', 'r1', 'r2']);
  });

  test('runs before its due time', async () => {
    let deliveries = 0;
    start(async (): Promise<Disposition> => {
      deliveries += 1;
      return deliveries === 1 ? { kind: 'delay', delayMs: 60_000 } : COMPLETE;
    });
    await add('urgent');
    await waitFor('the job to be put off', async () => (await producer.depth(provider, 'interactive')).delayed === 1);
    await producer.advance(provider, 'interactive', request);
    await idle();
    expect(deliveries).toBe(2);
  });

  test('is added again if it was lost', async () => {
    await producer.advance(provider, 'interactive', request);
    expect(await order()).toEqual(['urgent']);
  });

  test('stays with the worker that has it', async () => {
    const { held, open, process } = gate();
    start(process);
    await add('urgent');
    await waitFor('the job', () => held.length === 1);
    await producer.advance(provider, 'interactive', request);
    open();
    await idle();
    expect(held).toEqual(['urgent']);
  });

  test('is always in the queue', async () => {
    await addMany(20);
    await add('urgent');
    const missing: number[] = [];
    let isOver = false;
    const watch = (async () => {
      while (!isOver) missing.push(21 - (await redis.llen(`${queueKey()}:wait`)));
    })();
    for (let times = 0; times < 50; times += 1) await producer.advance(provider, 'interactive', request);
    isOver = true;
    await watch;
    expect(new Set(missing)).toEqual(new Set([0]));
  });
});

describe('a pool counts as silent', () => {
  test('while its queue has not answered', async () => {
    const consumer = start(async () => COMPLETE);
    await add('first');
    await idle();
    expect(consumer.silentMs()).toBeLessThan(1_000);
    server.freeze();
    try {
      await waitFor('the silence to be seen', () => consumer.silentMs() > 300);
    } finally {
      server.thaw();
    }
    await add('second');
    await idle();
    await waitFor('it to be over', () => consumer.silentMs() < 200);
  });

  test('not while all its slots are taken', async () => {
    const { held, open, process } = gate();
    const consumer = start(process, { slots: 1 });
    await add('running');
    await waitFor('the job', () => held.length === 1);
    expect(consumer.silentMs()).toBe(0);
    open();
    await idle();
  });
});

describe('shutting down', () => {
  test('a stopped pool fetches nothing, and its running jobs can end', async () => {
    const { held, open, process } = gate();
    const consumer = start(process);
    await add('running');
    await waitFor('the job', () => held.length === 1);
    await consumer.stopFetching();
    await add('not mine');
    open();
    await consumer.close();
    expect(held).toEqual(['running']);
    expect((await producer.depth(provider, 'interactive')).waiting).toBe(1);
  });

  test('a returned job is immediately available to another worker', async () => {
    let isShuttingDown = false;
    const { held, open, process } = gate();
    const first = start(async (job) => {
      await waitFor('the shutdown', () => isShuttingDown);
      held.push(`first ${job.requestId}`);
      return { kind: 'give-back' };
    });
    await add('r');
    await waitFor('the job to run', async () => (await producer.depth(provider, 'interactive')).active === 1);
    await first.stopFetching();
    isShuttingDown = true;
    await first.close();
    start(process);
    await waitFor('the other worker', () => held.includes('r'));
    open();
    await idle();
  });
});

describe('workers that die', () => {
  /** What a killed process leaves: the job is active, its lock runs out. */
  const loseLocks = async () => {
    for (const lock of await server.client.keys(`${queueKey()}:*:lock`)) await server.client.del(lock);
  };

  test('their jobs are delivered again', { timeout: 30_000 }, async () => {
    let deliveries = 0;
    start(async () => {
      deliveries += 1;
      if (deliveries > 1) return COMPLETE;
      return new Promise(() => undefined);
    });
    await add('r');
    await waitFor('the first delivery', () => deliveries === 1);
    const losing = setInterval(() => void loseLocks(), 100);
    await waitFor('the second delivery', () => deliveries >= 2, 20_000).finally(() => clearInterval(losing));
    consumers = []; // its first job never ends
  });

  test('a job that has survived too many of them is abandoned and reported', { timeout: 60_000 }, async () => {
    const abandoned: RequestJob[] = [];
    // Another worker may still be processing it: then it is checked again, and abandoned when that has ended.
    const onAbandoned = async (job: RequestJob): Promise<Disposition> => {
      abandoned.push(job);
      return abandoned.length === 1 ? { kind: 'delay', delayMs: 100 } : COMPLETE;
    };
    start(() => new Promise(() => undefined), { onAbandoned });
    await add('r');
    const losing = setInterval(() => void loseLocks(), 100);
    await waitFor('it to be given up', () => abandoned.length > 1, 50_000).finally(() => clearInterval(losing));
    expect(abandoned).toEqual(Array(2).fill({ requestId: 'r', step: 0 }));
    await waitFor('it to be kept for a look', async () => (await redis.zcard(`${queueKey()}:failed`)) === 1);
    consumers = [];
  });
});

test('fewer slots take effect as soon as jobs end, more as well', async () => {
  let slots = 8;
  let running = 0;
  const held: (() => void)[] = [];
  const seen: number[] = [];
  const process = async () => {
    running += 1;
    seen.push(running);
    await new Promise<void>((resolve) => held.push(resolve));
    running -= 1;
    return COMPLETE;
  };
  const consumer = startQueueConsumer({
    ...usual(process),
    get slots() {
      return slots;
    },
  });
  consumers.push(consumer);
  await addMany(40);
  await waitFor('all slots to be taken', () => running === 8);
  slots = 2;
  // Six of them end without starting another.
  for (const open of held.splice(0, 6)) open();
  await waitFor('two to be left', () => running === 2);
  for (let ended = 0; ended < 4; ended++) {
    const before = seen.length;
    held.shift()!();
    await waitFor('the next one', () => seen.length === before + 1);
  }
  expect(Math.max(...seen.slice(8))).toBe(2);
  slots = 8;
  held.shift()!();
  await waitFor('more of them', () => running === 8);
  const letGo = setInterval(() => held.shift()?.(), 1);
  await idle();
  clearInterval(letGo);
});
