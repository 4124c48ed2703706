// Takes jobs of one queue and works on as many at once as there are slots.
//
// BullMQ's own loop fetches one job after the other, starts them only when the fetching ends, and with many small
// instances (its remedy) pays five scripts and two blocking reads per job while the pool is not full. This one uses
// BullMQ's manual fetching (docs.bullmq.io/patterns/manually-fetching-jobs) with one blocking connection per queue:
// - one fetcher waits for the queue to have something, and what it finds starts at once;
// - when it finds several in a row there is a burst: more fetchers join, without blocking, until the queue is empty;
// - a job that ends brings the next one along in the same script.
// Measured (bench/run.ts, docs/decisions/2026-11-20-own-fetch-loop.md); what BullMQ does by itself:
// docs/reference/bullmq-and-ioredis.md sections 2 and 3.
import { type ConnectionOptions, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Lane, RequestJob } from '../contracts/job.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { isRedisTrouble, untilTaken } from '../storage/redis-trouble.ts';
import { queueName } from './queue-names.ts';

/** What the processor asks of the queue when it is done with a job for now. */
export type Disposition =
  /** The request needs this job no more: it has its outcome, or went on to another queue. */
  | { kind: 'complete' }
  /** Later again; its place among waiting requests is kept by the limiter, not by the queue. */
  | { kind: 'delay'; delayMs: number }
  /** At once, by another worker: this process is shutting down. */
  | { kind: 'give-back' };

export type ProcessJob = (job: RequestJob) => Promise<Disposition>;

export interface ConsumerOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  provider: string;
  lane: Lane;
  /** Jobs worked on at once. It is asked for each time: it may change. */
  readonly slots: number;
  process: ProcessJob;
  /** How often jobs of dead workers are looked for; default: STALLED_INTERVAL_MS. */
  stalledIntervalMs?: number;
  /**
   * A job that BullMQ gives up: its workers died too often. It stays in the queue until this has resolved with
   * `complete`, so that a death in the middle of it leaves the job to the next worker.
   */
  onAbandoned: (job: RequestJob, error: Error) => Promise<Disposition>;
  onError: (error: Error) => void;
}

export interface QueueConsumer {
  /** Since its queue has last answered, with a job or without; 0 while there is nothing to ask it for. */
  silentMs(): number;
  /** Stops fetching; resolves when no fetch is on its way any more. Jobs that run go on. */
  stopFetching(): Promise<void>;
  /** After `stopFetching`: waits until the running jobs are disposed of, then closes. */
  close(): Promise<void>;
}

/**
 * A worker that is killed loses its jobs to others in under ten seconds: a lock, renewed every quarter of it, and at most
 * one interval between two looks. Measured over 120 jobs and six kills: 6.0 to 8.1 s (10 s and 5 s: 10.0 to 15.1 s).
 */
const LOCK_DURATION_MS = 6_000;
const STALLED_INTERVAL_MS = 2_000;
const MAX_STALLED_COUNT = 2;
/** Seconds. Longer waits have been seen to survive a lost connection (taskforcesh/bullmq#4479). */
const DRAIN_DELAY_SECONDS = 5;
/** Fetches without blocking that are on their way at once: so many jobs of a burst are picked up per round trip. */
const MAX_EXTRA_FETCHES = 8;
const RETRY_AFTER_ERROR_MS = 500;

type RequestWorker = Worker<RequestJob, void, string>;
type QueueJob = Job<RequestJob, void, string>;

export function startQueueConsumer(options: ConsumerOptions): QueueConsumer {
  return new JobPool(options);
}

/** Makes what BullMQ keeps to its own loop usable from another: the job that a finished one brings along. */
class FetchingWorker extends Worker<RequestJob, void, string> {
  async completeAndFetch(job: QueueJob, token: string, wantsNext: boolean): Promise<QueueJob | undefined> {
    const next: unknown = await job.moveToCompleted(undefined, token, wantsNext);
    if (!Array.isArray(next) || !next[0]) return undefined;
    return this.nextJobFromJobData(next[0], next[1] as string, token);
  }
}

