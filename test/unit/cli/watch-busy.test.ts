import type { EventLoopUtilization } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchBusy } from '#src/process/lifecycle.ts';

/** Milliseconds of work in each second. */
let active: number;
let loop: EventLoopUtilization;
let calls: number;

beforeEach(() => {
  vi.useFakeTimers();
  loop = { idle: 0, active: 0, utilization: 0 };
  calls = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

const read = () => loop;

async function seconds(count: number): Promise<void> {
  for (let second = 0; second < count; second++) {
    loop = { idle: loop.idle + 1_000 - active, active: loop.active + active, utilization: 0 };
    await vi.advanceTimersByTimeAsync(1_000);
  }
}

test('five consecutive busy seconds are reported once', async () => {
  watchBusy(() => calls++, read);
  active = 900;
  await seconds(4);
  expect(calls).toBe(0);
  active = 100;
  await seconds(1);
  active = 900;
  await seconds(4);
  expect(calls).toBe(0);
  await seconds(1);
  expect(calls).toBe(1);
  await seconds(20);
  expect(calls).toBe(1);
});

test('a half-busy or ended process is not reported', async () => {
  watchBusy(() => calls++, read);
  active = 500;
  await seconds(20);
  expect(calls).toBe(0);
  const stopped = watchBusy(() => calls++, read);
  stopped.stop();
  active = 1_000;
  await seconds(4);
  expect(calls).toBe(0);
});
