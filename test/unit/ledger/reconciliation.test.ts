// The ledger against a provider's report: what is read of the reports that providers document, and what is named as different.
import { describe, expect, test } from 'vitest';
import { parseUsd } from '#src/contracts/money.ts';
import { type Compared, compare, type LedgerSlice } from '#src/ledger/reconciliation/compare.ts';
import { daySpan } from '#src/ledger/reconciliation/reconcile.ts';
import { readUsageFile } from '#src/ledger/reconciliation/usage-file.ts';

const slice = (more: Partial<LedgerSlice> = {}): LedgerSlice => ({
  day: '2026-11-01',
  model: 'gpt-4o',
  apiKey: 'default',
  inputTokens: 1_000,
  cachedInputTokens: 800,
  outputTokens: 500,
  cost: parseUsd('0.06'),
  estimatedAttempts: 0,
  unsettledAttempts: 0,
  ...more,
});

/** In the shape of OpenAI's documentation (developers.openai.com/api/reference, 2026-11). */
const OPENAI_USAGE = {
  object: 'page',
  data: [
    {
      object: 'bucket',
      start_time: Date.parse('2026-11-01') / 1_000,
      end_time: Date.parse('2026-11-02') / 1_000,
      results: [
        {
          object: 'organization.usage.completions.result',
          input_tokens: 1_000,
          output_tokens: 500,
          input_cached_tokens: 800,
          num_model_requests: 5,
          project_id: null,
          user_id: null,
          api_key_id: 'key_abc',
          model: 'gpt-4o-2024-08-06',
          batch: null,
        },
      ],
    },
  ],
  has_more: false,
  next_page: null,
};
const OPENAI_COSTS = {
  object: 'page',
  data: [
    {
      object: 'bucket',
      start_time: Date.parse('2026-11-01') / 1_000,
      end_time: Date.parse('2026-11-02') / 1_000,
      results: ['input', 'cached input', 'output'].map((part) => ({
        object: 'organization.costs.result',
        amount: { value: 0.02, currency: 'usd' },
        line_item: `gpt-4o-2024-08-06, ${part}`,
        project_id: null,
        api_key_id: 'key_abc',
      })),
    },
  ],
};

/** In the shape of Anthropic's documentation (platform.claude.com/docs/en/api/admin, 2026-11). */
const ANTHROPIC_USAGE = {
  data: [
    {
      starting_at: '2026-11-01T00:00:00Z',
      ending_at: '2026-11-02T00:00:00Z',
      results: [
        {
          uncached_input_tokens: 1_500,
          cache_creation: { ephemeral_1h_input_tokens: 1_000, ephemeral_5m_input_tokens: 500 },
          cache_read_input_tokens: 200,
          output_tokens: 500,
          server_tool_use: { web_search_requests: 10 },
          api_key_id: 'apikey_01Rj2N8SVvo6BePZj99NhmiT',
          workspace_id: null,
          model: 'claude-sonnet-4-20250514',
          service_tier: 'standard',
          context_window: '0-200k',
        },
      ],
    },
  ],
  has_more: false,
  next_page: null,
};
const ANTHROPIC_COSTS = {
  data: [
    {
      starting_at: '2026-11-01T00:00:00Z',
      ending_at: '2026-11-02T00:00:00Z',
      results: [
        {
          currency: 'USD',
          amount: '123.78912',
          workspace_id: null,
          description: 'Claude Sonnet 4 Usage - Input Tokens',
          cost_type: 'tokens',
          context_window: '0-200k',
          model: 'claude-sonnet-4-20250514',
          service_tier: 'standard',
          token_type: 'uncached_input_tokens',
        },
      ],
    },
  ],
};

