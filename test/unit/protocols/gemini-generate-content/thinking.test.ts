import { describe, expect, test } from 'vitest';
import type { ReasoningRequest } from '#src/contracts/inference-request.ts';
import { config } from './decoding.ts';

const thinking = (model: string, reasoning: ReasoningRequest, maxOutputTokens?: number) =>
  config({ reasoning, ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }) }, model)?.thinkingConfig;

describe('models that accept levels', () => {
  test.each([
    ['gemini-3-flash-preview', 'none', 'MINIMAL'],
    ['gemini-3-flash-preview', 'medium', 'MEDIUM'],
    ['gemini-3-flash-preview', 'xhigh', 'HIGH'],
    ['gemini-3-pro-preview', 'minimal', 'LOW'],
    ['gemini-3-pro-preview', 'medium', 'LOW'],
    ['models/gemini-3.1-pro-preview', 'medium', 'MEDIUM'],
    ['gemini-3.8-flash', 'none', 'LOW'],
    ['gemini-3.5-flash-lite', 'none', 'MINIMAL'],
    ['gemini-4-hydrogen', 'max', 'XHIGH'],
    ['gemini-4-argon', 'high', 'HIGH'],
    ['gemini-flash-latest', 'minimal', 'LOW'],
    ['a-name-nobody-knows', 'low', 'LOW'],
  ])('%s, effort %s', (model, effort, thinkingLevel) => {
    expect(thinking(model, { effort })).toEqual({ thinkingLevel });
  });

  test.each([
    [0, 'MINIMAL'],
    [2_048, 'LOW'],
    [8_192, 'MEDIUM'],
    [32_768, 'HIGH'],
  ])('a budget of %i tokens', (budgetTokens, thinkingLevel) => {
    expect(thinking('gemini-3-flash', { budgetTokens })).toEqual({ thinkingLevel });
  });
});

describe('models that accept budgets', () => {
  test.each([
    ['gemini-2.5-flash', 'none', 0],
    ['gemini-2.5-flash', 'low', 6_554],
    ['gemini-2.5-flash', 'high', 24_576],
    ['gemini-2.5-flash-lite', 'minimal', 1_311],
    ['gemini-2.5-pro', 'none', 128],
    ['gemini-2.5-pro', 'medium', 19_661],
    ['gemini-2.5-pro', 'max', 32_768],
  ])('%s, effort %s', (model, effort, thinkingBudget) => {
    expect(thinking(model, { effort })).toEqual({ thinkingBudget });
  });

  test('the effort is a share of the output limit', () => {
    expect(thinking('gemini-2.5-flash', { effort: 'medium' }, 1_000)).toEqual({ thinkingBudget: 300 });
    expect(thinking('gemini-2.5-flash-lite', { effort: 'low' }, 1_000)).toEqual({ thinkingBudget: 512 });
  });

  test('a budget is limited to the model’s', () => {
    expect(thinking('gemini-2.5-pro', { budgetTokens: 10 })).toEqual({ thinkingBudget: 128 });
    expect(thinking('gemini-2.5-flash', { budgetTokens: 5_000, isShown: true })).toEqual({
      includeThoughts: true,
      thinkingBudget: 5_000,
    });
  });
});

test('thoughts can be requested alone', () => {
  expect(thinking('gemini-3-flash', { isShown: true })).toEqual({ includeThoughts: true });
  expect(thinking('gemini-3-flash', { isShown: false })).toBeUndefined();
});
