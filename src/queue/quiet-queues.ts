// Waits for jobs of all queues of a process that have had none for a while, over one connection. Queues with jobs wait on a
// connection of their own (queue-watch.ts), because each job would interrupt this common wait twice.
//
// The common wait is a BZPOPMIN on the markers of all these queues and on a key of this process, which ends the wait when a queue
// joins. Every two seconds a script looks whether a queue has jobs without a marker: lost ones, those of other workers, which may
// die, and delayed ones. Only if one server has all keys.
// Why: docs/decisions/2026-11-29-quiet-queues.md.
import { loadLuaScript, runCall } from '../storage/lua-script.ts';
import { withinOwnTime } from '../storage/own-time.ts';
import { disconnectRedis, type RedisClient } from '../storage/redis.ts';

export interface QuietQueues {
  /**
   * Resolves when the queue may have a job, or another worker has one of its jobs: with 0, or the unix ms at which a delayed one
   * is due; with Infinity after `leave`.
   * @param base prefix of the queue's keys.
   */
  wait(base: string): Promise<number>;
  /** Ends the wait. */
  leave(base: string): void;
  /** Time since Redis last answered; 0 while no queue waits. */
  silentMs(): number;
  stop(): void;
}

export interface QuietQueuesOptions {
  redis: RedisClient;
  /** A connection in the `consumer` profile, not shared: it blocks. */
  blocking: RedisClient;
  /** A key that only this process uses. */
  joinedKey: string;
  onError: (error: Error) => void;
}

const LOOK_EVERY_MS = 2_000;
/** A blocked connection that answers this much too late is taken for lost. */
const LATE_MS = 1_000;
const JOINED_LASTS_MS = 10_000;
const RETRY_AFTER_ERROR_MS = 500;

const lookScript = loadLuaScript(import.meta.url, './quiet-queues.lua');

export function createQuietQueues(options: QuietQueuesOptions): QuietQueues {
  return new CommonWait(options);
}

class CommonWait implements QuietQueues {
  readonly #options: QuietQueuesOptions;
  /** By prefix of the queue's keys. */
  readonly #waiting = new Map<string, (dueAtMs: number) => void>();
  #isRunning = false;
  #isStopped = false;
  #isBlocked = false;
  #isInterrupted = false;
  #lookAtMs = 0;
  #answeredAtMs = performance.now();

  constructor(options: QuietQueuesOptions) {
    this.#options = options;
  }

  wait(base: string): Promise<number> {
    if (this.#isStopped) return Promise.resolve(Number.POSITIVE_INFINITY);
    const waited = new Promise<number>((resolve) => this.#waiting.set(base, resolve));
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#answeredAtMs = performance.now();
      // Queues that join in the same turn are included.
      setImmediate(() => void this.#run());
    } else if (this.#isBlocked && !this.#isInterrupted) this.#interrupt();
    return waited;
  }

  leave(base: string): void {
    this.#end(base, Number.POSITIVE_INFINITY);
  }

  silentMs(): number {
    return this.#waiting.size === 0 ? 0 : performance.now() - this.#answeredAtMs;
  }

  stop(): void {
    this.#isStopped = true;
    for (const base of [...this.#waiting.keys()]) this.leave(base);
    disconnectRedis(this.#options.blocking);
  }

  #end(base: string, dueAtMs: number): void {
    const end = this.#waiting.get(base);
    this.#waiting.delete(base);
    end?.(dueAtMs);
  }

  /** The marker of a queue stays until it is popped, so a job that arrives before the new wait is not missed. */
  #interrupt(): void {
    const { redis, joinedKey, onError } = this.#options;
    this.#isInterrupted = true;
    redis.zadd(joinedKey, 0, '1').catch(onError);
    // Left by a process that died.
    redis.pexpire(joinedKey, JOINED_LASTS_MS).catch(onError);
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      try {
        if (performance.now() >= this.#lookAtMs) await this.#look();
        if (this.#waiting.size > 0) await this.#block();
      } catch (error) {
        if (this.#isStopped) break;
        this.#options.onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_ERROR_MS));
      }
    }
    this.#isRunning = false;
  }

  async #look(): Promise<void> {
    const bases = [...this.#waiting.keys()];
    const found = (await runCall(this.#options.redis, { script: lookScript, keys: [], args: bases })) as number[];
    this.#answered();
    this.#lookAtMs = this.#answeredAtMs + LOOK_EVERY_MS;
    for (const number of found) this.#end(bases[number - 1]!, 0);
  }

  async #block(): Promise<void> {
    const { blocking, joinedKey } = this.#options;
    const waitMs = Math.max(1, this.#lookAtMs - performance.now());
    const markers = [...this.#waiting.keys()].map((base) => base + MARKER);
    this.#isBlocked = true;
    this.#isInterrupted = false;
    try {
      const popped = await this.#untilAnswered(blocking.bzpopmin(joinedKey, ...markers, waitMs / 1_000), waitMs);
      this.#answered();
      if (popped !== null) this.#popped(...popped);
    } finally {
      this.#isBlocked = false;
    }
  }

  #popped(marker: string, member: string, score: string): void {
    const { redis, joinedKey, onError } = this.#options;
    const base = marker.slice(0, -MARKER.length);
    if (this.#waiting.has(base)) this.#end(base, Number(score));
    // The queue has left meanwhile: another worker needs its marker.
    else if (marker !== joinedKey) redis.zadd(marker, score, member).catch(onError);
  }

  /**
   * A lost connection may not be noticed; ioredis sends the command again on a new one (taskforcesh/bullmq#4479). The answer is
   * never given up, since it may have taken a marker.
   */
  async #untilAnswered<T>(answer: Promise<T>, waitMs: number): Promise<T> {
    for (;;) {
      try {
        return await withinOwnTime(waitMs + LATE_MS, answer, () => new Late());
      } catch (error) {
        if (!(error instanceof Late) || this.#isStopped) throw error;
        this.#options.blocking.disconnect(true);
      }
    }
  }

  #answered(): void {
    this.#answeredAtMs = performance.now();
  }
}

const MARKER = 'marker';

class Late extends Error {}
