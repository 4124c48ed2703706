// Configurations of other gateways, in the format of their documentation.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkReferences } from '#src/config/check-references.ts';
import { importLiteLlm, isLiteLlm } from '#src/config/import/litellm.ts';
import { importOpenRouter } from '#src/config/import/openrouter.ts';
import { importPortkey } from '#src/config/import/portkey.ts';
import { configurationSchema } from '#src/config/schema.ts';

const environment = (variables: Record<string, string>) => ({
  isSet: (name: string) => name in variables,
  valueOf: (name: string) => variables[name],
});

/** What was imported, validated as any configuration is. */
function checked({ configuration }: { configuration: object }) {
  const text = JSON.stringify(configuration).replaceAll(/\$\{[A-Z_]+\}/g, 'from-environment');
  const parsed = configurationSchema.parse(JSON.parse(text));
  expect(checkReferences(parsed)).toEqual([]);
  return parsed;
}

const LITELLM = `
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://my-endpoint-europe.example.com/
      api_key: os.environ/AZURE_API_KEY_EU
      api_version: "2024-10-21"
      rpm: 6
      order: 1
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-ca
      api_base: https://my-endpoint-canada.example.com
      api_key: os.environ/AZURE_API_KEY_CA
      order: 2
      weight: 0.9
  - model_name: claude
    litellm_params: { model: anthropic/claude-sonnet-4-5, api_key: os.environ/ANTHROPIC_API_KEY, max_tokens: 100 }
    model_info: { id: claude-one, input_cost_per_token: 0.000003, output_cost_per_token: 1.5e-05 }
  - model_name: gemini
    litellm_params: { model: gemini/gemini-2.5-flash, stream_timeout: 2.5, tpm: 1000, max_parallel_requests: 7 }
  - model_name: local
    litellm_params: { model: openai/facebook/opt-125m, api_base: "http://0.0.0.0:8000/v1", api_key: none }
  - model_name: "openai/*"
    litellm_params: { model: "openai/*", litellm_credential_name: main }
  - model_name: on-bedrock
    litellm_params: { model: bedrock/anthropic.claude-v2, aws_region_name: us-east-1 }
credential_list:
  - credential_name: main
    credential_values: { api_key: os.environ/OPENAI_API_KEY, organization: org-one }
litellm_settings:
  drop_params: true
  num_retries: 3
  request_timeout: 10
  fallbacks: [{ gpt-4o: [claude, gone] }]
  context_window_fallbacks: [{ local: [gemini] }]
  default_fallbacks: [gemini]
  success_callback: [langfuse]
router_settings:
  routing_strategy: latency-based-routing
  model_group_alias: { gpt-4: gpt-4o }
  allowed_fails: 3
  cooldown_time: 30
  redis_host: localhost
general_settings:
  master_key: sk-1234
environment_variables: { ANTHROPIC_API_KEY: sk-in-the-file }
`;

