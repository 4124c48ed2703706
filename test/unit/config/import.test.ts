// Files of other gateways, in the shape of their documentation.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkReferences } from '#src/config/check-references.ts';
import { importLiteLlm, isLiteLlm } from '#src/config/import/litellm.ts';
import { importOpenRouter } from '#src/config/import/openrouter.ts';
import { importPortkey } from '#src/config/import/portkey.ts';
import { configurationSchema } from '#src/config/schema.ts';

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

  test('is told from a configuration of ours', () => {
    expect(isLiteLlm(parse(LITELLM))).toBe(true);
    expect(isLiteLlm({ models: {}, providers: {} })).toBe(false);
  });

  test('variables of the file that name each other are as those that are not set', () => {
    const file = {
      model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', api_key: 'os.environ/A' } }],
      environment_variables: { A: 'os.environ/B', B: 'os.environ/A' },
    };
    const { notes } = importLiteLlm(file, () => false);
    expect(notes.join()).toContain('the environment variable A is not set');
  });

  test('a model_name that comes several times is one model', () => {
    expect(models['gpt-4o']!.deployments).toMatchObject([
      { provider: 'azure', model: 'gpt-4o-eu', tier: 1, weight: 100, limits: { rpm: 6 } },
      { provider: 'azure-2', model: 'gpt-4o-ca', tier: 2, weight: 90 },
    ]);
    expect(providers.azure).toMatchObject({
      base_url: 'https://my-endpoint-europe.example.com',
      paths: { 'openai-chat': '/openai/deployments/{model}/chat/completions' },
      query: { 'api-version': '2024-10-21' },
      timeouts: { total_ms: 10_000 },
      retries: { max: 3 },
      circuit: { failures: 3, cooldown_ms: 30_000 },
    });
    expect(providers['azure-2']).toMatchObject({ base_url: 'https://my-endpoint-canada.example.com/openai/v1' });
    expect(models['gpt-4']).toEqual(models['gpt-4o']);
  });

  test('limits, prices, timeouts, wildcards, credentials and variables are carried', () => {
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

  test('fallbacks and strategy are carried', () => {
    expect(models['gpt-4o']).toMatchObject({ fallbacks: ['claude'], strategy: 'lowest_latency' });
    expect(models.local).toMatchObject({ on_context_length: ['gemini'], fallbacks: ['gemini'] });
    expect(models.gemini!.fallbacks).toEqual([]);
  });

  test('what could not be carried is named', () => {
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
    const { configuration, notes } = importLiteLlm(parse(LITELLM), (name) => name !== 'AZURE_API_KEY_EU');
    expect(configuration.providers!.azure).not.toHaveProperty('api_key');
    expect(notes.join()).toContain('AZURE_API_KEY_EU is not set');
  });
});

describe('Portkey', () => {
  test('fallbacks are tiers, load balancing is weights within one', () => {
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
      { provider: 'openai', tier: 1, weight: 70 },
      { provider: 'openai-2', tier: 1, weight: 30 },
      { provider: 'anthropic', model: 'claude-sonnet-4-5', tier: 2 },
    ]);
    expect(providers.openai).toMatchObject({ api_key: 'sk-a', retries: { max: 3 } });
    const named = imported.notes.join('\n');
    for (const part of ['cache', 'bedrock', 'anthropic-prod', 'temperature', 'on_status_codes'])
      expect(named).toContain(part);
  });

  test('a single provider passes every model on', () => {
    const { models } = checked(importPortkey({ provider: 'openai', api_key: 'sk-a' }));
    expect(models['*']!.deployments).toMatchObject([{ provider: 'openai', model: '*' }]);
  });
});

describe('OpenRouter', () => {
  test('models of a request are fallbacks', () => {
    const imported = importOpenRouter({ models: ['a/x', 'b/y'], provider: { order: ['z'] }, temperature: 1 });
    expect(checked(imported).models['a/x']).toMatchObject({ fallbacks: ['b/y'] });
    expect(imported.notes).toHaveLength(2);
  });

  test('its list of models has prices', () => {
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
  const { configuration, notes } = importLiteLlm({ model_list: [entry] }, (name) => name !== 'NONE');
  expect(configuration.providers?.azure?.headers).toEqual({ 'x-team': '${TEAM}', 'x-level': '3' });
  expect(notes).toEqual(
    expect.arrayContaining([
      expect.stringContaining('extra_headers.x-none'),
      expect.stringContaining('model_info: base_model is not imported'),
    ]),
  );
});
