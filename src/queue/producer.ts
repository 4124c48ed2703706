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
  /** Adding a job that still exists has no effect. @param turn absent: the job goes before all that take turns. */
  enqueue(provider: string, lane: Lane, job: RequestJob, turn?: Turn): Promise<void>;
  /** The same, as part of another script. */
  enqueueCall(provider: string, lane: Lane, jobs: readonly RequestJob[], turn?: Turn): ScriptCall;
  /** Hands it to a free worker under a lease, as part of another script. */
  offerCall(provider: string, lane: Lane, job: RequestJob, terms: OfferTerms): ScriptCall;
  /** Adds many jobs, a few per step, because other commands wait for each step. */
  enqueueAll(provider: string, lane: Lane, jobs: readonly RequestJob[]): Promise<void>;
  /**
   * Moves a job before all others that wait, even if it was delayed; a job that a worker has stays there. The job is in the
   * queue at all times, and is added if it was lost. Idempotent; rejects if a worker takes the job at the same moment.
   */
  advance(provider: string, lane: Lane, job: RequestJob): Promise<void>;
  /** Removes a job from the queue; false if a worker has it. True also if it is no longer there. */
  remove(provider: string, lane: Lane, job: RequestJob): Promise<boolean>;
  /** Makes all delayed jobs due immediately. */
  promoteAll(provider: string, lane: Lane): Promise<void>;
  /** Jobs waiting and running, for readiness and metrics. */
  depth(provider: string, lane: Lane): Promise<{ waiting: number; active: number; delayed: number }>;
  close(): Promise<void>;
}

/** Length of BullMQ's event stream of a queue, which only its own scripts write and nothing reads. */
const EVENTS_MAX_LENGTH = 100;

/** Measured: 100 jobs block Redis for 4 ms (docs/reference/bullmq-and-ioredis.md section 4), ten times as long as a request. */
const JOBS_AT_ONCE = 20;

/** Reply of leave-turns.lua for a request that a worker has under a lease. */
const LEASED = -1;

/** One step of this size blocks Redis for a few milliseconds. */
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
        // The check runs once; if Redis is unavailable at that moment, the queue fails permanently.
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
      // Has no effect if the job exists.
      await queue.add('request', job, { jobId: jobId(job), lifo: true });
      const queued = await queue.getJob(jobId(job));
      if (queued === undefined) return;
      if (await queued.isDelayed()) await queued.promote();
      // Removes its priority and moves it to the end of the list that is fetched next.
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