describe('LiteLLM', () => {
  const imported = importLiteLlm(parse(LITELLM));
  const { providers, models } = checked(imported);

  test('is distinguished from a configuration of Sluice', () => {
    expect(isLiteLlm(parse(LITELLM))).toBe(true);
    expect(isLiteLlm({ models: {}, providers: {} })).toBe(false);
  });

  test('variables of the file that refer to each other count as not set', () => {
    const file = {
      model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', api_key: 'os.environ/A' } }],
      environment_variables: { A: 'os.environ/B', B: 'os.environ/A' },
    };
    const { notes } = importLiteLlm(file, environment({}));
    expect(notes.join()).toContain('the environment variable A is not set');
  });

  test('a repeated model_name is one model', () => {
    expect(models['gpt-4o']!.deployments).toMatchObject([
      { provider: 'azure', model: 'gpt-4o-eu', tier: 1, weight: 1, limits: { rpm: 6 } },
      { provider: 'azure-2', model: 'gpt-4o-ca', tier: 2, weight: 1 },
    ]);
    expect(providers.azure).toMatchObject({
      base_url: 'https://my-endpoint-europe.example.com',
      paths: { 'openai-chat': '/openai/deployments/{model}/chat/completions' },
      query: { 'api-version': '2024-10-21' },
      timeouts: { total_ms: 10_000 },
      retries: { max: 3 },
      circuit: { failures: 4, window_ms: 60_000, cooldown_ms: 30_000, max_cooldown_ms: 30_000 },
    });
    expect(providers['azure-2']).toMatchObject({ base_url: 'https://my-endpoint-canada.example.com/openai/v1' });
    expect(models['gpt-4']).toEqual(models['gpt-4o']);
  });

  test('limits, prices, timeouts, wildcards, credentials and variables are converted', () => {
    expect(models.claude!.deployments[0]).toMatchObject({ id: 'claude-one', price: { input: 3, output: 15 } });
    expect(JSON.stringify(imported.configuration)).toContain('sk-in-the-file');
    expect(models.gemini!.deployments[0]).toMatchObject({
      first_token_ms: 2_500,
      limits: { tpm: 1_000, concurrency: 7 },
    });
    expect(models['openai/*']!.deployments[0]).toMatchObject({ model: '*' });
    const { provider } = models['openai/*']!.deployments[0]!;
    expect(providers[provider]).toMatchObject({ headers: { 'openai-organization': 'org-one' } });
    expect(models.local!.deployments[0]).toMatchObject({ model: 'facebook/opt-125m' });
  });

  test('fallbacks and strategy are converted', () => {
    expect(models['gpt-4o']).toMatchObject({ fallbacks: ['claude'], strategy: 'lowest_latency' });
    expect(models.local).toMatchObject({ on_context_length: ['gemini'], fallbacks: ['gemini'] });
    expect(models.gemini!.fallbacks).toEqual([]);
  });

  test('settings that cannot be converted are named', () => {
    const named = imported.notes.join('\n');
    for (const part of [
      'bedrock',
      'success_callback',
      'master_key',
      'redis_host',
      'max_tokens',
      'fallbacks that are not in model_list',
    ]) {
      expect(named).toContain(part);
    }
    for (const part of ['drop_params', 'num_retries', 'rpm']) expect(named).not.toContain(part);
  });

  test('a variable without a value is named, and its provider is called without a key', () => {
    const { configuration, notes } = importLiteLlm(parse(LITELLM), {
      ...environment({}),
      isSet: (name) => name !== 'AZURE_API_KEY_EU',
    });
    expect(configuration.providers!.azure).not.toHaveProperty('api_key');
    expect(notes.join()).toContain('AZURE_API_KEY_EU is not set');
  });
});