class JobPool implements QueueConsumer {
  readonly #options: ConsumerOptions;
  readonly #worker: FetchingWorker;
  /** Tokens of the jobs that run, by job id. */
  readonly #running = new Map<string, string>();
  readonly #fetches = new Set<Promise<void>>();
  readonly #lockTimer: NodeJS.Timeout;
  readonly #fetcher: Promise<void>;
  #tokens = 0;
  #extraFetches = 0;
  #foundInARow = 0;
  #isStopping = false;
  #answeredAtMs = performance.now();
  /** Whoever waits for a slot, or for the last job to end. */
  #waiters: (() => void)[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#worker = new FetchingWorker(queueName(options.provider, options.lane), null, {
      connection: options.redis as unknown as ConnectionOptions,
      prefix: options.keyspace.queuePrefix(options.provider),
      autorun: false,
      lockDuration: LOCK_DURATION_MS,
      stalledInterval: options.stalledIntervalMs ?? STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED_COUNT,
      drainDelay: DRAIN_DELAY_SECONDS,
    });
    this.#worker.on('error', options.onError);
    this.#lockTimer = setInterval(() => void this.#extendLocks(), LOCK_DURATION_MS / 4);
    this.#worker.startStalledCheckTimer().catch(options.onError);
    this.#fetcher = this.#fetchForever();
  }

  silentMs(): number {
    return this.#isStopping || !this.#hasRoom ? 0 : performance.now() - this.#answeredAtMs;
  }

  async stopFetching(): Promise<void> {
    this.#isStopping = true;
    this.#announceChange();
    await this.#worker.backend.disconnectBlocking(true);
    await Promise.all([this.#fetcher, ...this.#fetches]);
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await this.#nextChange();
    clearInterval(this.#lockTimer);
    await this.#worker.close();
  }

  /** There are fewer slots than when these jobs began. */
  get #isOverfull(): boolean {
    return this.#running.size > this.#options.slots;
  }

  get #hasRoom(): boolean {
    return this.#running.size + this.#extraFetches < this.#options.slots;
  }

  /** Resolves when a job or a fetch has ended, or the pool is told to stop. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #announceChange(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #fetchForever(): Promise<void> {
    while (!this.#isStopping) {
      if (!this.#hasRoom) {
        await this.#nextChange();
        this.#answeredAtMs = performance.now();
        continue;
      }
      try {
        await this.#fetchOne(true);
      } catch (error) {
        if (this.#isStopping) return;
        this.#options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_ERROR_MS));
      }
    }
  }

  async #fetchOne(isBlocking: boolean): Promise<void> {
    const token = `${this.#worker.id}:${this.#tokens++}`;
    const job = (await this.#worker.getNextJob(token, { block: isBlocking })) as QueueJob | undefined;
    this.#answeredAtMs = performance.now();
    if (job === undefined) {
      this.#foundInARow = 0;
      return;
    }
    this.#foundInARow += 1;
    this.#start(job, token);
    if (this.#foundInARow > 1) this.#fetchMore();
  }

  #fetchMore(): void {
    if (this.#isStopping || !this.#hasRoom || this.#extraFetches >= MAX_EXTRA_FETCHES) return;
    this.#extraFetches += 1;
    const fetch = this.#fetchOne(false)
      .catch(this.#options.onError)
      .finally(() => {
        this.#extraFetches -= 1;
        this.#fetches.delete(fetch);
        this.#announceChange();
      });
    this.#fetches.add(fetch);
  }

  #start(job: QueueJob, token: string): void {
    this.#running.set(job.id!, token);
    void this.#run(job, token);
  }

  /** A slot's life: one job after the other, as long as each brings a next one along. */
  async #run(first: QueueJob, token: string): Promise<void> {
    let job: QueueJob | undefined = first;
    while (job !== undefined) {
      const current: QueueJob = job;
      job = undefined;
      try {
        job = await this.#work(current, token);
      } catch (error) {
        // The lock was lost (the request has its own fence), or a bug: the stalled check sees to the job.
        this.#options.onError(error as Error);
      }
      this.#running.delete(current.id!);
      if (job !== undefined) this.#running.set(job.id!, token);
      // There may be more slots than before: the fetcher waits for a change only.
      if (this.#hasRoom) this.#announceChange();
    }
    this.#announceChange();
  }

  async #work(job: QueueJob, token: string): Promise<QueueJob | undefined> {
    const reason = job.deferredFailure;
    const disposition = await this.#processed(job, reason);
    const insist = <T>(act: () => Promise<T>) => untilTaken(act, { onError: this.#options.onError });
    switch (disposition.kind) {
      case 'complete':
        if (!reason) {
          return insist(() => this.#worker.completeAndFetch(job, token, !this.#isStopping && !this.#isOverfull));
        }
        await insist(() => job.moveToFailed(new UnrecoverableError(reason), token, false));
        return undefined;
      case 'delay':
        await insist(() => job.moveToDelayed(Date.now() + disposition.delayMs, token));
        return undefined;
      case 'give-back':
        await insist(() => job.moveToWait(token));
        return undefined;
    }
  }

  /** A job that Redis let nobody work on goes back to its queue; waiting for its lock to expire takes seconds. */
  async #processed(job: QueueJob, reason: string | undefined): Promise<Disposition> {
    try {
      return reason
        ? await this.#options.onAbandoned(job.data, new Error(reason))
        : await this.#options.process(job.data);
    } catch (error) {
      if (!isRedisTrouble(error as Error)) throw error;
      this.#options.onError(error as Error);
      return { kind: 'delay', delayMs: RETRY_AFTER_ERROR_MS };
    }
  }

  async #extendLocks(): Promise<void> {
    if (this.#running.size === 0) return;
    const [ids, tokens] = [[...this.#running.keys()], [...this.#running.values()]];
    try {
      await (this.#worker as RequestWorker).extendJobLocks(ids, tokens, LOCK_DURATION_MS);
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }
}
