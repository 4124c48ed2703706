// Takes jobs from one queue and processes as many concurrently as there are slots.
//
// BullMQ's own loop starts jobs only after the fetching has ended. Here one fetcher per queue waits for a job (queue-watch.ts) and
// starts it immediately; if more jobs wait, non-blocking fetchers join until the queue is empty; and the script that finishes
// a job takes the next one. Most requests never become jobs: they are handed over when they are accepted (hand-off.ts).
// Measured: docs/decisions/2026-11-20-own-fetch-loop.md.
import { randomUUID } from 'node:crypto';
import { UnrecoverableError } from 'bullmq';
import { jobId, type Lane, type RequestJob } from '../contracts/job.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runCall, runCallForBuffers, type ScriptCall } from '../storage/lua-script.ts';
import { isCluster, type RedisClient } from '../storage/redis.ts';
import { isRedisTrouble, untilTaken } from '../storage/redis-trouble.ts';
import {
  type Lease,
  LOCK_DURATION_MS,
  type LockTerms,
  type QueueLayout,
  type QueueScripts,
  queueLayout,
  queueScripts,
  readFinished,
  readTaken,
  type Taken,
  type TakenJob,
} from './bullmq-layout.ts';
import type { HandOffDesk } from './hand-off.ts';
import { KeptJobs } from './kept-jobs.ts';
import { QueueWatch } from './queue-watch.ts';
import type { QuietQueues } from './quiet-queues.ts';

/** What the processor wants done with a job that it stops working on. */
export type Disposition =
  /**
   * The request no longer needs this job: it has its outcome, or moved to another queue. `closing` runs before the job is
   * removed, in the same step if one server has all keys; it must be idempotent. `onClosed` receives its reply. `onOver` is
   * called at the end, also if that failed.
   */
  | { kind: 'complete'; closing?: ScriptCall; onClosed?: (reply: unknown) => void; onOver?: () => void }
  /** Again after a delay; the limiter, not the queue, keeps its place among waiting requests. */
  | { kind: 'delay'; delayMs: number }
  /** Immediately, by another worker: this process is shutting down. */
  | { kind: 'give-back' };

/**
 * @param claim an array: the reply of the script that claimed the request when its job was taken; for a request that was handed
 * off, the claim passed to `receive`; null: not claimed yet.
 */
export type ProcessJob = (job: RequestJob, claim: unknown) => Promise<Disposition>;

type Complete = Extract<Disposition, { kind: 'complete' }>;

export interface ConsumerOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  provider: string;
  lane: Lane;
  /** Jobs processed concurrently. Read each time, since it may change. */
  readonly slots: number;
  process: ProcessJob;
  /** Of several consumers, whose sources are long; absent: its own, which claim nothing. */
  scripts?: QueueScripts;
  /** The desk that hands requests to this worker, and the worker's id; absent: jobs come from the queue only. */
  handOffs?: { desk: Pick<HandOffDesk, 'correct'>; workerId: string };
  /** The common wait of queues without jobs; absent (always on Redis Cluster): this queue waits on a connection of its own. */
  quiet?: QuietQueues | undefined;
  /** How often jobs of dead workers are looked for. */
  stalledIntervalMs?: number;
  /**
   * Called for a job that BullMQ gives up because its workers died too often. The job stays in the queue until this resolves
   * with `complete`, so that the next worker gets it if this one dies meanwhile.
   */
  onAbandoned: (job: RequestJob, error: Error) => Promise<Disposition>;
  onError: (error: Error) => void;
}

export interface QueueConsumer {
  /** Number of further jobs that can start. */
  readonly room: number;
  /** Starts a request that was handed to this worker under a lease, without a job. */
  receive(job: RequestJob, claim: unknown, lease: Lease): void;
  /** Time since the queue last answered, with or without a job; 0 while nothing is fetched. */
  silentMs(): number;
  /** Stops fetching; resolves when no fetch is in flight. Running jobs continue. */
  stopFetching(): Promise<void>;
  /** After `stopFetching`: waits until the running jobs are disposed of, then closes. */
  close(): Promise<void>;
}

/** Jobs of a burst that are picked up per round trip. */
const MAX_EXTRA_FETCHES = 8;
const RETRY_AFTER_ERROR_MS = 500;

export function startQueueConsumer(options: ConsumerOptions): QueueConsumer {
  return new JobPool(options);
}

