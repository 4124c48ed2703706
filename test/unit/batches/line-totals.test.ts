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

// Symptom: a batch ran for ever. Cause: a line's answer reported 1e30 tokens, and SQL refused the batch's sum at every
// attempt.
test.each(['1e30', '2e19', '1e308', '-5', '0.5', '"10"', 'null'])('%s is ignored as count and cost', (value) => {
  const totals = totalsOf(`{"prompt_tokens":${value},"completion_tokens":${value},"cost":${value}}`);
  expect(totals).toMatchObject({ completed: 1, inputTokens: 0, outputTokens: 0 });
  expect(totals.costPicoUsd).toBe(value === '0.5' ? 500_000_000_000n : 0n);
});

const inputOf = (body: string) => {
  const totals = { ...NO_TOTALS };
  countResult(totals, { kind: 'answered', status: 200, requestId: 'r', body: Buffer.from(body) } as never);
  return totals.inputTokens;
};

test.each([
  ['before other members', '{"id":"a","usage":{"prompt_tokens":3},"created":1,"more":{"x":[1]}}', 3],
  ['before a nested one', '{"usage":{"prompt_tokens":3},"choices":[{"usage":{"prompt_tokens":9}}]}', 3],
  ['before a text that names it', '{"usage":{"prompt_tokens":3},"text":"\\"usage\\":{}"}', 3],
  ['before a value that is called so', '{"usage":{"prompt_tokens":3},"kind":"usage"}', 3],
  ['nested only', '{"choices":[{"usage":{"prompt_tokens":9}}]}', 0],
  ['with white space', '{ "usage" : { "prompt_tokens" : 3 } }', 3],
  ['twice, the last counts', '{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":3}}', 3],
  ['not there', '{"id":"a"}', 0],
  ['no JSON', 'usage "usage" {', 0],
])('usage at %s', (_name, body, expected) => {
  expect(inputOf(body)).toBe(expected);
});
