import { expect, test } from 'vitest';
import { countResult, NO_TOTALS } from '#src/batches/line-result.ts';

const totalsOf = (usage: string) => {
  const totals = { ...NO_TOTALS };
  const body = Buffer.from(`{"usage":${usage}}`);
  countResult(totals, { kind: 'answered', status: 200, requestId: 'r', body } as never);
  return totals;
};

test('the usage of a line is added', () => {
  const usage = '{"prompt_tokens":10,"completion_tokens":2,"cost":0.5}';
  expect(totalsOf(usage)).toMatchObject({ inputTokens: 10, outputTokens: 2, costPicoUsd: 500_000_000_000n });
});

// Symptom: a batch ran for ever. Cause: a line's answer said 1e30 tokens, and SQL refused the batch's sum at every try.
test.each(['1e30', '2e19', '1e308', '-5', '0.5', '"10"', 'null'])('%s is no count and no cost to speak of', (value) => {
  const totals = totalsOf(`{"prompt_tokens":${value},"completion_tokens":${value},"cost":${value}}`);
  expect(totals).toMatchObject({ completed: 1, inputTokens: 0, outputTokens: 0 });
  expect(totals.costPicoUsd).toBe(value === '0.5' ? 500_000_000_000n : 0n);
});
