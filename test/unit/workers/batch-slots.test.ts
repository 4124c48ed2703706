import { expect, test } from 'vitest';
import { nextCount } from '#workers/inference/start-inference.ts';

const MOST = 128;
/** Where the count comes to rest. */
function settle(from: number, state: { lateMs: number; utilization: number }, most = MOST): number {
  let count = from;
  for (let look = 0; look < 50; look++) count = nextCount(count, most, state);
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

test('a configuration with fewer is obeyed', () => {
  expect(settle(4, { lateMs: 20, utilization: 1 }, 4)).toBe(4);
  expect(settle(4, { lateMs: 0, utilization: 0 }, 4)).toBe(4);
});