describe('Portkey', () => {
  test('fallbacks become tiers, load balancing becomes weights within a tier', () => {
    const imported = importPortkey({
      strategy: { mode: 'fallback', on_status_codes: [429] },
      retry: { attempts: 3 },
      targets: [
        {
          strategy: { mode: 'loadbalance' },
          targets: [
            { provider: 'openai', api_key: 'sk-a', weight: 0.7, override_params: { model: 'gpt-4o', temperature: 0 } },
            { provider: 'openai', api_key: 'sk-b', weight: 0.3, overrideParams: { model: 'gpt-4o' } },
          ],
        },
        { provider: '@anthropic', virtual_key: 'anthropic-prod', override_params: { model: 'claude-sonnet-4-5' } },
        { provider: 'bedrock', virtual_key: 'aws' },
      ],
      cache: { mode: 'simple' },
    });
    const { models, providers } = checked(imported);
    expect(models['gpt-4o']!.deployments).toMatchObject([
      { provider: 'openai', tier: 1, weight: 7 },
      { provider: 'openai-2', tier: 1, weight: 3 },
      { provider: 'anthropic', model: 'claude-sonnet-4-5', tier: 2 },
    ]);
    expect(providers.openai).toMatchObject({ api_key: 'sk-a', retries: { max: 3 } });
    const named = imported.notes.join('\n');
    for (const part of ['cache', 'bedrock', 'anthropic-prod', 'temperature', 'on_status_codes'])
      expect(named).toContain(part);
  });

  const target = (model: string, more: object = {}) => ({
    provider: 'openai',
    api_key: 'sk-a',
    override_params: { model },
    ...more,
  });

  test('single uses only its first target', () => {
    const imported = importPortkey({ strategy: { mode: 'single' }, targets: [target('gpt-4o'), target('gpt-5')] });
    expect(checked(imported).models['gpt-4o']!.deployments).toMatchObject([{ model: 'gpt-4o' }]);
    expect(imported.notes.join()).toContain('mode single calls the first target only');
  });

  test('conditions on the model become models; others are reported', () => {
    const imported = importPortkey({
      strategy: {
        mode: 'conditional',
        conditions: parse(`
          - { query: { params.model: { $eq: smartest } }, then: big }
          - { query: { params.model: { $in: [fastest, cheapest] } }, then: small }
          - { query: { metadata.user_plan: { $eq: paid } }, then: big }`),
        default: 'any',
      },
      targets: [
        target('o1', { name: 'big', request_timeout: 9_000 }),
        {
          name: 'small',
          strategy: { mode: 'fallback' },
          targets: [target('gpt-4o-mini'), { provider: 'anthropic', api_key: 'b' }],
        },
        { name: 'any', provider: 'openai', api_key: 'sk-a' },
      ],
    });
    const { models, providers } = checked(imported);
    expect(Object.keys(models)).toEqual(['smartest', 'fastest', 'cheapest', '*']);
    expect(models.smartest!.deployments).toMatchObject([{ model: 'o1' }]);
    expect(models.fastest!.deployments).toMatchObject([
      { model: 'gpt-4o-mini', tier: 1 },
      { provider: 'anthropic', model: 'fastest', tier: 2 },
    ]);
    expect(models['*']!.deployments).toMatchObject([{ model: '*' }]);
    expect(providers.openai).toMatchObject({ timeouts: { total_ms: 9_000 } });
    expect(imported.notes.join()).toContain('conditions[2]: not imported; only conditions on params.model');
  });

  test('a weight of 0 gets no traffic; settings above a target apply to it', () => {
    const imported = importPortkey({
      strategy: { mode: 'loadbalance' },
      request_timeout: 5_000,
      override_params: { model: 'gpt-4o' },
      targets: [
        { provider: 'openai', api_key: 'a', weight: 0 },
        { provider: 'openai', api_key: 'b', weight: 3, request_timeout: 7_000 },
        { provider: 'openai', api_key: 'c' },
      ],
    });
    const { models, providers } = checked(imported);
    expect(models['gpt-4o']!.deployments).toMatchObject([{ weight: 3 }, { weight: 1 }]);
    expect(Object.values(providers)).toMatchObject([
      { api_key: 'b', timeouts: { total_ms: 7_000 } },
      { api_key: 'c', timeouts: { total_ms: 5_000 } },
    ]);
  });

  test('the catalogue’s names, headers and Azure resources are converted', () => {
    const { models, providers } = checked(
      importPortkey({
        strategy: { mode: 'fallback' },
        targets: [
          { override_params: { model: '@openai-prod/gpt-4o' }, openai_organization: 'org-1', openai_project: 'p' },
          { provider: 'azure-openai', api_key: 'k', resource_name: 'mine', override_params: { model: 'gpt-4o' } },
        ],
      }),
    );
    expect(models['gpt-4o']!.deployments).toMatchObject([{ model: 'gpt-4o' }, { provider: 'azure' }]);
    expect(providers.openai!.headers).toEqual({ 'openai-organization': 'org-1', 'openai-project': 'p' });
    expect(providers.azure!.base_url).toBe('https://mine.openai.azure.com/openai/v1');
  });

  test.each([
    ['cache', { mode: 'semantic', max_age: 60 }, 'does not cache'],
    ['input_guardrails', ['g'], 'Sluice does not inspect'],
    ['output_guardrails', ['g'], 'Sluice does not inspect'],
    ['before_request_hooks', [{}], 'Sluice does not inspect'],
    ['on_status_codes', [500], 'docs/failures.md'],
    ['forward_headers', ['x'], 'docs/api.md'],
    ['aws_region', 'eu', 'does not support'],
    ['vertex_region', 'eu', 'does not support'],
    ['azure_auth_mode', 'entra', 'Azure is called'],
    ['strict_open_ai_compliance', false, 'docs/translation.md'],
    ['something_new', 1, 'Sluice has no such setting'],
  ])('%s is named with the reason', (name, value, reason) => {
    const { notes } = importPortkey(target('gpt-4o', { [name]: value }));
    expect(notes.find((note) => note.startsWith(`config.${name}: not imported; `))).toContain(reason);
  });

  test('parts of retry that differ are reported', () => {
    const retry = { attempts: 2, on_status_codes: [429], use_retry_after_header: false };
    const { notes } = importPortkey(target('gpt-4o', { retry }));
    expect(notes.join()).toMatch(/retry\.on_status_codes.*retry\.use_retry_after_header/);
  });

  test('a single provider gets every model', () => {
    const { models } = checked(importPortkey({ provider: 'openai', api_key: 'sk-a' }));
    expect(models['*']!.deployments).toMatchObject([{ provider: 'openai', model: '*' }]);
  });
});

