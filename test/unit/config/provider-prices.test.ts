// Prices from the providers' own pages, compared with the computed costs of a call. USD, read 2026-11.
import { describe, expect, test } from 'vitest';
import { costOfCall } from '#src/accounts/request-cost.ts';
import { configuredPrice, packagedPrice, priceFor } from '#src/config/prices.ts';
import { formatUsd, halfPrice, type Price, priceUsage } from '#src/contracts/money.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';

const MILLION = 1_000_000;

function packaged(vendor: string, model: string, inputTokens: number): Price {
  return priceFor(packagedPrice(vendor, model, new Date('2026-11-28T12:00:00Z'))!, inputTokens);
}

function bill(price: Price, usage: Partial<Usage>) {
  const { cost, unpriced } = priceUsage({ ...NO_USAGE, ...usage }, price);
  return [formatUsd(cost), ...unpriced];
}

const input = (tokens: number, more: Partial<Usage> = {}): Partial<Usage> => ({ inputTokens: tokens, ...more });
const output = (tokens: number, more: Partial<Usage> = {}): Partial<Usage> => ({ outputTokens: tokens, ...more });

describe('prices in the price package', () => {
  test.each<[string, string, string, Partial<Usage>, string[]]>([
    ['text', 'openai', 'gpt-5', { ...input(MILLION), ...output(MILLION) }, ['11.25']],
    ['flex is half', 'openai', 'gpt-5', { ...input(MILLION), ...output(MILLION), serviceTier: 'flex' }, ['5.625']],
    ['priority', 'openai', 'gpt-5', { ...input(MILLION), ...output(MILLION), serviceTier: 'priority' }, ['22.5']],
    ['a dated model', 'openai', 'gpt-4o-2024-08-06', { ...output(MILLION), serviceTier: 'priority' }, ['17']],
    [
      'cached, by priority',
      'openai',
      'gpt-5-mini',
      input(MILLION, { cachedInputTokens: MILLION, serviceTier: 'priority' }),
      ['0.045'],
    ],
    ['Gemini’s flex', 'google', 'gemini-2.5-flash', { ...output(MILLION), serviceTier: 'flex' }, ['1.25']],
    [
      'a tier that nobody knows',
      'google',
      'gemini-2.5-flash',
      { ...output(MILLION), serviceTier: 'priority' },
      ['2.5', 'service_tier:priority'],
    ],
    ['images drawn', 'google', 'gemini-2.5-flash-image', output(1290, { outputMedia: { image: 1290 } }), ['0.0387']],
    [
      'images and thoughts',
      'google',
      'gemini-3-pro-image-preview',
      output(2120, { outputMedia: { image: 1120 }, reasoningTokens: 1000 }),
      ['0.1464'],
    ],
    ['audio heard', 'google', 'gemini-2.5-flash', input(MILLION, { inputMedia: { audio: MILLION } }), ['1']],
    [
      'audio heard before',
      'google',
      'gemini-2.5-flash',
      input(MILLION, { cachedInputTokens: MILLION, inputMedia: { audio: MILLION }, cachedMedia: { audio: MILLION } }),
      ['0.1'],
    ],
    ['audio spoken', 'openai', 'gpt-audio', output(MILLION, { outputMedia: { audio: MILLION } }), ['64']],
    [
      'audio of a model whose rate it does not have',
      'openai',
      'gpt-4o-audio-preview',
      output(MILLION, { outputMedia: { audio: MILLION } }),
      ['10', 'output_audio'],
    ],
    ['pictures seen cost as text', 'openai', 'gpt-5', input(MILLION, { inputMedia: { image: MILLION } }), ['1.25']],
    [
      'speech of a model that only speaks',
      'google',
      'gemini-2.5-flash-preview-tts',
      output(MILLION, { outputMedia: { audio: MILLION } }),
      ['10'],
    ],
    ['web searches', 'anthropic', 'claude-sonnet-4-5', { toolCalls: { web_search: 3 } }, ['0.03']],
    ['file searches', 'openai', 'gpt-5', { toolCalls: { file_search: 2 } }, ['0.005']],
    ['a tool that nobody prices', 'openai', 'gpt-5', { toolCalls: { code_interpreter: 1 } }, ['0', 'code_interpreter']],
    [
      'grounding with Google Search',
      'google',
      'gemini-2.5-flash',
      { toolCalls: { web_search: 2 } },
      ['0', 'web_search'],
    ],
    ['a fee for the request', 'perplexity', 'sonar-pro', input(MILLION), ['3.014']],
    ['a long prompt', 'google', 'gemini-2.5-pro', { ...input(200_001), ...output(MILLION) }, ['15.5000025']],
    ['one that is not longer', 'google', 'gemini-2.5-pro', { ...input(200_000), ...output(MILLION) }, ['10.25']],
    [
      'a cache of five minutes and one of an hour',
      'anthropic',
      'claude-haiku-4-5',
      input(2_000_000 / 100, { cacheWriteTokens: 20_000, longCacheWriteTokens: 10_000 }),
      ['0.0325'],
    ],
    ['what is not billed', 'openai', 'gpt-5', { ...input(MILLION), isUnbilled: true }, ['0']],
  ])('%s (%s %s)', (_what, vendor, model, usage, expected) => {
    expect(bill(packaged(vendor, model, usage.inputTokens ?? 0), usage)).toEqual(expected);
  });

  test('a batch pays half for tokens, and the full price for tools', () => {
    const price = halfPrice(packaged('anthropic', 'claude-sonnet-4-5', 0));
    expect(bill(price, { ...output(MILLION), toolCalls: { web_search: 1 } })).toEqual(['7.51']);
  });
});

