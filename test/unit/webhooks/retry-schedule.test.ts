import { describe, expect, test } from 'vitest';
import { webhooks } from '#src/config/webhook-schema.ts';
import { LONGEST_WAIT_MS, nextWaitMs } from '#src/webhooks/dispatcher.ts';

const { attempts, first_retry_ms: firstRetryMs } = webhooks.parse({});
const DEFAULTS = { attempts, firstRetryMs };
const MIDDLE = 0.5;

describe('when a delivery is retried', () => {
  test('the defaults span about a day', () => {
    const waits = Array.from({ length: attempts - 1 }, (_, made) => nextWaitMs(made + 1, DEFAULTS, null, MIDDLE)!);
    const hours = waits.reduce((sum, wait) => sum + wait, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(23);
    expect(hours).toBeLessThan(24);
    expect(waits.slice(0, 4)).toEqual([5_000, 15_000, 45_000, 135_000]);
    expect(Math.max(...waits)).toBe(LONGEST_WAIT_MS);
  });

  test.each([
    ['the last attempt has none after it', attempts, null, MIDDLE, null],
    ['early by a fifth at most', 1, null, 0, 4_000],
    ['late by a fifth at most', 1, null, 1, 6_000],
    ['a longer wait that the receiver asks for is obeyed', 1, 60_000, MIDDLE, 60_000],
    ['a shorter one is not: it may not know of the others', 3, 1_000, MIDDLE, 45_000],
    ['an absurd one is cut', 1, 1e12, MIDDLE, LONGEST_WAIT_MS],
  ])('%s', (_what, made, asked, random, wait) => {
    expect(nextWaitMs(made, DEFAULTS, asked, random)).toBe(wait);
  });
});
