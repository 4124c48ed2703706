// The jobs that a pool processes. Locks of BullMQ's jobs, and leases of requests without a job (offer-job.lua), are renewed at a
// quarter of their duration, with one call for all locks and one for all leases.
import { runCall } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { LEASE_MS, LOCK_DURATION_MS, type QueueLayout, type TakenJob } from './bullmq-layout.ts';
import type { QueueWatch } from './queue-watch.ts';

export interface KeptJobsOptions {
  redis: RedisClient;
  layout: QueueLayout;
  watch: Pick<QueueWatch, 'bull'>;
  onError: (error: Error) => void;
}

export class KeptJobs {
  readonly #options: KeptJobsOptions;
  /** Tokens of their locks, by job id. */
  readonly #locked = new Map<string, string>();
  readonly #leased = new Set<string>();
  /** Run from the first job on: most of a thousand queues never have one. */
  #timers: NodeJS.Timeout[] | null = null;

  constructor(options: KeptJobsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#locked.size + this.#leased.size;
  }

  /** Jobs with a lock; the others have a lease. */
  get lockedSize(): number {
    return this.#locked.size;
  }

  has(id: string): boolean {
    return this.#locked.has(id) || this.#leased.has(id);
  }

  add({ id, lease }: TakenJob, token: string): void {
    this.#timers ??= [
      setInterval(() => void this.#extendLocks(), LOCK_DURATION_MS / 4),
      setInterval(() => void this.#renewLeases(), LEASE_MS / 4),
    ];
    if (lease === undefined) this.#locked.set(id, token);
    else this.#leased.add(id);
  }

  remove({ id, lease }: TakenJob): void {
    if (lease === undefined) this.#locked.delete(id);
    else this.#leased.delete(id);
  }

  stop(): void {
    for (const timer of this.#timers ?? []) clearInterval(timer);
  }

  async #extendLocks(): Promise<void> {
    if (this.#locked.size === 0) return;
    const [ids, tokens] = [[...this.#locked.keys()], [...this.#locked.values()]];
    await this.#options.watch.bull.extendLocks(ids, tokens, LOCK_DURATION_MS).catch(this.#options.onError);
  }

  async #renewLeases(): Promise<void> {
    if (this.#leased.size === 0) return;
    const { redis, layout, onError } = this.#options;
    await runCall(redis, layout.renewLeases([...this.#leased])).catch(onError);
  }
}