class JobPool implements QueueConsumer {
  readonly #options: ConsumerOptions;
  readonly #watch: QueueWatch;
  /** Identifies this pool in the tokens of its locks. */
  readonly #id = randomUUID();
  readonly #layout: QueueLayout;
  readonly #scripts: QueueScripts;
  readonly #isCluster: boolean;
  /** Running jobs. */
  readonly #running: KeptJobs;
  readonly #fetches = new Set<Promise<void>>();
  readonly #fetcher: Promise<void>;
  readonly #workerId: string;
  #tokens = 0;
  #extraFetches = 0;
  /** Nothing waited at the last fetch: the queue's marker signals the next job. */
  #isDrained = false;
  /** When the next delayed job is due, as far as known, unix ms; 0: none. */
  #delayedUntilMs = 0;
  #isStopping = false;
  #answeredAtMs = performance.now();
  #waiters: (() => void)[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#workerId = options.handOffs?.workerId ?? '';
    this.#isCluster = isCluster(options.redis);
    this.#layout = queueLayout(options.keyspace, options.provider, options.lane);
    this.#scripts = options.scripts ?? queueScripts(null);
    const { redis, keyspace, provider, lane, quiet, stalledIntervalMs, onError } = options;
    // Without a quiet wait the first fetch shows whether there are jobs, with it the first look.
    this.#isDrained = quiet !== undefined;
    const isBusy = () => this.#running.lockedSize + this.#extraFetches > 0;
    this.#watch = new QueueWatch({ redis, keyspace, provider, lane, quiet, stalledIntervalMs, isBusy, onError });
    this.#running = new KeptJobs({ redis, layout: this.#layout, watch: this.#watch, onError });
    this.#fetcher = this.#fetchForever();
  }

  silentMs(): number {
    return this.#isStopping || !this.#hasRoom ? 0 : this.#watch.silentMs(this.#answeredAtMs);
  }

  get room(): number {
    return Math.max(0, this.#options.slots - this.#running.size);
  }

  receive(job: RequestJob, claim: unknown, lease: Lease): void {
    const id = jobId(job);
    // Its lease expired while the message was in transit, and its job has been fetched since.
    if (this.#running.has(id)) return;
    this.#start({ id, data: job, deferredFailure: null, claim, lease }, this.#workerId);
  }

  async stopFetching(): Promise<void> {
    this.#isStopping = true;
    this.#announceChange();
    await this.#watch.stop();
    await Promise.all([this.#fetcher, ...this.#fetches]);
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await this.#nextChange();
    this.#running.stop();
    await this.#watch.close();
  }

  get #hasRoom(): boolean {
    return this.#running.size + this.#extraFetches < this.#options.slots;
  }

  /** Resolves when a job or a fetch ends, or when the pool is stopped. */
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
        // Jobs of dead workers are looked for meanwhile.
        this.#watch.wake();
        await this.#nextChange();
        this.#answeredAtMs = performance.now();
        continue;
      }
      try {
        if (this.#isDrained && !(await this.#mayHaveJob())) continue;
        // Requests handed over meanwhile took the room: the marker is consumed, but the job still waits.
        if (!this.#hasRoom) this.#isDrained = false;
        else if (!this.#isStopping) await this.#fetchOne();
      } catch (error) {
        if (this.#isStopping) return;
        this.#options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_ERROR_MS));
      }
    }
  }

  /** Waits for a job to arrive or a delayed one to be due; false if it has to wait again. */
  async #mayHaveJob(): Promise<boolean> {
    const dueAtMs = await this.#watch.forJob(this.#delayedUntilMs);
    this.#answeredAtMs = performance.now();
    // Infinity: the wait was interrupted by a lost connection or by the end of the pool.
    this.#delayedUntilMs = Number.isFinite(dueAtMs) ? dueAtMs : 0;
    return dueAtMs - Date.now() < 1;
  }

  async #fetchOne(): Promise<void> {
    const token = `${this.#id}:${this.#tokens++}`;
    const taken = await this.#take(this.#lockTerms(token));
    this.#answeredAtMs = performance.now();
    this.#note(taken);
    if (taken.kind !== 'job') return;
    this.#watch.wake();
    this.#start(taken.job, token);
    if (taken.hasMore) this.#fetchMore();
  }

  #lockTerms(token: string): LockTerms {
    return { token, durationMs: LOCK_DURATION_MS, workerId: this.#workerId };
  }

  async #take(lock: LockTerms): Promise<Taken> {
    const call = this.#layout.take(this.#scripts, lock);
    const taken = readTaken(await runCallForBuffers(this.#options.redis, call));
    if (taken.kind !== 'other') return taken;
    const byBullMq = await this.#watch.bull.takeByBullMq(lock.token);
    if (byBullMq.kind === 'job') this.#correctRoom(-1);
    return byBullMq;
  }

  /** Counts a job that BullMQ's own scripts took or put back. */
  #correctRoom(change: 1 | -1): void {
    this.#options.handOffs?.desk.correct(this.#options.provider, change);
  }

  #note(taken: Taken): void {
    if (taken.kind === 'lost' || taken.kind === 'other') return;
    this.#isDrained = taken.kind === 'none' || !taken.hasMore;
    this.#delayedUntilMs = taken.delayedUntilMs;
  }

  #fetchMore(): void {
    if (this.#isStopping || !this.#hasRoom || this.#extraFetches >= MAX_EXTRA_FETCHES) return;
    this.#extraFetches += 1;
    const fetch = this.#fetchOne()
      .catch(this.#options.onError)
      .finally(() => {
        this.#extraFetches -= 1;
        this.#fetches.delete(fetch);
        this.#announceChange();
      });
    this.#fetches.add(fetch);
  }

  #start(job: TakenJob, token: string): void {
    this.#running.add(job, token);
    void this.#run(job, token);
  }

  /** Runs one slot: processes jobs one after the other, as long as finishing one yields the next. */
  async #run(first: TakenJob, token: string): Promise<void> {
    let job: TakenJob | undefined = first;
    while (job !== undefined) {
      const current: TakenJob = job;
      job = undefined;
      try {
        job = await this.#work(current, token);
      } catch (error) {
        // The lock was lost (the request has its own fence), or there is a bug: the stalled check recovers the job.
        this.#options.onError(error as Error);
      }
      this.#running.remove(current);
      if (job !== undefined) this.#running.add(job, token);
      if (this.#hasRoom) this.#announceChange();
    }
    this.#announceChange();
  }

  async #work(job: TakenJob, token: string): Promise<TakenJob | undefined> {
    const disposition = await this.#processed(job);
    const insist = <T>(act: () => Promise<T>) => untilTaken(act, { onError: this.#options.onError });
    switch (disposition.kind) {
      case 'complete':
        try {
          if (job.deferredFailure === null) return await insist(() => this.#finish(job, token, disposition));
          await insist(() => this.#giveUp(job.id, job.deferredFailure!, token));
        } finally {
          disposition.onOver?.();
        }
        break;
      case 'delay':
      case 'give-back': {
        const dueAtMs = disposition.kind === 'delay' ? Date.now() + disposition.delayMs : null;
        await insist(() => this.#putBack(job, token, dueAtMs));
      }
    }
    this.#correctRoom(1);
    return undefined;
  }

  /** @param dueAtMs null: immediately. */
  async #putBack({ id, data, lease }: TakenJob, token: string, dueAtMs: number | null): Promise<void> {
    if (lease !== undefined) {
      await runCall(this.#options.redis, this.#layout.putBack(data, dueAtMs, lease.turn()));
      return;
    }
    const job = await this.#watch.bull.find(id);
    await (dueAtMs === null ? job.moveToWait(token) : job.moveToDelayed(dueAtMs, token));
  }

  async #finish(job: TakenJob, token: string, { closing, onClosed }: Complete): Promise<TakenJob | undefined> {
    const { redis } = this.#options;
    if (this.#isCluster && closing !== undefined) await runCall(redis, closing);
    // The number of slots may have shrunk since the job began.
    const wantsNext = !this.#isStopping && this.#running.size <= this.#options.slots;
    const lock = this.#lockTerms(token);
    const finished = { id: job.id, isLeased: job.lease !== undefined, wantsNext };
    const call = this.#layout.finish(this.#scripts, finished, lock, this.#isCluster ? null : (closing ?? null));
    const { taken, closed } = readFinished(await runCallForBuffers(redis, call));
    onClosed?.(closed);
    if (taken.kind === 'lost') throw new Error(`Missing lock for job ${job.id}`);
    // Left to the fetcher, which falls back to BullMQ's own script.
    if (taken.kind === 'other') this.#isDrained = false;
    if (taken.kind !== 'job') return undefined;
    if (taken.hasMore) this.#fetchMore();
    return taken.job;
  }

  async #giveUp(id: string, reason: string, token: string): Promise<void> {
    await (await this.#watch.bull.find(id)).moveToFailed(new UnrecoverableError(reason), token, false);
  }

  /** A job that failed because of Redis is put back into its queue; waiting for its lock to expire would take seconds. */
  async #processed({ data, claim, deferredFailure }: TakenJob): Promise<Disposition> {
    try {
      return deferredFailure === null
        ? await this.#options.process(data, claim)
        : await this.#options.onAbandoned(data, new Error(deferredFailure));
    } catch (error) {
      if (!isRedisTrouble(error as Error)) throw error;
      this.#options.onError(error as Error);
      return { kind: 'delay', delayMs: RETRY_AFTER_ERROR_MS };
    }
  }
}
