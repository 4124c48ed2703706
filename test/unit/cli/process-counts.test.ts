import { describe, expect, test } from 'vitest';
import { layoutOf } from '#src/cli/start/plan-start.ts';

describe('which processes `sluice start` runs', () => {
  test.each([
    [1, 1],
    [2, 2],
    [8, 8],
    [64, 8],
  ])('on %i cores: one, and up to %i when they are busy', (cores, most) => {
    expect(layoutOf({}, cores)).toEqual({ kind: 'combined', first: 1, most });
  });

  test('as many as requested, from the start and constantly', () => {
    expect(layoutOf({ processes: 3 }, 2)).toEqual({ kind: 'combined', first: 3, most: 3 });
  });

  test('separate tiers if the size of one is given: the other gets half of the cores', () => {
    expect(layoutOf({ apis: 3 }, 4)).toEqual({ kind: 'tiers', apis: 3, workers: 2 });
    expect(layoutOf({ workers: 12 }, 1)).toEqual({ kind: 'tiers', apis: 1, workers: 12 });
    expect(layoutOf({ apis: 1, workers: 1 }, 64)).toEqual({ kind: 'tiers', apis: 1, workers: 1 });
  });
});
