// Takes jobs of one queue and works on as many at once as there are slots.
//
// BullMQ's own loop starts jobs only when the fetching ends. Here one blocking connection per queue waits for the queue to have
// something, and what it finds starts at once; when more wait, more fetchers join, without blocking, until the queue is
// empty; and a job that ends takes the next one in the same script. Most jobs do not come this way at all: they are
// handed over as they are accepted (hand-off.ts). Measured: docs/decisions/2026-11-20-own-fetch-loop.md.
import { type ConnectionOptions, UnrecoverableError } from 'bullmq';
import { jobId, type Lane, type RequestJob } from '../contracts/job.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runCall, runCallForBuffers, type ScriptCall, type ScriptFunction } from '../storage/lua-script.ts';
import { isCluster, type RedisClient } from '../storage/redis.ts';
import { isRedisTrouble, untilTaken } from '../storage/redis-trouble.ts';
import {
  type Lease,
  LOCK_DURATION_MS,
  type LockTerms,
  type QueueLayout,
  type QueueScripts,
  queueLayout,
  queueName,
  queueScripts,
  RareWorker,
  readFinished,
  readTaken,
  type Taken,
  type TakenJob,
} from './bullmq-layout.ts';
import type { HandOffDesk } from './hand-off.ts';
import { KeptJobs } from './kept-jobs.ts';

/** What the processor asks of the queue when it is done with a job for now. */
export type Disposition =
  /**
   * The request needs this job no more: it has its outcome, or went on to another queue. `closing` is done before the job
   * goes, in the same step where one server has all keys; it must be safe to repeat. `onClosed` gets its reply.
   */
  | { kind: 'complete'; closing?: ScriptCall; onClosed?: (reply: unknown) => void }
  /** Later again; its place among waiting requests is kept by the limiter, not by the queue. */
  | { kind: 'delay'; delayMs: number }
  /** At once, by another worker: this process is shutting down. */
  | { kind: 'give-back' };

/**
 * @param claim an array: what the script said that claimed the request as its job was taken; what `receive` was given with
 * a job that was handed off; null: nobody has claimed it yet.
 */
export type ProcessJob = (job: RequestJob, claim: unknown) => Promise<Disposition>;

type Complete = Extract<Disposition, { kind: 'complete' }>;

export interface ConsumerOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  provider: string;
  lane: Lane;
  /** Jobs worked on at once. It is asked for each time: it may change. */
  readonly slots: number;
  process: ProcessJob;
  /** Claims a job's request in the step that takes the job. A Redis Cluster has their keys on different servers: ignored. */
  claim?: ScriptFunction;
  /** Where it is given jobs, and as whom; absent: it only takes them. */
  handOffs?: { desk: Pick<HandOffDesk, 'correct'>; workerId: string };
  /** How often jobs of dead workers are looked for. */
  stalledIntervalMs?: number;
  /**
   * A job that BullMQ gives up: its workers died too often. It stays in the queue until this has resolved with
   * `complete`, so that a death in the middle of it leaves the job to the next worker.
   */
  onAbandoned: (job: RequestJob, error: Error) => Promise<Disposition>;
  onError: (error: Error) => void;
}

export interface QueueConsumer {
  /** How many more jobs there is room for. */
  readonly room: number;
  /** A request that was given to this worker without a job, under a lease. */
  receive(job: RequestJob, claim: unknown, lease: Lease): void;
  /** Since its queue has last answered, with a job or without; 0 while there is nothing to ask it for. */
  silentMs(): number;
  /** Stops fetching; resolves when no fetch is on its way any more. Jobs that run go on. */
  stopFetching(): Promise<void>;
  /** After `stopFetching`: waits until the running jobs are disposed of, then closes. */
  close(): Promise<void>;
}

const STALLED_INTERVAL_MS = 2_000;
const MAX_STALLED_COUNT = 2;
/** Seconds. Longer waits have been seen to survive a lost connection (taskforcesh/bullmq#4479). */
const DRAIN_DELAY_SECONDS = 5;
/** Jobs of a burst that are picked up per round trip. */
const MAX_EXTRA_FETCHES = 8;
const RETRY_AFTER_ERROR_MS = 500;

export function startQueueConsumer(options: ConsumerOptions): QueueConsumer {
  return new JobPool(options);
}

