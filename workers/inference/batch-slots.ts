// How many requests of the batch lane this process works on at once. Providers that take seconds need many; with providers
// that answer at once, many only stand in the way: every step of an interactive request waits in the event loop behind a
// step of each of them. So there are as many as the loop bears.
//
// Measured with a provider that answers at once (bench/batch/neighbours.ts): the median of interactive requests fell from
// 59 to 22 ms, at the same rate of lines.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

export interface BatchSlots {
  /** At this moment. */
  readonly count: number;
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

/** @param most what the configuration allows. */
export function createBatchSlots(most: number): BatchSlots {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  let count = Math.min(most, FEWEST * 2);
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    count = nextCount(count, most, { lateMs: latenessOf(delay), utilization });
    delay.reset();
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    get count() {
      return count;
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
}

export function nextCount(count: number, most: number, { lateMs, utilization }: LoopState): number {
  if (lateMs > LATE_MS && utilization > BUSY_SHARE) return Math.min(most, Math.max(FEWEST, Math.floor(count * FEWER)));
  if (lateMs < IN_TIME_MS || utilization <= BUSY_SHARE) return Math.min(most, Math.ceil(count * MORE));
  return count;
}

function latenessOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  return delay.count === 0 ? 0 : Math.max(0, delay.mean / 1e6 - RESOLUTION_MS);
}