describe('a saved export', () => {
  test('of OpenAI contains pages of usage and costs', () => {
    const { usage, costs } = readUsageFile(JSON.stringify([OPENAI_USAGE, OPENAI_COSTS]));
    expect(usage).toEqual([
      {
        day: '2026-11-01',
        model: 'gpt-4o-2024-08-06',
        keyId: 'key_abc',
        inputTokens: 1_000,
        cachedInputTokens: 800,
        outputTokens: 500,
      },
    ]);
    expect(costs).toHaveLength(3);
    expect(costs[1]).toEqual({
      day: '2026-11-01',
      model: 'gpt-4o-2024-08-06',
      keyId: 'key_abc',
      cost: parseUsd('0.02'),
    });
  });

  test('of Anthropic has a page per line: input includes its three kinds, amounts are cents', () => {
    const { usage, costs } = readUsageFile(`${JSON.stringify(ANTHROPIC_USAGE)}\n${JSON.stringify(ANTHROPIC_COSTS)}\n`);
    expect(usage).toMatchObject([{ inputTokens: 3_200, cachedInputTokens: 200, outputTokens: 500 }]);
    expect(costs).toMatchObject([{ model: 'claude-sonnet-4-20250514', keyId: null, cost: parseUsd('1.2378912') }]);
  });

  test('of either in another currency is refused', () => {
    const page = (result: object) =>
      JSON.stringify({ data: [{ starting_at: '2026-11-01T00:00:00Z', results: [result] }] });
    for (const result of [{ amount: { value: 1, currency: 'eur' } }, { amount: '100', currency: 'EUR' }])
      expect(() => readUsageFile(page(result))).toThrow(/in eur, but the ledger is in USD/i);
    expect(readUsageFile(page({ amount: '0.0000000049', currency: 'USD' })).costs[0]!.cost).toBe(49n);
    expect(readUsageFile(page({ amount: '0.00000000019', currency: 'USD' })).costs[0]!.cost).toBe(2n);
  });

  test('as CSV: OpenAI’s columns of usage and of costs', () => {
    const usage =
      'start_time,end_time,start_time_iso,num_model_requests,api_key_id,model,input_tokens,output_tokens,input_cached_tokens\n1793491200,1793577600,2026-11-01T00:00:00+00:00,5,key_abc,gpt-4o,1000,500,800\n1793577600,1793664000,2026-11-02T00:00:00+00:00,,,,,,\n';
    expect(readUsageFile(usage)).toEqual({
      usage: [
        {
          day: '2026-11-01',
          model: 'gpt-4o',
          keyId: 'key_abc',
          inputTokens: 1_000,
          cachedInputTokens: 800,
          outputTokens: 500,
        },
      ],
      costs: [],
    });
    const costs =
      'start_time\tamount_value\tamount_currency\tline_item\n1793491200\t0.8958740000000000\tusd\tgpt-4o, input\n';
    expect(readUsageFile(costs).costs).toMatchObject([{ model: 'gpt-4o', cost: parseUsd('0.895874') }]);
  });

  test('as CSV: Anthropic’s columns', () => {
    const text =
      'usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n2026-11-01 00:00,claude-sonnet-4-20250514,main,10,20,30,40,5\n';
    expect(readUsageFile(text).usage).toEqual([
      {
        day: '2026-11-01',
        model: 'claude-sonnet-4-20250514',
        keyId: 'main',
        inputTokens: 100,
        cachedInputTokens: 40,
        outputTokens: 5,
      },
    ]);
  });

  test.each([
    ['{"object": "list"}', 'it has no data'],
    ['[{]', 'not JSON'],
    ['day,words\n2026-11-01,5\n', 'has no date'],
    ['date,words\n2026-11-01,5\n', 'none of these columns'],
    ['date,input_tokens\n2026-11-01,minus\n', 'not a token count'],
  ])('that is invalid is refused with a reason: %s', (text, reason) => {
    expect(() => readUsageFile(text)).toThrow(reason);
  });
});

const openai = readUsageFile(JSON.stringify([OPENAI_USAGE, OPENAI_COSTS]));
const compared = (more: Partial<Compared>) =>
  compare({
    ledger: [slice()],
    report: openai,
    by: ['model'],
    tolerance: { percent: 0, usd: 0n },
    keyIds: {},
    ...more,
  });