class JobPool implements QueueConsumer {
  readonly #options: ConsumerOptions;
  readonly #worker: RareWorker;
  readonly #layout: QueueLayout;
  readonly #scripts: QueueScripts;
  readonly #isCluster: boolean;
  /** The jobs that run. */
  readonly #running: KeptJobs;
  readonly #fetches = new Set<Promise<void>>();
  readonly #fetcher: Promise<void>;
  readonly #workerId: string;
  #tokens = 0;
  #extraFetches = 0;
  /** Nothing waited when the queue was last asked: its marker says when something does. */
  #isDrained = false;
  /** When the next delayed job is due, as far as known; unix ms, 0: none is. */
  #delayedUntilMs = 0;
  #isStopping = false;
  #answeredAtMs = performance.now();
  #waiters: (() => void)[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#workerId = options.handOffs?.workerId ?? '';
    this.#isCluster = isCluster(options.redis);
    this.#layout = queueLayout(options.keyspace, options.provider, options.lane);
    this.#scripts = queueScripts(this.#isCluster ? null : (options.claim ?? null));
    this.#worker = new RareWorker(queueName(options.provider, options.lane), {
      connection: options.redis as unknown as ConnectionOptions,
      prefix: options.keyspace.queuePrefix(options.provider),
      lockDuration: LOCK_DURATION_MS,
      stalledInterval: options.stalledIntervalMs ?? STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED_COUNT,
      drainDelay: DRAIN_DELAY_SECONDS,
    });
    this.#worker.on('error', options.onError);
    const { redis, onError } = options;
    this.#running = new KeptJobs({ redis, layout: this.#layout, worker: this.#worker, onError });
    this.#worker.startStalledCheckTimer().catch(options.onError);
    this.#fetcher = this.#fetchForever();
  }

  silentMs(): number {
    return this.#isStopping || !this.#hasRoom ? 0 : performance.now() - this.#answeredAtMs;
  }

  get room(): number {
    return Math.max(0, this.#options.slots - this.#running.size);
  }

  receive(job: RequestJob, claim: unknown, lease: Lease): void {
    const id = jobId(job);
    // Its lease ran out while the message was on its way, and it was fetched since.
    if (this.#running.has(id)) return;
    this.#start({ id, data: job, deferredFailure: null, claim, lease }, this.#workerId);
  }

  async stopFetching(): Promise<void> {
    this.#isStopping = true;
    this.#announceChange();
    await this.#worker.stopWaiting();
    await Promise.all([this.#fetcher, ...this.#fetches]);
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await this.#nextChange();
    this.#running.stop();
    await this.#worker.close();
  }

  get #hasRoom(): boolean {
    return this.#running.size + this.#extraFetches < this.#options.slots;
  }

  /** When a job or a fetch has ended, or the pool is told to stop. */
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
        if (this.#isDrained && !(await this.#mayHaveJob())) continue;
        // What was handed over meanwhile has taken the room: the marker is gone, and the job is still there.
        if (!this.#hasRoom) this.#isDrained = false;
        else if (!this.#isStopping) await this.#fetchOne();
      } catch (error) {
        if (this.#isStopping) return;
        this.#options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_ERROR_MS));
      }
    }
  }

  /** Waits for a job to come, or for a delayed one to be due; false where it has to wait again. */
  async #mayHaveJob(): Promise<boolean> {
    const dueAtMs = await this.#worker.waitForMarker(this.#delayedUntilMs);
    this.#answeredAtMs = performance.now();
    // Infinity: the wait was broken off, by a lost connection or the end of the pool.
    this.#delayedUntilMs = Number.isFinite(dueAtMs) ? dueAtMs : 0;
    return dueAtMs - Date.now() < 1;
  }

  async #fetchOne(): Promise<void> {
    const token = `${this.#worker.id}:${this.#tokens++}`;
    const taken = await this.#take(this.#lockTerms(token));
    this.#answeredAtMs = performance.now();
    this.#note(taken);
    if (taken.kind !== 'job') return;
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
    const byBullMq = await this.#worker.takeByBullMq(lock.token);
    if (byBullMq.kind === 'job') this.#correctRoom(-1);
    return byBullMq;
  }

  /** What BullMQ's own scripts have taken or put back. */
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

  /** A slot's life: one job after the other, as long as each brings a next one along. */
  async #run(first: TakenJob, token: string): Promise<void> {
    let job: TakenJob | undefined = first;
    while (job !== undefined) {
      const current: TakenJob = job;
      job = undefined;
      try {
        job = await this.#work(current, token);
      } catch (error) {
        // The lock was lost (the request has its own fence), or a bug: the stalled check sees to the job.
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
        if (job.deferredFailure === null) return insist(() => this.#finish(job, token, disposition));
        await insist(() => this.#giveUp(job.id, job.deferredFailure!, token));
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

  /** @param dueAtMs null: at once. */
  async #putBack({ id, data, lease }: TakenJob, token: string, dueAtMs: number | null): Promise<void> {
    if (lease !== undefined) {
      await runCall(this.#options.redis, this.#layout.putBack(data, dueAtMs, lease.turn()));
      return;
    }
    const job = await this.#worker.find(id);
    await (dueAtMs === null ? job.moveToWait(token) : job.moveToDelayed(dueAtMs, token));
  }

  async #finish(job: TakenJob, token: string, { closing, onClosed }: Complete): Promise<TakenJob | undefined> {
    const { redis } = this.#options;
    if (this.#isCluster && closing !== undefined) await runCall(redis, closing);
    // There may be fewer slots than when its job began.
    const wantsNext = !this.#isStopping && this.#running.size <= this.#options.slots;
    const lock = this.#lockTerms(token);
    const finished = { id: job.id, isLeased: job.lease !== undefined, wantsNext };
    const call = this.#layout.finish(this.#scripts, finished, lock, this.#isCluster ? null : (closing ?? null));
    const { taken, closed } = readFinished(await runCallForBuffers(redis, call));
    onClosed?.(closed);
    if (taken.kind === 'lost') throw new Error(`Missing lock for job ${job.id}`);
    // Delayed jobs that are due are the fetcher's to bring back.
    if (taken.kind === 'other') this.#isDrained = false;
    if (taken.kind !== 'job') return undefined;
    if (taken.hasMore) this.#fetchMore();
    return taken.job;
  }

  async #giveUp(id: string, reason: string, token: string): Promise<void> {
    await (await this.#worker.find(id)).moveToFailed(new UnrecoverableError(reason), token, false);
  }

  /** A job that Redis let nobody work on goes back to its queue; waiting for its lock to expire takes seconds. */
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
