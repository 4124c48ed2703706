// Puts requests into the providers' queues. Jobs are references only; reasons for the options are in
// docs/reference/bullmq-and-ioredis.md sections 1, 4 and 5.
import { type ConnectionOptions, Queue } from 'bullmq';
import { jobId, type Lane, type RequestJob } from '../contracts/job.ts';
import type { Turn } from '../contracts/turn.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runCall, type ScriptCall } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { JOB_OPTIONS, type OfferTerms, type QueueLayout, queueLayout, queueName } from './bullmq-layout.ts';

export interface QueueProducer {
  /** The same job added twice is one job while it exists. @param turn absent: it comes before all that take turns. */
  enqueue(provider: string, lane: Lane, job: RequestJob, turn?: Turn): Promise<void>;
  /** The same as a part of another script. */
  enqueueCall(provider: string, lane: Lane, jobs: readonly RequestJob[], turn?: Turn): ScriptCall;
  /** Gives it to a worker that waits for work, under a lease, as a part of another script. */
  offerCall(provider: string, lane: Lane, job: RequestJob, terms: OfferTerms): ScriptCall;
  /** Many at once, a few in one step: others wait behind it. */
  enqueueAll(provider: string, lane: Lane, jobs: readonly RequestJob[]): Promise<void>;
  /**
   * Before everything else that waits, and at once where it was put off; the one that a worker has stays with it. It is in
   * the queue all the time, and is put there where it has been lost. Safe to repeat; rejects where a worker takes it in
   * the same moment.
   */
  advance(provider: string, lane: Lane, job: RequestJob): Promise<void>;
  /** Takes a job out of the queue; false when a worker has it. True also when it is not there any more. */
  remove(provider: string, lane: Lane, job: RequestJob): Promise<boolean>;
  /** Brings back at once whatever waits there for a time to come. */
  promoteAll(provider: string, lane: Lane): Promise<void>;
  /** Jobs waiting and running, for readiness and metrics. */
  depth(provider: string, lane: Lane): Promise<{ waiting: number; active: number; delayed: number }>;
  close(): Promise<void>;
}

/** BullMQ's event stream of a queue, which nobody reads and only its own scripts write to. */
const EVENTS_MAX_LENGTH = 100;

/** Measured: others wait 4 ms behind 100 jobs (docs/reference/bullmq-and-ioredis.md section 4), ten times a request. */
const JOBS_AT_ONCE = 20;

/** What leave-turns.lua says of a request that a worker has. */
const LEASED = -1;

/** One step of a promotion blocks Redis for a few milliseconds. */
const PROMOTED_AT_ONCE = 500;

type RequestQueue = Queue<RequestJob, void, string>;

export function createQueueProducer(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): QueueProducer {
  const queues = new Map<string, RequestQueue>();

  const layouts = new Map<string, QueueLayout>();

  function layoutOf(provider: string, lane: Lane): QueueLayout {
    const name = queueName(provider, lane);
    let layout = layouts.get(name);
    if (layout === undefined) {
      layout = queueLayout(keyspace, provider, lane);
      layouts.set(name, layout);
    }
    return layout;
  }

  function queueOf(provider: string, lane: Lane): RequestQueue {
    const name = queueName(provider, lane);
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = new Queue(name, {
        connection: redis as unknown as ConnectionOptions,
        prefix: keyspace.queuePrefix(provider),
        defaultJobOptions: JOB_OPTIONS,
        streams: { events: { maxLen: EVENTS_MAX_LENGTH } },
        skipWaitingForReady: true,
        // The check asks Redis once, and a queue whose check has failed (Redis was away just then) fails for ever.
        skipVersionCheck: true,
      }) as RequestQueue;
      queue.on('error', onError);
      queues.set(name, queue);
    }
    return queue;
  }

  return {
    async enqueue(provider, lane, job, turn) {
      await runCall(redis, layoutOf(provider, lane).add([job], turn));
    },
    enqueueCall: (provider, lane, jobs, turn) => layoutOf(provider, lane).add(jobs, turn),
    offerCall: (provider, lane, job, terms) => layoutOf(provider, lane).offer(job, terms),
    async enqueueAll(provider, lane, jobs) {
      const layout = layoutOf(provider, lane);
      for (let from = 0; from < jobs.length; from += JOBS_AT_ONCE) {
        await runCall(redis, layout.add(jobs.slice(from, from + JOBS_AT_ONCE)));
      }
    },
    async advance(provider, lane, job) {
      if ((await runCall(redis, layoutOf(provider, lane).leaveTurns(job))) === LEASED) return;
      const queue = queueOf(provider, lane);
      // Does nothing where it is there already.
      await queue.add('request', job, { jobId: jobId(job), lifo: true });
      const queued = await queue.getJob(jobId(job));
      if (queued === undefined) return;
      if (await queued.isDelayed()) await queued.promote();
      // Without a priority of its own: to the end of the list that is fetched next.
      await queued.changePriority({ lifo: true });
    },
    async remove(provider, lane, job) {
      if ((await runCall(redis, layoutOf(provider, lane).leaveTurns(job))) === LEASED) return false;
      return (await queueOf(provider, lane).remove(jobId(job))) === 1;
    },
    async promoteAll(provider, lane) {
      const call = layoutOf(provider, lane).promote(PROMOTED_AT_ONCE);
      while (Number(await runCall(redis, call)) === PROMOTED_AT_ONCE);
    },
    async depth(provider, lane) {
      const [counts, leased] = await Promise.all([
        queueOf(provider, lane).getJobCounts('waiting', 'prioritized', 'active', 'delayed'),
        redis.zcard(keyspace.leases(queueName(provider, lane), provider)),
      ]);
      const waiting = (counts.waiting ?? 0) + (counts.prioritized ?? 0);
      return { waiting, active: (counts.active ?? 0) + leased, delayed: counts.delayed ?? 0 };
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}
