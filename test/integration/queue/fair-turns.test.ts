// Keys take turns in the queue of a provider, however their jobs enter and leave it.
import { type ConnectionOptions, Queue } from 'bullmq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ownerOf, type Priority, type Turn, turnOrder } from '#src/contracts/turn.ts';
import { JOB_OPTIONS, queueLayout, queueScripts, readFinished, readTaken } from '#src/queue/bullmq-layout.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import { runCall, runCallForBuffers } from '#src/storage/lua-script.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { keyspace, useQueue } from '#test/support/queue.ts';

const scripts = queueScripts(null);
const lock = { token: 'worker:1', durationMs: 60_000, workerId: 'worker' };
let redis: RedisClient;
let producer: QueueProducer;
let queue: Queue;
let provider = '';
let acceptedAtMs = 1_795_000_000_000;

useQueue((parts) => {
  ({ redis, producer, provider } = parts);
});
beforeEach(() => {
  const prefix = keyspace.queuePrefix(provider);
  const connection = redis as unknown as ConnectionOptions;
  queue = new Queue(`${provider}-interactive`, { connection, prefix, defaultJobOptions: JOB_OPTIONS });
});
afterEach(() => queue.close());

const layout = () => queueLayout(keyspace, provider, 'interactive');
const keysLeft = async (part: string) => (await redis.keys(`*${provider}-interactive:${part}*`)).length;

function turnOf(key: string, { weight = 1, priority = 'normal' as Priority } = {}): Turn {
  acceptedAtMs += 1;
  return { owner: ownerOf(key, weight), cost: 1 / weight, order: turnOrder(acceptedAtMs, priority) };
}

async function add(requestId: string, turn?: Turn): Promise<void> {
  await producer.enqueue(provider, 'interactive', { requestId, step: 0 }, turn);
}

async function addMany(key: string, count: number, more: { weight?: number } = {}): Promise<void> {
  for (let n = 0; n < count; n += 1) await add(`${key}${n}`, turnOf(key, more));
}

async function take(): Promise<string | null> {
  const taken = readTaken(await runCallForBuffers(redis, layout().take(scripts, lock)));
  return taken.kind === 'job' ? taken.job.data.requestId : null;
}

async function takeMany(count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let n = 0; n < count; n += 1) taken.push((await take()) ?? '-');
  return taken;
}

test('a single request is next despite a burst, and the next one of its key has its turn again', async () => {
  await addMany('a', 50);
  await takeMany(5);
  await add('b0', turnOf('b'));
  expect(await take()).toBe('b0');
  await add('b1', turnOf('b'));
  await add('b2', turnOf('b'));
  // One that sends one after the other gets no more than its share.
  expect((await takeMany(4)).filter((id) => id.startsWith('b'))).toHaveLength(2);
});

test('weights are respected over thousands of turns, and nothing is left behind', async () => {
  await addMany('a', 200);
  await addMany('b', 600, { weight: 3 });
  const taken = await takeMany(400);
  expect(taken.filter((id) => id.startsWith('b')).length / 400).toBeCloseTo(3 / 4, 1);
  expect(new Set(await takeMany(400)).size).toBe(400);
  expect(await take()).toBeNull();
  for (const part of ['turns', 'turn:', 'prioritized', 'wait']) expect(await keysLeft(part)).toBe(0);
});

test('priority decides within a key', async () => {
  await add('first', turnOf('a'));
  await add('low', turnOf('a', { priority: 'low' }));
  await add('normal', turnOf('a'));
  await add('high', turnOf('a', { priority: 'high' }));
  expect(await takeMany(4)).toEqual(['first', 'high', 'normal', 'low']);
});

test('a postponed request returns to its own place, and takes no turn from others', async () => {
  await addMany('a', 3);
  expect(await take()).toBe('a0');
  const job = (await queue.getJob('a0-0'))!;
  await job.moveToDelayed(Date.now() - 1, lock.token);
  await add('b0', turnOf('b'));
  // Before what was accepted after it, and the other key has its turn in between.
  expect(await takeMany(4)).toEqual(['a0', 'b0', 'a1', 'a2']);
});

test('jobs that are promoted together take turns, too', async () => {
  await addMany('a', 4);
  for (const id of await takeMany(3)) {
    await (await queue.getJob(`${id}-0`))!.moveToDelayed(Date.now() + 60_000, lock.token);
  }
  await add('b0', turnOf('b'));
  await producer.promoteAll(provider, 'interactive');
  const taken = await takeMany(5);
  expect(taken.indexOf('b0')).toBeLessThan(2);
  expect(taken.filter((id) => id !== 'b0')).toEqual(['a0', 'a1', 'a2', 'a3']);
});

describe('requests that leave in other ways', () => {
  test('a cancelled job is removed everywhere, and its key does not delay others', async () => {
    await addMany('a', 30);
    await add('b0', turnOf('b'));
    for (let n = 1; n < 30; n += 1) {
      expect(await producer.remove(provider, 'interactive', { requestId: `a${n}`, step: 0 })).toBe(true);
    }
    expect(await takeMany(3)).toEqual(['a0', 'b0', '-']);
    expect(await keysLeft('turn')).toBe(0);
  });

  test('when BullMQ’s own tools remove jobs, the rest is found', async () => {
    await addMany('a', 5);
    await queue.remove('a1-0');
    await queue.remove('a2-0');
    expect(await takeMany(4)).toEqual(['a0', 'a3', 'a4', '-']);
  });

  test('if the turns themselves are lost, every job is still taken', async () => {
    await addMany('a', 5);
    await redis.del(...(await redis.keys(`*${provider}-interactive:turn*`)));
    expect(new Set(await takeMany(5))).toEqual(new Set(['a0', 'a1', 'a2', 'a3', 'a4']));
  });

  test('an advanced job comes first', async () => {
    await addMany('a', 5);
    await producer.advance(provider, 'interactive', { requestId: 'a3', step: 0 });
    expect(await takeMany(5)).toEqual(['a3', 'a0', 'a1', 'a2', 'a4']);
  });
});

test('the end of a job starts the next turn', async () => {
  await addMany('a', 3);
  await take();
  await add('b0', turnOf('b'));
  const job = { id: 'a0-0', isLeased: false, wantsNext: true };
  const finished = readFinished(await runCallForBuffers(redis, layout().finish(scripts, job, lock, null)));
  expect(finished.taken).toMatchObject({ kind: 'job', hasMore: true });
  expect(await producer.depth(provider, 'interactive')).toMatchObject({ active: 1 });
});

test('if nothing waits there are no turns: not one command more than for a plain job', async () => {
  const count = async (act: () => Promise<unknown>) => {
    await redis.config('RESETSTAT');
    await act();
    const stats = await redis.info('commandstats');
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  };
  await runCall(redis, layout().add([{ requestId: 'warm', step: 0 }]));
  await take();
  const plain = await count(() => add('plain'));
  await take();
  expect(await count(() => add('fair', turnOf('a')))).toBe(plain);
  expect(await take()).toBe('fair');
});