describe('OpenRouter', () => {
  test('models of a request become fallbacks', () => {
    const imported = importOpenRouter({ models: ['a/x', 'b/y'], provider: { order: ['z'] }, temperature: 1 });
    expect(checked(imported).models['a/x']).toMatchObject({ fallbacks: ['b/y'] });
    expect(imported.notes).toHaveLength(2);
    expect(imported.notes[0]).toContain('@preset/');
  });

  test.each([
    ['price', ':floor'],
    [{ by: 'throughput', partition: 'none' }, ':nitro'],
  ])('sort %j becomes a variant of the model', (sort, variant) => {
    const imported = importOpenRouter({ model: 'a/x', models: ['b/y:free'], provider: { sort } });
    const { models } = checked(imported);
    expect(models['a/x']!.deployments[0]!.model).toBe(`a/x${variant}`);
    expect(models['b/y:free']!.deployments[0]!.model).toBe('b/y:free');
    expect(imported.notes).toEqual([]);
  });

  // openrouter.ai/docs: provider routing.
  test.each([
    ...['order', 'only', 'ignore', 'allow_fallbacks', 'require_parameters', 'data_collection', 'zdr', 'quantizations'],
    ...['max_price', 'preferred_min_throughput', 'preferred_max_latency', 'enforce_distillable_text'],
  ])('provider.%s is named with what to do', (name) => {
    const { notes } = importOpenRouter({ model: 'a/x', provider: { [name]: 'x' } });
    expect(notes).toEqual([expect.stringMatching(new RegExp(`^provider\\.${name}: not imported; .*@preset/`))]);
  });

  test('prices of long prompts, caches and searches are converted; others are named', () => {
    const pricing = {
      ...{ prompt: '0.000001', completion: '0.00001', web_search: '0.01', image: '0.005', audio: '0', discount: 0 },
      ...{ input_cache_write: '0.00000125', input_cache_write_1h: '0.000002' },
      overrides: [
        { min_prompt_tokens: 200_001, prompt: '0.000002' },
        { utc_start: 1, utc_end: 2, prompt: '0' },
      ],
    };
    const imported = importOpenRouter({ data: [{ id: 'a/x', pricing }] });
    expect(checked(imported).models['a/x']!.deployments[0]!.price).toMatchObject({
      ...{ input: 1, output: 10, cache_write: 1.25, cache_write_long: 2, tools: { web_search: 10 } },
      long_context: [{ above_input_tokens: 200_000, input: 2, output: 10, cache_write: 1.25 }],
    });
    expect(imported.notes.map((note) => note.split(': not')[0])).toEqual([
      'a/x: pricing.image',
      'a/x: pricing.overrides',
    ]);
  });

  test('its list of models provides prices', () => {
    const pricing = { prompt: '0.0000025', completion: '0.00001', request: '0.0004', input_cache_read: '0.00000125' };
    const { models } = checked(importOpenRouter({ data: [{ id: 'openai/gpt-4o', pricing }] }));
    expect(models['openai/gpt-4o']!.deployments[0]).toMatchObject({
      provider: 'openrouter',
      price: { input: 2.5, output: 10, cached_input: 1.25, request: 0.4 },
    });
  });
});

test('LiteLLM’s extra_headers may refer to the environment; a base_model without a price is named', () => {
  const entry = {
    model_name: 'gpt',
    litellm_params: {
      model: 'azure/my-deployment',
      api_base: 'https://a.example',
      extra_headers: { 'x-team': 'os.environ/TEAM', 'x-level': 3, 'x-none': 'os.environ/NONE' },
    },
    model_info: { base_model: 'azure/gpt-4o' },
  };
  const { configuration, notes } = importLiteLlm(
    { model_list: [entry] },
    environment({ TEAM: 't', AZURE_API_KEY: 'k' }),
  );
  expect(configuration.providers?.azure?.headers).toEqual({ 'x-team': '${TEAM}', 'x-level': '3' });
  expect(notes).toEqual(
    expect.arrayContaining([
      expect.stringContaining('extra_headers.x-none'),
      expect.stringContaining('model_info: base_model is not imported'),
    ]),
  );
});
