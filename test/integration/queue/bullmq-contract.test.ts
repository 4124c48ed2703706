// The internals of BullMQ on which src/queue/bullmq-layout.ts relies, checked with the installed version: each can use the jobs
// of the other.
import { type ConnectionOptions, Queue, Worker } from 'bullmq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jobId, type RequestJob } from '#src/contracts/job.ts';
import { JOB_OPTIONS, queueLayout, RareWorker } from '#src/queue/bullmq-layout.ts';
import type { QueueConsumer } from '#src/queue/consumer.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import { runCall } from '#src/storage/lua-script.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { consumeInteractive, keyspace, useQueue } from '#test/support/queue.ts';
import { waitFor } from '#test/support/wait.ts';

const JOB: RequestJob = { requestId: 'r1', step: 0 };
let redis: RedisClient;
let producer: QueueProducer;
let queue: Queue;
let provider = '';
let closing: (() => Promise<unknown>)[] = [];

useQueue((parts) => {
  ({ redis, producer, provider } = parts);
});
beforeEach(() => {
  queue = new Queue(`${provider}-interactive`, { ...bullMq(), defaultJobOptions: JOB_OPTIONS });
  closing = [() => queue.close()];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

const bullMq = () => ({
  connection: redis as unknown as ConnectionOptions,
  prefix: keyspace.queuePrefix(provider),
});
const addOurs = (job = JOB) => producer.enqueue(provider, 'interactive', job);
const addTheirs = (job = JOB, more = {}) => queue.add('request', job, { jobId: jobId(job), ...more });
const base = () => `${keyspace.queuePrefix(provider)}:${provider}-interactive:`;

function consume(seen: string[]): QueueConsumer {
  const { consumer, stop } = consumeInteractive({ redis, provider }, async (job) => {
    seen.push(jobId(job));
    return { kind: 'complete' };
  });
  closing.push(stop);
  return consumer;
}

/** The layout in Redis of a queue with one job, without times and data that only BullMQ's own loop reads. */
async function layout() {
  const { timestamp, ...job } = await redis.hgetall(`${base()}${jobId(JOB)}`);
  expect(Number(timestamp)).toBeGreaterThan(0);
  const options = JSON.parse(job.opts!) as Record<string, unknown>;
  delete options.jobId;
  return {
    job: { ...job, opts: options },
    wait: await redis.lrange(`${base()}wait`, '0', '-1'),
    marker: await redis.zrange(`${base()}marker`, '0', '-1', 'WITHSCORES'),
  };
}

test('a job of Sluice is stored in Redis like BullMQ’s own', async () => {
  await addOurs();
  const ours = await layout();
  await queue.remove(jobId(JOB));
  await redis.del(`${base()}marker`);
  await addTheirs();
  expect(ours).toEqual(await layout());
});

test('BullMQ’s own worker takes and ends a job of Sluice', async () => {
  const seen: unknown[] = [];
  const worker = new Worker(queue.name, async (job) => seen.push(job.data), bullMq());
  closing.push(() => worker.close());
  await addOurs();
  await waitFor('the job', () => seen.length === 1);
  expect(seen).toEqual([JOB]);
});

test('Sluice takes and ends jobs of BullMQ, and leaves nothing of them behind', async () => {
  const seen: string[] = [];
  await addTheirs();
  consume(seen);
  await waitFor('the job', () => seen.length === 1);
  await waitFor('its end', async () => (await redis.keys(`${base()}${jobId(JOB)}*`)).length === 0);
  expect(await queue.getJobCounts('waiting', 'active', 'failed', 'completed')).toEqual({
    waiting: 0,
    active: 0,
    failed: 0,
    completed: 0,
  });
});

test('BullMQ sees a job that we have as active, with its start and its lock', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const process = async () => {
    await held;
    return { kind: 'complete' } as const;
  };
  closing.push(consumeInteractive({ redis, provider }, process, { slots: 1 }).stop);
  await addOurs();
  await waitFor('the job to be taken', async () => (await queue.getActiveCount()) === 1);
  const job = (await queue.getJob(jobId(JOB)))!;
  expect(await job.isActive()).toBe(true);
  expect(job.attemptsStarted).toBe(1);
  expect(job.processedOn).toBeGreaterThan(0);
  expect(await queue.remove(jobId(JOB))).toBe(0);
  release();
  await waitFor('its end', async () => (await queue.getActiveCount()) === 0);
});

describe('a request given to a worker without a job and returned', () => {
  const leases = () => keyspace.leases(queue.name, provider);
  const putBack = (dueAtMs: number | null) =>
    runCall(redis, queueLayout(keyspace, provider, 'interactive').putBack(JOB, dueAtMs, undefined));
  beforeEach(() => redis.zadd(leases(), Date.now() + 60_000, jobId(JOB)));

  test('is stored like a job that BullMQ’s own worker moved back to waiting', async () => {
    expect(await putBack(null)).toBe(1);
    const ours = await layout();
    await queue.remove(jobId(JOB));
    await redis.del(`${base()}marker`);
    await addTheirs();
    const { worker, job } = await takeTheirs();
    await job.moveToWait(worker);
    expect(comparable(ours)).toEqual(comparable(await layout()));
  });

  test('is delayed as BullMQ delays', async () => {
    expect(await putBack(Date.now() + 60_000)).toBe(1);
    const job = (await queue.getJob(jobId(JOB)))!;
    expect(await job.isDelayed()).toBe(true);
    expect(job.attemptsStarted).toBe(1);
    expect(job.data).toEqual(JOB);
    const [marker] = (await redis.zrange(`${base()}marker`, '0', '-1', 'WITHSCORES')).slice(1);
    expect(Math.abs(Number(marker) - Date.now() - 60_000)).toBeLessThan(5_000);
    await job.promote();
    const seen: string[] = [];
    consume(seen);
    await waitFor('the job', () => seen.length === 1);
  });

  async function takeTheirs() {
    const token = 'a-token';
    const worker = new Worker(queue.name, null, { ...bullMq(), autorun: false });
    closing.push(() => worker.close());
    return { worker: token, job: (await worker.getNextJob(token))! };
  }

  /** Without times, and what of BullMQ's worker only BullMQ reads. */
  function comparable({ job, ...lists }: Awaited<ReturnType<typeof layout>>) {
    const { processedOn, pb: _, ...rest } = job as Record<string, unknown>;
    expect(Number(processedOn)).toBeGreaterThan(0);
    return { job: rest, ...lists };
  }
});

describe('features that only BullMQ’s scripts handle', () => {
  test('delayed jobs return when they are due', async () => {
    const seen: string[] = [];
    consume(seen);
    await addTheirs(JOB, { delay: 300 });
    await addOurs({ requestId: 'r2', step: 0 });
    await waitFor('both', () => seen.length === 2);
    expect(seen).toEqual(['r2-0', 'r1-0']);
  });

  test('jobs with a priority are taken when nothing else waits', async () => {
    const seen: string[] = [];
    await addTheirs(JOB, { priority: 5 });
    consume(seen);
    await waitFor('the job', () => seen.length === 1);
  });

  test('a paused queue returns nothing until it is resumed', async () => {
    const seen: string[] = [];
    await queue.pause();
    consume(seen);
    await addOurs();
    expect(await redis.exists(`${base()}marker`)).toBe(0);
    await queue.resume();
    await waitFor('the job', () => seen.length === 1);
  });

  test('jobs whose lock expired are given to another worker', async () => {
    const seen: string[] = [];
    await addOurs();
    await redis.lmove(`${base()}wait`, `${base()}active`, 'RIGHT', 'LEFT');
    consume(seen);
    await waitFor('the job to be found', () => seen.length === 1, 10_000);
  });
});

test('an id in the queue without a job is skipped', async () => {
  const seen: string[] = [];
  await redis.lpush(`${base()}wait`, 'gone-0');
  await addOurs();
  consume(seen);
  await waitFor('the job', () => seen.length === 1);
  expect(seen).toEqual(['r1-0']);
  await waitFor('nothing to be active', async () => (await queue.getActiveCount()) === 0);
});

test('a marker of a delayed job carries the time at which it is due', async () => {
  const dueAtMs = Date.now() + 60_000;
  await addTheirs(JOB, { delay: 60_000 });
  const [score] = (await redis.zrange(`${base()}delayed`, '0', '-1', 'WITHSCORES')).slice(1);
  expect(Math.abs(Number(score) / 0x1000 - dueAtMs)).toBeLessThan(5_000);
});

test('BullMQ’s internal methods exist', () => {
  for (const name of ['waitForJob', 'extendJobLocks']) expect(RareWorker.prototype).toHaveProperty(name);
});
