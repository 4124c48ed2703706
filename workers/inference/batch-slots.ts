// The number of batch lane requests that this process handles concurrently. Slow providers need many; with fast providers, many
// only cause delays: every step of an interactive request waits in the event loop for a step of each of them. So the number
// follows the load of the event loop, and is lower while interactive requests arrive: then the loop, and the machine, keep most
// of their time free for those. Measured with a provider that answers immediately: docs/performance.md.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

export interface BatchSlots {
  /** The current number of slots. */
  readonly count: number;
  /** Wraps the work of interactive requests: while there are any, the batch lane gets less of the event loop. */
  yieldingTo<Args extends unknown[], Result>(
    work: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>;
  stop(): void;
}

const LOOK_EVERY_MS = 250;
const RESOLUTION_MS = 5;
const FEWEST = 16;
/** Slots are reduced if the loop is late and this process is the cause: on a crowded machine fewer slots would not help. */
const LATE_MS = 1.5;
const BUSY_SHARE = 0.6;
const IN_TIME_MS = 0.8;
const FEWER = 0.7;
const MORE = 1.25;
/** With interactive requests: the share of the loop that both lanes may use, and that below which the batch lane may grow. */
const SHARED_BUSY = 0.4;
const SHARED_IDLE = 0.3;
/** After an interactive request, more are expected for this long. */
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
  /** Average delay of timers. */
  lateMs: number;
  /** Share of time in which the loop was not idle. */
  utilization: number;
  /** Interactive requests are in flight, or arrived recently. */
  isShared: boolean;
}

export function nextCount(count: number, most: number, { lateMs, utilization, isShared }: LoopState): number {
  // At least one slot remains, so that batches always make progress.
  if (isShared && utilization > SHARED_BUSY) return Math.max(1, Math.floor(Math.min(count, FEWEST) * FEWER));
  if (isShared && utilization > SHARED_IDLE) return count;
  if (lateMs > LATE_MS && utilization > BUSY_SHARE) return Math.min(most, Math.max(FEWEST, Math.floor(count * FEWER)));
  if (lateMs < IN_TIME_MS || utilization <= BUSY_SHARE) return Math.min(most, Math.ceil(count * MORE));
  return count;
}

function latenessOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  return delay.count === 0 ? 0 : Math.max(0, delay.mean / 1e6 - RESOLUTION_MS);
}
