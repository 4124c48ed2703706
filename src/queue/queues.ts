// BullMQ as the broker uses it: two queues per provider, jobs that are references only, Workers in many small instances.
// Reasons for every option: ../shared/reference/bullmq-6-ioredis-6.md, DESIGN.md section 7.
import {
  type ConnectionOptions,
  DelayedError,
  type Job,
  Queue,
  WaitingError,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { jobId, type Lane, type RequestJob } from '../contracts/job.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export function queueName(provider: string, lane: Lane): string {
  return `${provider}-${lane}`;
}

export interface QueueProducer {
  /** The same job added twice is one job while it exists. */
  enqueue(provider: string, lane: Lane, job: RequestJob): Promise<void>;
  /** Takes a waiting job out; false when it is not waiting (running or finished). */
  remove(provider: string, lane: Lane, job: RequestJob): Promise<boolean>;
  /** Jobs waiting and running, for readiness and metrics. */
  depth(provider: string, lane: Lane): Promise<{ waiting: number; active: number; delayed: number }>;
  close(): Promise<void>;
}

/** Of BullMQ's own event stream per queue, which nobody reads: enough to look at, not enough to matter. */
const EVENTS_MAX_LENGTH = 1_000;
/** A failed job means that its request was lost by crashing workers, or a bug: kept for a look. */
const KEEP_FAILED = { age: 24 * 3_600, count: 5_000 };

type RequestQueue = Queue<RequestJob, void, string>;

export function createQueueProducer(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): QueueProducer {
  const queues = new Map<string, RequestQueue>();

  function queueOf(provider: string, lane: Lane): RequestQueue {
    const name = queueName(provider, lane);
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = new Queue(name, {
        connection: redis as unknown as ConnectionOptions,
        prefix: keyspace.queuePrefix(provider),
        defaultJobOptions: { removeOnComplete: true, removeOnFail: KEEP_FAILED, attempts: 1, stackTraceLimit: 1 },
        streams: { events: { maxLen: EVENTS_MAX_LENGTH } },
        skipWaitingForReady: true,
      }) as RequestQueue;
      queue.on('error', onError);
      queues.set(name, queue);
    }
    return queue;
  }

  return {
    async enqueue(provider, lane, job) {
      await queueOf(provider, lane).add('request', job, { jobId: jobId(job) });
    },
    async remove(provider, lane, job) {
      return (await queueOf(provider, lane).remove(jobId(job))) === 1;
    },
    async depth(provider, lane) {
      const counts = await queueOf(provider, lane).getJobCounts('waiting', 'active', 'delayed');
      return { waiting: counts.waiting ?? 0, active: counts.active ?? 0, delayed: counts.delayed ?? 0 };
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

/** What the processor asks of the queue when it cannot finish the job now. */
export type Disposition =
  /** The request needs this job no more: it has its outcome, or went on to another queue. */
  | { kind: 'complete' }
  /** Later again; its place among waiting requests is kept by the limiter, not by the queue. */
  | { kind: 'delay'; delayMs: number }
  /** At once, by another worker: this process is shutting down. */
  | { kind: 'give-back' };

export type ProcessJob = (job: RequestJob) => Promise<Disposition>;

/** A worker that is killed loses its jobs to others in under ten seconds (measured: 6.0 to 9.7 s). */
const LOCK_DURATION_MS = 10_000;
const STALLED_INTERVAL_MS = 5_000;
const MAX_STALLED_COUNT = 2;
/** Seconds. Longer waits have been seen to survive a lost connection (taskforcesh/bullmq#4479). */
const DRAIN_DELAY_SECONDS = 5;

export interface ConsumerOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  provider: string;
  lane: Lane;
  /** Jobs worked on at once. */
  slots: number;
  slotsPerInstance: number;
  process: ProcessJob;
  /** A job that BullMQ gave up: its workers died too often, or the processor has a bug. */
  onAbandoned: (job: RequestJob, error: Error) => void;
  onError: (error: Error) => void;
}

export interface QueueConsumer {
  /** Stops fetching, waits until running jobs are disposed of. */
  close(): Promise<void>;
}

/**
 * Starts the Workers of one queue. A BullMQ Worker fetches one job after the other and starts what it fetched only when
 * its slots are full, so one large instance answers a burst ten times slower than many small ones.
 */
export function startQueueConsumer(options: ConsumerOptions): QueueConsumer {
  const instances = Math.ceil(options.slots / options.slotsPerInstance);
  const workers = Array.from({ length: instances }, (_, index) => {
    const concurrency = Math.min(options.slotsPerInstance, options.slots - index * options.slotsPerInstance);
    return startWorker(options, concurrency);
  });
  return {
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

function startWorker(options: ConsumerOptions, concurrency: number): Worker<RequestJob, void, string> {
  const settings: WorkerOptions = {
    connection: options.redis as unknown as ConnectionOptions,
    prefix: options.keyspace.queuePrefix(options.provider),
    concurrency,
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    drainDelay: DRAIN_DELAY_SECONDS,
  };
  const worker = new Worker<RequestJob, void, string>(
    queueName(options.provider, options.lane),
    (job, token) => processOne(options.process, job, token!),
    settings,
  );
  worker.on('error', options.onError);
  worker.on('failed', (job, error) => {
    if (job !== undefined) options.onAbandoned(job.data, error);
  });
  return worker;
}

async function processOne(process: ProcessJob, job: Job<RequestJob, void, string>, token: string): Promise<void> {
  const disposition = await process(job.data);
  switch (disposition.kind) {
    case 'complete':
      return;
    case 'delay':
      await job.moveToDelayed(Date.now() + disposition.delayMs, token);
      throw new DelayedError();
    case 'give-back':
      await job.moveToWait(token);
      throw new WaitingError();
  }
}
