import { expect, test } from 'vitest';
import { isFailed } from '../../../console/src/parts/format.ts';

test('an attempt that lost a race has not failed', () => {
  expect(['ok', 'hedge_lost', 'upstream_timeout', undefined].map(isFailed)).toEqual([false, false, true, true]);
});
