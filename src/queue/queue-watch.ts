// How a pool learns of jobs in its queue. A queue that has had none for a while is *quiet*: it shares one connection and one check
// with all others (quiet-queues.ts). Otherwise it is *awake*: BullMQ's worker waits on a connection of its own and looks for jobs
// of dead workers.
import type { ConnectionOptions } from 'bullmq';
import type { Lane } from '../contracts/job.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import { LOCK_DURATION_MS, queueBase, queueName, RareWorker } from './bullmq-layout.ts';
import type { QuietQueues } from './quiet-queues.ts';

export interface QueueWatchOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  provider: string;
  lane: Lane;
  /** Absent: the queue is always awake. */
  quiet: QuietQueues | undefined;
  stalledIntervalMs: number | undefined;
  /** The pool has jobs or fetches of this queue in hand. */
  isBusy: () => boolean;
  onError: (error: Error) => void;
}

const STALLED_INTERVAL_MS = 2_000;
const MAX_STALLED_COUNT = 2;
/** Seconds. Longer waits were seen to outlast a lost connection (taskforcesh/bullmq#4479). */
const DRAIN_DELAY_SECONDS = 5;
/** After the last sign of a job. */
const AWAKE_MS = 30_000;

export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #name: string;
  readonly #base: string;
  #bull: RareWorker | null = null;
  #closing: Promise<unknown> = Promise.resolve();
  #awakeUntilMs = 0;
  #isQuiet = false;
  #isStopping = false;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
    this.#name = queueName(options.provider, options.lane);
    this.#base = queueBase(options.keyspace, options.provider, options.lane);
    if (options.quiet === undefined) this.wake();
  }

  /** BullMQ's worker, for rare operations. */
  get bull(): RareWorker {
    this.#bull ??= this.#openBull();
    return this.#bull;
  }

  /** A job was seen. */
  wake(): void {
    this.#awakeUntilMs = performance.now() + AWAKE_MS;
    // Not before a fetch that is being sent in this turn.
    if (this.#bull === null) setImmediate(() => this.#isStopping || this.bull);
  }

  /** Waits until there may be a job; resolves with 0 for now, else with the unix ms at which a delayed one is due. */
  async forJob(delayedUntilMs: number): Promise<number> {
    const { quiet, isBusy } = this.#options;
    const isQuiet = performance.now() >= this.#awakeUntilMs && delayedUntilMs === 0 && !isBusy();
    if (quiet === undefined || !isQuiet) return this.bull.waitForMarker(delayedUntilMs);
    this.#closeBull();
    this.#isQuiet = true;
    try {
      return await quiet.wait(this.#base);
    } finally {
      this.#isQuiet = false;
      if (!this.#isStopping) this.wake();
    }
  }

  /** @param answeredAtMs when the queue last answered, `performance.now()`. */
  silentMs(answeredAtMs: number): number {
    return this.#isQuiet ? this.#options.quiet!.silentMs() : performance.now() - answeredAtMs;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#options.quiet?.leave(this.#base);
    await this.#bull?.stopWaiting();
  }

  /** After `stop`. */
  async close(): Promise<void> {
    this.#closeBull();
    await this.#closing;
  }

  #openBull(): RareWorker {
    const { redis, keyspace, provider, stalledIntervalMs = STALLED_INTERVAL_MS, onError } = this.#options;
    const bull = new RareWorker(this.#name, {
      connection: redis as unknown as ConnectionOptions,
      prefix: keyspace.queuePrefix(provider),
      lockDuration: LOCK_DURATION_MS,
      stalledInterval: stalledIntervalMs,
      maxStalledCount: MAX_STALLED_COUNT,
      drainDelay: DRAIN_DELAY_SECONDS,
    });
    bull.on('error', onError);
    bull.startStalledCheckTimer().catch(onError);
    return bull;
  }

  #closeBull(): void {
    const bull = this.#bull;
    this.#bull = null;
    if (bull !== null) this.#closing = Promise.all([this.#closing, bull.close().catch(this.#options.onError)]);
  }
}
