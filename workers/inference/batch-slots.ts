// How many requests of the batch lane this process works on at once. Providers that take seconds need many; with providers
// that answer at once, many only get in the way: every step of an interactive request waits in the event loop behind a step
// of each of them. So there are as many as the loop bears, and fewer while interactive requests come: then the loop, and with
// it the machine, keeps most of its time free for them. Measured with a provider that answers at once: docs/performance.md.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

export interface BatchSlots {
  /** At this moment. */
  readonly count: number;
  /** Does the same work for an interactive request: while such come, the batch lane has less of the loop. */
  yieldingTo<Args extends unknown[], Result>(
    work: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>;
  stop(): void;
}

const LOOK_EVERY_MS = 250;
const RESOLUTION_MS = 5;
const FEWEST = 16;
/** The loop is late, and it is this process that keeps it busy: on a crowded machine fewer slots would cure nothing. */
const LATE_MS = 1.5;
const BUSY_SHARE = 0.6;
const IN_TIME_MS = 0.8;
const FEWER = 0.7;
const MORE = 1.25;
/** Beside interactive requests: the share of the loop that both may take, and one below which the batch lane may have more. */
const SHARED_BUSY = 0.4;
const SHARED_IDLE = 0.3;
/** An interactive request is taken as a sign of others for this long. */
const SHARED_MS = 3_000;

/** @param most what the configuration allows. */
export function createBatchSlots(most: number): BatchSlots {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  let count = Math.min(most, FEWEST * 2);
  let inFlight = 0;
  let sharedUntilMs = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    const isShared = inFlight > 0 || performance.now() < sharedUntilMs;
    count = nextCount(count, most, { lateMs: latenessOf(delay), utilization, isShared });
    delay.reset();
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    get count() {
      return count;
    },
    yieldingTo:
      (work) =>
      async (...args) => {
        inFlight += 1;
        try {
          return await work(...args);
        } finally {
          inFlight -= 1;
          sharedUntilMs = performance.now() + SHARED_MS;
        }
      },
    stop() {
      clearInterval(timer);
      delay.disable();
    },
  };
}

export interface LoopState {
  /** By how much timers were late, on average. */
  lateMs: number;
  /** Share of the time in which the loop was not idle. */
  utilization: number;
  /** Interactive requests come, or came a moment ago. */
  isShared: boolean;
}

export function nextCount(count: number, most: number, { lateMs, utilization, isShared }: LoopState): number {
  // One slot is left in any case, so that batches always move.
  if (isShared && utilization > SHARED_BUSY) return Math.max(1, Math.floor(Math.min(count, FEWEST) * FEWER));
  if (isShared && utilization > SHARED_IDLE) return count;
  if (lateMs > LATE_MS && utilization > BUSY_SHARE) return Math.min(most, Math.max(FEWEST, Math.floor(count * FEWER)));
  if (lateMs < IN_TIME_MS || utilization <= BUSY_SHARE) return Math.min(most, Math.ceil(count * MORE));
  return count;
}

function latenessOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  return delay.count === 0 ? 0 : Math.max(0, delay.mean / 1e6 - RESOLUTION_MS);
}
