import { expect, test } from 'vitest';
import { createBatchSlots, type LoopState, nextCount } from '#workers/inference/batch-slots.ts';

const MOST = 128;
/** Where the number stabilises. */
function settle(from: number, state: Omit<LoopState, 'isShared'> & Partial<LoopState>, most = MOST): number {
  let count = from;
  for (let look = 0; look < 50; look++) count = nextCount(count, most, { isShared: false, ...state });
  return count;
}

test.each<[string, { lateMs: number; utilization: number }, number]>([
  ['an idle process has all of them', { lateMs: 0.2, utilization: 0.1 }, 128],
  ['a late loop of a busy process has few', { lateMs: 20, utilization: 0.99 }, 16],
  ['a late loop of a process that waits has all: the machine is crowded', { lateMs: 20, utilization: 0.5 }, 128],
  ['a busy loop that is in time has all', { lateMs: 0.5, utilization: 0.99 }, 128],
  ['between the two nothing changes', { lateMs: 1.2, utilization: 0.99 }, 40],
])('%s', (_name, state, expected) => {
  expect(settle(40, state)).toBe(expected);
});

test('a configuration with fewer is respected', () => {
  expect(settle(4, { lateMs: 20, utilization: 1 }, 4)).toBe(4);
  expect(settle(4, { lateMs: 0, utilization: 0 }, 4)).toBe(4);
});

test.each<[string, number, number]>([
  ['a loop that is busy leaves the batch lane one slot', 0.9, 1],
  ['a loop that is idle has all: its provider takes long', 0.1, 128],
  ['between the two nothing changes', 0.35, 40],
])('during interactive requests, %s', (_name, utilization, expected) => {
  expect(settle(40, { lateMs: 0.2, utilization, isShared: true })).toBe(expected);
});

test('shortly after the first interactive request there are few batch requests', () => {
  expect(nextCount(512, 512, { lateMs: 0, utilization: 0.8, isShared: true })).toBeLessThanOrEqual(16);
});

test('the result of interactive work is passed on unchanged', async () => {
  const slots = createBatchSlots(4);
  expect(await slots.yieldingTo(async (job: string, step: number) => `${job} ${step} done`)('job', 2)).toBe(
    'job 2 done',
  );
  const broken = slots.yieldingTo(async () => {
    throw new Error('broken');
  });
  await expect(broken()).rejects.toThrow('broken');
  slots.stop();
});
