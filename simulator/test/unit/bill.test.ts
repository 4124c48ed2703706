import { describe, expect, test } from 'vitest';
import { NO_USAGE } from '../../../src/contracts/usage.ts';
import { Bill, MAX_BILL_ENTRIES, priceOf } from '../../src/engine/records/bill.ts';

const PRICE = priceOf({ input: 2.5, cachedInput: 1.25, output: 10 });

function add(bill: Bill, count: number, usage = { ...NO_USAGE, inputTokens: 1 }): void {
  for (let i = 0; i < count; i++) {
    bill.add(
      {
        atMs: 0,
        providerRequestId: 'req_1',
        clientRequestId: null,
        model: 'm',
        protocol: 'openai-chat',
        keyDigest: null,
        usage,
        outcome: 'completed',
      },
      PRICE,
    );
  }
}

describe('the bill', () => {
  test('prices each token once, to the picodollar', () => {
    const bill = new Bill();
    add(bill, 1, { ...NO_USAGE, inputTokens: 100, cachedInputTokens: 40, outputTokens: 7, reasoningTokens: 5 });
    const costPicoUsd = 60n * 2_500_000n + 40n * 1_250_000n + 7n * 10_000_000n;
    expect(bill.entries()).toMatchObject([{ sequence: 1, costPicoUsd }]);
    expect(bill.totals()).toEqual({
      calls: 1,
      inputTokens: 100,
      cachedInputTokens: 40,
      outputTokens: 7,
      reasoningTokens: 5,
      costPicoUsd,
    });
  });

  test('uses the input price for kinds without a price', () => {
    expect(priceOf({ input: 3, output: 15 })).toEqual({
      input: 3_000_000n,
      cachedInput: 3_000_000n,
      cacheWrite: 3_000_000n,
      output: 15_000_000n,
    });
  });

  test('can be read in pages', () => {
    const bill = new Bill();
    add(bill, 10);
    expect(bill.entries(3, 2).map(({ sequence }) => sequence)).toEqual([4, 5]);
    expect(bill.entries(10)).toEqual([]);
  });

  test('drops the oldest entries when it is full, but keeps the totals', () => {
    const bill = new Bill();
    add(bill, MAX_BILL_ENTRIES + 3);
    const entries = bill.entries();
    expect(entries).toHaveLength(MAX_BILL_ENTRIES);
    expect([entries[0]!.sequence, entries.at(-1)!.sequence]).toEqual([4, MAX_BILL_ENTRIES + 3]);
    expect(bill.totals().calls).toBe(MAX_BILL_ENTRIES + 3);
    expect(bill.entries(MAX_BILL_ENTRIES + 1).map(({ sequence }) => sequence)).toEqual([
      MAX_BILL_ENTRIES + 2,
      MAX_BILL_ENTRIES + 3,
    ]);
  });

  test('is empty after clearing, and numbering continues', () => {
    const bill = new Bill();
    add(bill, 2);
    bill.clear();
    expect(bill.totals().calls).toBe(0);
    add(bill, 1);
    expect(bill.entries().map(({ sequence }) => sequence)).toEqual([3]);
    expect(bill.entries(2)).toHaveLength(1);
  });
});