describe('comparison', () => {
  test('the ledger and the report agree even if the provider bills the dated model', () => {
    const { isEqual, rows, total } = compared({});
    expect(isEqual).toBe(true);
    expect(rows).toMatchObject([{ group: { model: 'gpt-4o' }, differences: [] }]);
    expect(total.ledger).toEqual(total.provider);
  });

  test('two dated models are different', () => {
    const ledger = [slice({ model: 'gpt-4o-2024-08-06' }), slice({ model: 'gpt-4o-2024-05-13' })];
    const { rows, isEqual } = compared({ ledger });
    expect(isEqual).toBe(false);
    expect(rows).toMatchObject([
      {
        group: { model: 'gpt-4o-2024-05-13' },
        differences: ['inputTokens', 'cachedInputTokens', 'outputTokens', 'cost'],
      },
      { group: { model: 'gpt-4o-2024-08-06' }, differences: [] },
    ]);
  });

  test.each([
    ['inputTokens', { inputTokens: 1_001 }],
    ['cachedInputTokens', { cachedInputTokens: 0 }],
    ['outputTokens', { outputTokens: 499 }],
    ['cost', { cost: parseUsd('0.060000000001') }],
  ])('only a difference of %s is named', (figure, more) => {
    const { rows, total, isEqual } = compared({
      ledger: [slice(more)],
      by: ['day', 'model', 'api_key'],
      keyIds: { default: 'key_abc' },
    });
    expect(isEqual).toBe(false);
    expect(rows).toMatchObject([
      { group: { day: '2026-11-01', model: 'gpt-4o', api_key: 'default' }, differences: [figure] },
    ]);
    expect(total.differences).toEqual([figure]);
  });

  test('the tolerance is relative to the larger figure, for money also absolute', () => {
    const ledger = [slice({ inputTokens: 1_010, cost: parseUsd('0.065') })];
    expect(compared({ ledger, tolerance: { percent: 1, usd: parseUsd('0.01') } }).isEqual).toBe(true);
    expect(compared({ ledger, tolerance: { percent: 0.9, usd: parseUsd('0.01') } }).total.differences).toEqual([
      'inputTokens',
    ]);
    expect(compared({ ledger, tolerance: { percent: 1, usd: parseUsd('0.001') } }).total.differences).toEqual(['cost']);
  });

  test('an entry that only one side has is a difference', () => {
    expect(compared({ ledger: [] }).rows).toMatchObject([
      { provider: { inputTokens: 1_000 }, ledger: { inputTokens: 0 } },
    ]);
    expect(compared({ ledger: [] }).isEqual).toBe(false);
    expect(compared({ report: { usage: [], costs: [] } }).isEqual).toBe(false);
  });

  test('usage of unknown keys is left out, and reported as such', () => {
    const { isEqual, notes, total } = compared({ ledger: [], keyIds: { main: 'key_other' } });
    expect(isEqual).toBe(true);
    expect(total.provider.inputTokens).toBe(0);
    expect(notes).toContain('usage of 1 other keys was ignored');
  });

  test('costs without keys are compared in total', () => {
    const report = readUsageFile(JSON.stringify([ANTHROPIC_USAGE, ANTHROPIC_COSTS]));
    const ledger = [
      slice({ model: 'claude-sonnet-4', inputTokens: 3_200, cachedInputTokens: 200, cost: parseUsd('1.2378912') }),
    ];
    const keyIds = { default: 'apikey_01Rj2N8SVvo6BePZj99NhmiT' };
    const { rows, total, isEqual } = compared({ report, ledger, by: ['api_key'], keyIds });
    expect(rows).toMatchObject([{ group: { api_key: 'default' }, provider: { cost: null }, differences: [] }]);
    expect(total.provider.cost).toBe(parseUsd('1.2378912'));
    expect(isEqual).toBe(true);
  });

  test('a report without costs is compared by its tokens', () => {
    const { isEqual, notes } = compared({ report: { usage: openai.usage, costs: [] } });
    expect(isEqual).toBe(true);
    expect(notes).toEqual(['the report has no costs: only tokens were compared']);
  });
});

test('by default the last seven complete days are compared', () => {
  const now = Date.parse('2026-11-28T19:00:00Z');
  expect(daySpan({}, now)).toEqual({ from: '2026-11-21', to: '2026-11-27' });
  expect(daySpan({ from: '2026-11-27' }, now)).toEqual({ from: '2026-11-27', to: '2026-11-27' });
  expect(() => daySpan({ from: '2026-11-28' }, now)).toThrow('is after');
  expect(() => daySpan({ to: 'yesterday' }, now)).toThrow('is not a date');
});
