// Requests that a worker has without a job: a lease names their worker, and an expired lease becomes one job.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jobId, type RequestJob } from '#src/contracts/job.ts';
import { turnOrder } from '#src/contracts/turn.ts';
import { LEASE_MS, queueLayout, queueScripts, readFinished, readTaken } from '#src/queue/bullmq-layout.ts';
import type { ConsumerOptions, Disposition, QueueConsumer } from '#src/queue/consumer.ts';
import { createHandOffDesk, type HandOffDesk } from '#src/queue/hand-off.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import { runCall, runCallForBuffers } from '#src/storage/lua-script.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { consumeInteractive, keyspace, useQueue } from '#test/support/queue.ts';
import type { TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const WORKER = 'worker_1';
const TURN = { owner: 'key_a*1', cost: 1, order: turnOrder(1_000) };
const SCRIPTS = queueScripts(null);
let server: TestRedis;
let redis: RedisClient;
let producer: QueueProducer;
let provider = '';
let closing: (() => Promise<unknown>)[] = [];

useQueue((parts) => {
  ({ server, redis, producer, provider } = parts);
});
beforeEach(() => {
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

const name = () => `${provider}-interactive`;
const leases = () => keyspace.leases(name(), provider);
const queueKey = (key: string) => `${keyspace.queuePrefix(provider)}:${name()}:${key}`;
const layout = () => queueLayout(keyspace, provider, 'interactive');
const jobOf = (requestId: string): RequestJob => ({ requestId, step: 0 });
const depth = () => producer.depth(provider, 'interactive');
const lock = (token: string) => ({ token, durationMs: 60_000, workerId: WORKER });

/** As src/api/admit/hand-over.lua does for the worker in the same process. */
async function give(requestId: string): Promise<unknown> {
  await redis.zadd(keyspace.freeWorkers(name(), provider), 100, WORKER);
  const terms = { sentAtMs: Date.now(), nearWorkerId: WORKER };
  return runCall(redis, producer.offerCall(provider, 'interactive', jobOf(requestId), terms));
}

/** As if so much time had passed for everything that has a lease. */
async function pass(ms: number): Promise<void> {
  const known = await redis.zrange(leases(), '0', '-1', 'WITHSCORES');
  for (let at = 0; at < known.length; at += 2) {
    const score = Number(known[at + 1]);
    // A suspected one has the time at which it was, below zero.
    await redis.zadd(leases(), 'XX', score < 0 ? score + ms : Math.max(0, score - ms), known[at]!);
  }
}

/** Another worker with a heartbeat. */
async function openDesk(): Promise<{ desk: HandOffDesk; lost: number[] }> {
  const channel = await connectRedis({ kind: 'standalone', url: server.url }, 'subscriber', () => undefined);
  const lost: number[] = [];
  const desk = createHandOffDesk({
    redis,
    channel,
    keyspace,
    workerId: 'worker_2',
    receive: () => undefined,
    onLost: (_, requests) => lost.push(requests),
    onError: () => undefined,
  });
  closing.push(async () => disconnectRedis(channel), desk.close);
  return { desk, lost };
}

/** Each worker checks once when it opens. */
const lookNow = async () => {
  const { desk, lost } = await openDesk();
  await desk.open([{ provider, room: 0 }]);
  await desk.close();
  return lost.reduce((sum, requests) => sum + requests, 0);
};

function consume(process: ConsumerOptions['process']): QueueConsumer {
  const handOffs = { desk: { correct: () => undefined }, workerId: WORKER };
  const { consumer, stop } = consumeInteractive({ redis, provider }, process, { handOffs });
  closing.push(stop);
  return consumer;
}

test.each([
  { what: 'that succeeds', source: "redis.call('SET', KEYS[1], 'closed')", left: '1' },
  { what: 'that fails', source: "return redis.error_reply('ERR not now')", left: '0' },
])('a request has ended for its processor after the script $what has settled it', async ({ what, source, left }) => {
  const key = queueKey('books');
  const script = { command: `close_${what.replaceAll(' ', '_')}`, source };
  let seen: Promise<number> | null = null;
  consume(async () => ({
    kind: 'complete',
    closing: { script, keys: [key], args: [] },
    onOver: () => {
      seen ??= redis.exists(key);
    },
  }));
  await producer.enqueue(provider, 'interactive', jobOf('req_a'));
  await waitFor('its end', () => seen !== null);
  expect(String(await seen)).toBe(left);
});

describe('a lease that is not renewed', () => {
  test('becomes one job, which another worker gets as a second delivery', async () => {
    expect(await give('req_a')).toBe(WORKER);
    await pass(LEASE_MS);
    expect(await lookNow()).toBe(0);
    expect(await depth()).toEqual({ waiting: 0, active: 1, delayed: 0 });
    await pass(2_000);
    expect([await lookNow(), await lookNow()]).toEqual([1, 0]);
    expect(await depth()).toEqual({ waiting: 1, active: 0, delayed: 0 });
    expect(await redis.hmget(queueKey('req_a-0'), 'ats', 'stc', 'data')).toEqual([
      '1',
      '1',
      JSON.stringify(jobOf('req_a')),
    ]);
    const claims: unknown[] = [];
    consume(async (job, claim) => {
      claims.push([job, claim]);
      return { kind: 'complete' };
    });
    await waitFor('another worker to have it', () => claims.length === 1);
    // It may be running in this very process: that is checked before the claim.
    expect(claims).toEqual([[jobOf('req_a'), null]]);
    await waitFor('its end', async () => (await redis.exists(queueKey('req_a-0'), leases())) === 0);
  });

  test('by a worker that stalled briefly: it is renewed afterwards, and no job is made', async () => {
    await give('req_a');
    await pass(LEASE_MS + 20_000);
    expect(await lookNow()).toBe(0);
    await runCall(redis, layout().renewLeases(['req_a-0']));
    expect(await lookNow()).toBe(0);
    expect(Number(await redis.zscore(leases(), 'req_a-0'))).toBeGreaterThan(Date.now());
    expect(await redis.exists(queueKey('req_a-0'))).toBe(0);
  });

  test('is not renewed once it is a job, and its first worker ends nothing', async () => {
    await give('req_a');
    await pass(LEASE_MS);
    await lookNow();
    await pass(2_000);
    await lookNow();
    await runCall(redis, layout().renewLeases(['req_a-0']));
    expect(await redis.exists(leases())).toBe(0);
    const finished = { id: 'req_a-0', isLeased: true, wantsNext: false };
    const reply = await runCallForBuffers(redis, layout().finish(SCRIPTS, finished, lock(WORKER), null));
    expect(readFinished(reply).taken.kind).toBe('lost');
    expect(await runCall(redis, layout().putBack(jobOf('req_a'), null, undefined))).toBe(0);
    expect(await depth()).toEqual({ waiting: 1, active: 0, delayed: 0 });
  });
});

test('a worker renews the leases of its requests as long as it works on them', async () => {
  let end: (disposition: Disposition) => void = () => undefined;
  const consumer = consume(() => new Promise((resolve) => (end = resolve)));
  await give('req_a');
  consumer.receive(jobOf('req_a'), {}, { turn: () => undefined });
  await pass(LEASE_MS);
  await waitFor('it to be renewed', async () => Number(await redis.zscore(leases(), 'req_a-0')) > Date.now() + 1_000);
  end({ kind: 'complete' });
  await waitFor('its end', async () => (await redis.exists(leases())) === 0);
});

describe('a worker that lets go of a request', () => {
  async function letGo(disposition: Disposition): Promise<void> {
    const consumer = consume(async (_, claim) => (claim === null ? new Promise(() => undefined) : disposition));
    await consumer.stopFetching();
    await give('req_a');
    consumer.receive(jobOf('req_a'), {}, { turn: () => TURN });
    await waitFor('it to be let go', async () => (await redis.exists(leases())) === 0);
  }

  test('for later: it becomes a delayed job with its turn', async () => {
    await letGo({ kind: 'delay', delayMs: 60_000 });
    expect(await depth()).toEqual({ waiting: 0, active: 0, delayed: 1 });
    expect(await redis.hget(queueKey('req_a-0'), 'turn')).toContain(TURN.owner);
  });

  test('immediately: it becomes the next job', async () => {
    await redis.zadd(leases(), Date.now() + 60_000, 'req_a-0');
    const consumer = consume(async () => ({ kind: 'give-back' }));
    await consumer.stopFetching();
    // Not fetched: it waits for another worker.
    await producer.enqueue(provider, 'interactive', jobOf('req_z'));
    consumer.receive(jobOf('req_a'), {}, { turn: () => TURN });
    await waitFor('it to be let go', async () => (await redis.exists(leases())) === 0);
    expect((await redis.lrange(queueKey('wait'), 0, -1)).at(-1)).toBe('req_a-0');
  });
});

describe('a request that a worker has without a job', () => {
  test('is not queued as well: the command that gave it was sent again', async () => {
    await give('req_a');
    expect(await give('req_a')).toBeNull();
    await producer.enqueue(provider, 'interactive', jobOf('req_a'));
    expect(await depth()).toEqual({ waiting: 0, active: 1, delayed: 0 });
  });

  test('is neither removed from the queue nor advanced: its worker has it', async () => {
    await give('req_a');
    expect(await producer.remove(provider, 'interactive', jobOf('req_a'))).toBe(false);
    await producer.advance(provider, 'interactive', jobOf('req_a'));
    expect(await depth()).toEqual({ waiting: 0, active: 1, delayed: 0 });
  });
});

/** Small and seeded (mulberry32): a run that fails can be run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test.each([1, 2, 3, 4])(
  'whatever happens to a request, it is in one place until it has ended (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    const ids = ['req_a', 'req_b', 'req_c'];
    /** What a worker believes that it has: a lease, or a job by its token. */
    const leased = new Set<string>();
    const taken = new Map<string, string>();
    const ended = new Set<string>();
    const known = new Set<string>();
    let tokens = 0;
    const finish = async (id: string, isLeased: boolean, token: string) => {
      const job = { id: jobId(jobOf(id)), isLeased, wantsNext: false };
      const reply = await runCallForBuffers(redis, layout().finish(SCRIPTS, job, lock(token), null));
      if (readFinished(reply).taken.kind !== 'lost') ended.add(id);
    };
    const acts: ((id: string) => Promise<unknown>)[] = [
      async (id) => {
        if (known.has(id)) return producer.enqueue(provider, 'interactive', jobOf(id));
        known.add(id);
        // Others wait, so it is queued, as hand-over.lua does.
        if ((await give(id)) === WORKER) leased.add(id);
        else await producer.enqueue(provider, 'interactive', jobOf(id));
      },
      async (id) => leased.has(id) && runCall(redis, layout().renewLeases([jobId(jobOf(id))])),
      async (id) => leased.delete(id) && finish(id, true, WORKER),
      async (id) => leased.delete(id) && runCall(redis, layout().putBack(jobOf(id), null, undefined)),
      async (id) => leased.delete(id) && runCall(redis, layout().putBack(jobOf(id), Date.now() - 1, undefined)),
      async () => {
        const token = `t${tokens++}`;
        const job = readTaken(await runCallForBuffers(redis, layout().take(SCRIPTS, lock(token))));
        if (job.kind === 'job') taken.set(job.job.data.requestId, token);
      },
      async (id) => {
        const token = taken.get(id);
        if (taken.delete(id)) await finish(id, false, token!);
      },
      async () => pass(LEASE_MS),
      async () => lookNow(),
      async () => pass(2_000),
    ];
    for (let step = 0; step < 250; step++) {
      await acts[Math.floor(random() * acts.length)]!(ids[Math.floor(random() * ids.length)]!);
      for (const id of known) {
        const job = jobId(jobOf(id));
        const [isLeased, hasJob] = [
          (await redis.zscore(leases(), job)) !== null,
          (await redis.exists(queueKey(job))) === 1,
        ];
        const lists = await Promise.all(['wait', 'active'].map((list) => redis.lrange(queueKey(list), 0, -1)));
        const delayed = await redis.zscore(queueKey('delayed'), job);
        const places = lists.flat().filter((listed) => listed === job).length + (delayed === null ? 0 : 1);
        expect({ step, id, isLeased, hasJob, places }).toEqual({
          step,
          id,
          isLeased: !ended.has(id) && !hasJob,
          hasJob: !ended.has(id) && !isLeased,
          places: hasJob ? 1 : 0,
        });
      }
      for (const id of ended) {
        for (const each of [known, ended, leased]) each.delete(id);
        taken.delete(id);
      }
    }
  },
);
