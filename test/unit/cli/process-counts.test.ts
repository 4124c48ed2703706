import { describe, expect, test } from 'vitest';
import { processCounts } from '#src/cli/start.ts';

describe('how many processes `sluice start` runs', () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [16, 8],
    [64, 8],
  ])('on %i cores: %i of each tier', (cores, each) => {
    expect(processCounts({ apis: undefined, workers: undefined }, cores)).toEqual({ apis: each, workers: each });
  });

  test('as many as were asked for', () => {
    expect(processCounts({ apis: 3, workers: undefined }, 4)).toEqual({ apis: 3, workers: 2 });
    expect(processCounts({ apis: undefined, workers: 12 }, 4)).toEqual({ apis: 2, workers: 12 });
  });
});