describe('the configuration can express the same', () => {
  const { base, tiers } = configuredPrice({
    input: 1,
    cached_input: 0.5,
    output: 4,
    output_image: 30,
    input_audio: 2,
    output_reasoning: 3,
    request: 5,
    tools: { web_search: 10 },
    service_tiers: { flex: 0.5, priority: { input: 2, output: 9 } },
    long_context: [{ above_input_tokens: 1_000, input: 2, output: 8 }],
  });
  const more = 0.005;

  test.each<[string, Partial<Usage>, string[]]>([
    ['images', output(MILLION, { outputMedia: { image: MILLION } }), [String(30 + more)]],
    ['audio', input(MILLION, { inputMedia: { audio: MILLION } }), [String(2 + more)]],
    ['reasoning', output(MILLION, { reasoningTokens: MILLION }), [String(3 + more)]],
    ['tools', { toolCalls: { web_search: 1 } }, ['0.015']],
    ['a factor for a tier', { ...output(MILLION), serviceTier: 'flex' }, [String(2 + more)]],
    ['prices of a tier', { ...output(MILLION), serviceTier: 'priority' }, [String(9 + more)]],
    [
      'what it does not say is named',
      output(MILLION, { outputMedia: { audio: MILLION } }),
      [String(4 + more), 'output_audio'],
    ],
    ['so is a tier', { ...output(MILLION), serviceTier: 'scale' }, [String(4 + more), 'service_tier:scale']],
  ])('%s', (_what, usage, expected) => {
    expect(bill(base, usage)).toEqual(expected);
  });

  test('long prompts', () => {
    expect(bill(priceFor({ base, tiers }, 1_001), output(MILLION))).toEqual([String(8 + more)]);
    expect(bill(priceFor({ base, tiers }, 1_000), output(MILLION))).toEqual([String(4 + more)]);
  });
});

describe('where the cost of a call comes from', () => {
  const usage: Usage = { ...NO_USAGE, inputTokens: 10, outputTokens: 2, toolCalls: { web_search: 1 } };
  const price = configuredPrice({ input: 1, output: 4 }).base;

  test('the configuration takes precedence over the provider', () => {
    expect(costOfCall({ ...usage, reportedCost: 5n }, true, () => price)).toEqual({
      cost: 18_000_000n,
      unpriced: ['web_search'],
    });
  });

  test('the provider takes precedence over the package', () => {
    expect(costOfCall({ ...usage, reportedCost: 5n }, false, () => price)).toEqual({ cost: 5n, unpriced: [] });
  });

  test('without any price everything is listed', () => {
    expect(costOfCall(usage, false, () => null)).toEqual({ cost: 0n, unpriced: ['input', 'output', 'web_search'] });
  });
});
