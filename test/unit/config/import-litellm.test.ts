// Every setting that LiteLLM documents is converted or named with a reason (docs.litellm.ai/docs/proxy/config_settings and the
// types of litellm 1.110, read 2026-11-29).
import { describe, expect, test } from 'vitest';
import { checkReferences } from '#src/config/check-references.ts';
import { importLiteLlm } from '#src/config/import/litellm.ts';
import { configurationSchema } from '#src/config/schema.ts';

const NOWHERE = { isSet: () => false, valueOf: () => undefined };

function importing(file: object, variables: Record<string, string> | null = null) {
  const environment = {
    isSet: (name: string) => name in (variables ?? {}),
    valueOf: (name: string) => variables?.[name],
  };
  const { configuration, notes } = importLiteLlm(file, variables === null ? undefined : environment);
  const text = JSON.stringify(configuration).replaceAll(/\$\{[A-Z_]+\}/g, 'from-environment');
  const parsed = configurationSchema.parse(JSON.parse(text));
  expect(checkReferences(parsed)).toEqual([]);
  return { ...parsed, notes: notes.join('\n') };
}

const one = (params: object, more: object = {}) => ({
  model_list: [{ model_name: 'm', litellm_params: { model: 'openai/gpt-4o', ...params }, ...more }],
});
const deploymentOf = (params: object, more?: object) => importing(one(params, more)).models.m!.deployments[0]!;
const providerOf = (params: object) => importing(one(params)).providers.openai!;

/** Setting → what it becomes, of a provider or a deployment. */
const CARRIED: [name: string, params: object, becomes: object][] = [
  ['timeout', { timeout: 7 }, { timeouts: { total_ms: 7_000 } }],
  ['num_retries', { num_retries: 4 }, { retries: { max: 4 } }],
  ['num_retries: 0', { num_retries: 0 }, { retries: { max: 0 } }],
  ['max_retries', { max_retries: 1 }, { retries: { max: 1 } }],
  ['cooldown_time', { cooldown_time: 40 }, { circuit: { cooldown_ms: 40_000, max_cooldown_ms: 40_000 } }],
  ['stream_timeout', { stream_timeout: 0.5 }, { first_token_ms: 500 }],
  ['rpm', { rpm: 3 }, { limits: { rpm: 3 } }],
  ['tpm', { tpm: '3000' }, { limits: { tpm: 3_000 } }],
  ['itpm', { itpm: 3 }, { limits: { input_tokens_per_minute: 3 } }],
  ['otpm', { otpm: 3 }, { limits: { output_tokens_per_minute: 3 } }],
  ['rpd', { rpd: 3 }, { limits: { requests_per_day: 3 } }],
  ['tpd', { tpd: 3 }, { limits: { tokens_per_day: 3 } }],
  ['max_parallel_requests', { max_parallel_requests: 3 }, { limits: { concurrency: 3 } }],
  ['order', { order: 2 }, { tier: 2 }],
  ['organization', { organization: 'org-1' }, { headers: { 'openai-organization': 'org-1' } }],
  [
    'prices of long prompts, tiers and batches',
    {
      input_cost_per_token: 1e-6,
      output_cost_per_token: 2e-6,
      cache_read_input_token_cost: 1e-7,
      input_cost_per_token_above_200k_tokens: 3e-6,
      input_cost_per_token_flex: 5e-7,
      input_cost_per_token_batches: 4e-7,
      output_cost_per_reasoning_token: 9e-6,
      input_cost_per_audio_token: 8e-6,
    },
    {
      price: {
        input: 1,
        output: 2,
        cached_input: 0.1,
        output_reasoning: 9,
        input_audio: 8,
        long_context: [{ above_input_tokens: 200_000, input: 3, output: 2, cached_input: 0.1 }],
        service_tiers: { flex: { input: 0.5, output: 2 } },
      },
      price_batch: { input: 0.4, output: 2 },
    },
  ],
  [
    'tiered_pricing',
    {
      tiered_pricing: [
        { range: [0, 32_000], input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 },
        { range: [32_000, 1_000_000], input_cost_per_token: 3e-6, output_cost_per_token: 4e-6 },
      ],
    },
    { price: { input: 1, output: 2, long_context: [{ above_input_tokens: 32_000, input: 3, output: 4 }] } },
  ],
];

describe('litellm_params', () => {
  test.each(CARRIED)('%s', (_name, params, becomes) => {
    expect({ ...providerOf(params), ...deploymentOf(params) }).toMatchObject(becomes);
  });

  test('prices of model_info count too', () => {
    const { price } = deploymentOf({}, { model_info: { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 } });
    expect(price).toMatchObject({ input: 1, output: 2 });
  });

  // Symptom: requests were nearly free. Cause: a missing price of input or output became 0. Fix: no price, with a note.
  test.each([
    ['only cached input', { cache_read_input_token_cost: 1e-7 }],
    ['only output', { output_cost_per_token: 2e-6 }],
    ['only a service tier', { input_cost_per_token_flex: 1e-6, output_cost_per_token_flex: 1e-6 }],
    ['a variable that is not set', { input_cost_per_token: 1e-6, output_cost_per_token: 'os.environ/PRICE' }],
    ['a price that is none', { input_cost_per_token: 1e-6, output_cost_per_token: 'x' }],
    ['tiers that do not begin at 0', { tiered_pricing: [{ range: [9, 99], input_cost_per_token: 1e-6 }] }],
  ])('no price is imported with %s', (_name, params) => {
    const { models, notes } = importing(one(params), { OPENAI_API_KEY: 'k' });
    expect(models.m!.deployments[0]!.price).toBeUndefined();
    expect(notes).toContain('model_list[0]: prices are not imported: both input_cost_per_token and');
  });

  test('invalid prices are named', () => {
    const tiered_pricing = [{ range: [9, 99], input_cost_per_token: 'os.environ/X' }];
    const { notes } = importing(one({ input_cost_per_token: 1, output_cost_per_token: -1, tiered_pricing }));
    expect(notes).toContain(
      'model_list[0]: output_cost_per_token, model_list[0]: tiered_pricing: not imported; it is not a price in USD',
    );
  });

  test('embeddings have only an input price', () => {
    const { price } = deploymentOf({ input_cost_per_token: 1e-6 }, { model_info: { mode: 'embedding' } });
    expect(price).toMatchObject({ input: 1, output: 0 });
  });

  // Symptom: above 256k the price of output was that of short prompts. Cause: each tier began with the base.
  test('a tier for long prompts inherits missing prices from the tier below', () => {
    const { price } = deploymentOf({
      ...{ input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 },
      input_cost_per_token_above_256k_tokens: 5e-6,
      ...{ input_cost_per_token_above_128k_tokens: 3e-6, output_cost_per_token_above_128k_tokens: 4e-6 },
    });
    expect(price!.long_context).toEqual([
      { above_input_tokens: 128_000, input: 3, output: 4 },
      { above_input_tokens: 256_000, input: 5, output: 4 },
    ]);
  });

  test('several organizations become several deployments', () => {
    const { models, providers } = importing(one({ organization: ['org-1', 'org-2'] }));
    expect(models.m!.deployments.map(({ provider }) => providers[provider]!.headers['openai-organization'])).toEqual([
      'org-1',
      'org-2',
    ]);
  });

  test('a number may be an environment variable', () => {
    const file = { ...one({ rpm: 'os.environ/RPM', timeout: 'os.environ/T' }), environment_variables: { T: '3' } };
    const { models, providers } = importing(file, { RPM: '12', OPENAI_API_KEY: 'k' });
    expect(models.m!.deployments[0]!.limits.rpm).toBe(12);
    expect(providers.openai!.timeouts.total_ms).toBe(3_000);
    expect(importing(one({ rpm: 'os.environ/RPM' })).notes).toContain('the value of RPM is not known here');
  });

  test('simple-shuffle uses rpm as weights; other strategies do not', () => {
    const entry = (rpm: number) => ({ model_name: 'm', litellm_params: { model: `openai/m-${rpm}`, rpm } });
    const weights = (routing_strategy: string) =>
      importing({
        model_list: [entry(60), entry(600)],
        router_settings: { routing_strategy },
      }).models.m!.deployments.map(({ weight }) => weight);
    expect(weights('simple-shuffle')).toEqual([60, 600]);
    expect(weights('least-busy')).toEqual([1, 1]);
  });

  // Symptom: deployments that LiteLLM never selects got traffic. Cause: a weight of 0, or a missing one next to others,
  // became 1. Fix: simple_shuffle treats 0 as a missing measure; such a deployment is skipped or gets a later tier.
  describe('deployments that LiteLLM does not select', () => {
    const shuffled = (entries: object[], router_settings = {}) => {
      const { models, notes } = importing({
        model_list: entries.map((params, index) => ({
          model_name: 'm',
          litellm_params: { model: `openai/${'abcd'[index]}`, ...params },
        })),
        router_settings,
      });
      return { plan: models.m!.deployments.map(({ model, tier, weight }) => `${model} ${tier} ×${weight}`), notes };
    };
    const LOWER = (name: string) => `: it has no ${name}, unlike others of its model: it gets a tier below theirs`;

    test.each([
      [
        'weight 0',
        [{ weight: 0 }, { weight: 3 }, { weight: 1 }],
        ['b 1 ×3', 'c 1 ×1'],
        '[0]: skipped: its weight is 0',
      ],
      ['no weight', [{}, { weight: 0.9 }, { weight: 0.1 }], ['b 1 ×9', 'c 1 ×1', 'a 2 ×1'], `[0]${LOWER('weight')}`],
      ['no rpm', [{ rpm: 1_000 }, {}], ['a 1 ×1', 'b 2 ×1'], `[1]${LOWER('rpm')}`],
      ['no tpm', [{ tpm: 1_000 }, {}, { tpm: 2_000 }], ['a 1 ×1000', 'c 1 ×2000', 'b 2 ×1'], `[1]${LOWER('tpm')}`],
      [
        'later orders stay behind it',
        [{ weight: 1 }, {}, { order: 2, rpm: 5 }, { order: 2 }],
        ['a 1 ×1', 'b 2 ×1', 'c 3 ×1', 'd 4 ×1'],
        `[1]${LOWER('weight')}`,
      ],
      ['order 1 is the default', [{ weight: 2 }, { order: 1, weight: 3 }], ['a 1 ×2', 'b 1 ×3'], ''],
      ['small weights keep their proportions', [{ weight: 0.001 }, { weight: 0.004 }], ['a 1 ×1', 'b 1 ×4'], ''],
      ['only weights of 0', [{ weight: 0 }, {}], ['a 1 ×1', 'b 1 ×1'], '[0]: weight 0 is not imported'],
    ])('%s', (_name, entries, plan, noted) => {
      const { plan: imported, notes } = shuffled(entries);
      expect(imported).toEqual(plan);
      if (noted === '') expect(notes).toBe('');
      else expect(notes).toContain(`model_list${noted}`);
    });

    test('strategies without weights ignore them', () => {
      const { plan, notes } = shuffled([{ weight: 0 }, { weight: 3 }], { routing_strategy: 'least-busy' });
      expect(plan).toEqual(['a 1 ×1', 'b 1 ×1']);
      expect(notes).toContain('weight is not imported: only simple-shuffle uses it');
    });
  });

  test('a wildcard keeps the text around its star', () => {
    const entry = (name: string, model: string) => ({ model_name: name, litellm_params: { model } });
    const { models, notes } = importing({
      model_list: [entry('anthropic/claude-*', 'anthropic/claude-*'), entry('*', '*'), entry('fixed', 'openai/*')],
    });
    expect(models['anthropic/claude-*']!.deployments[0]!.model).toBe('claude-*');
    expect(models['*']!.deployments[0]).toMatchObject({ provider: 'openai', model: '*' });
    expect(notes).toContain('model "*" only covers OpenAI’s models');
    expect(notes).toContain('model_list[2]: skipped: a wildcard also needs a * in model_name');
  });

  test('the key comes from the variable that LiteLLM reads', () => {
    const file = (model: string) => ({ model_list: [{ model_name: 'm', litellm_params: { model } }] });
    const keyOf = (model: string, variables: Record<string, string>) =>
      Object.values(
        importLiteLlm(file(model), { isSet: (name) => name in variables, valueOf: () => undefined }).configuration
          .providers!,
      )[0]?.api_key;
    expect(keyOf('gemini/g', { GOOGLE_API_KEY: 'k' })).toBe('${GOOGLE_API_KEY}');
    expect(keyOf('azure/d', { AZURE_API_KEY: 'k', AZURE_API_BASE: 'https://a.example' })).toBe('${AZURE_API_KEY}');
    expect(keyOf('zai/glm', { ZAI_API_KEY: 'k' })).toBe('${ZAI_API_KEY}');
  });
});

describe('settings of all deployments', () => {
  const file = (sections: object) => importing({ ...one({}), ...sections });

  test.each([
    ['router_settings.stream_timeout', { router_settings: { stream_timeout: 2 } }, { first_token_ms: 2_000 }],
    [
      'router_settings.default_max_parallel_requests',
      { router_settings: { default_max_parallel_requests: 5 } },
      { limits: { concurrency: 5 } },
    ],
  ])('%s', (_name, sections, becomes) => {
    expect(file(sections).models.m!.deployments[0]).toMatchObject(becomes);
  });

  test.each([
    ['allowed_fails: 0', { router_settings: { allowed_fails: 0 } }, { circuit: { failures: 1, window_ms: 60_000 } }],
    ['retry_after', { router_settings: { retry_after: 2 } }, { retries: { base_ms: 2_000 } }],
    ['request_timeout', { litellm_settings: { request_timeout: 9 } }, { timeouts: { total_ms: 9_000 } }],
    [
      'router_settings go before litellm_settings',
      { litellm_settings: { num_retries: 5 }, router_settings: { num_retries: 1 } },
      { retries: { max: 1 } },
    ],
  ])('%s', (_name, sections, becomes) => {
    expect(file(sections).providers.openai).toMatchObject(becomes);
  });

  test('sizes of requests and answers', () => {
    const { server, workers } = file({ general_settings: { max_request_size_mb: 2, max_response_size_mb: 3 } });
    expect([server.body_limit_bytes, workers.max_answer_bytes]).toEqual([2 * 1024 * 1024, 3 * 1024 * 1024]);
  });

  test('routing_groups set the strategy of their models', () => {
    const groups = [{ group_name: 'g', models: ['m'], routing_strategy: 'cost-based-routing' }];
    const { models } = file({ router_settings: { routing_strategy: 'least-busy', routing_groups: groups } });
    expect(models.m!.strategy).toBe('lowest_price');
  });

  test('fallbacks of * apply to models without their own, and may match a wildcard', () => {
    const { models } = importing({
      model_list: ['m', 'n', 'openai/*'].map((name) => ({
        model_name: name,
        litellm_params: { model: name.includes('*') ? name : 'openai/gpt-4o' },
      })),
      litellm_settings: { fallbacks: [{ m: ['openai/gpt-4o-mini'] }, { '*': ['m'] }] },
    });
    expect([models.m!.fallbacks, models.n!.fallbacks]).toEqual([['openai/gpt-4o-mini'], ['m']]);
  });
});

/** As documented; those that are carried or describe what Sluice does anyway are in SILENT. */
const DOCUMENTED = {
  litellm_settings:
    'success_callback failure_callback callbacks service_callbacks modify_params enable_preview_features mcp_aliases langfuse_default_tags force_ipv4 cache cache_params disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only key_generation_settings disable_add_transform_inline_image_block use_chat_completions_url_for_anthropic_messages enable_json_schema_validation enable_key_alias_format_validation disable_copilot_system_to_assistant max_budget budget_duration default_team_settings',
  general_settings:
    'completion_model disable_spend_logs disable_spend_updates disable_master_key_return disable_retry_on_max_parallel_request_limit_error disable_reset_budget disable_adding_master_key_hash_to_db disable_responses_id_security enable_jwt_auth enforce_user_param reject_clientside_metadata_tags allowed_routes key_management_system master_key database_url database_connection_pool_limit database_connection_timeout custom_auth max_parallel_requests global_max_parallel_requests infer_model_from_keys background_health_checks health_check_interval alerting alerting_threshold use_client_credentials_pass_through_routes health_check_details public_routes alert_types enforced_params enable_oauth2_auth use_x_forwarded_for service_account_settings image_generation_model store_model_in_db supported_db_objects user_mcp_management_mode store_prompts_in_spend_logs proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time proxy_batch_write_at proxy_batch_polling_interval alerting_args custom_key_generate allowed_ips embedding_model default_team_disabled alert_to_webhook_url key_management_settings allow_user_auth user_api_key_cache_ttl disable_prisma_schema_update litellm_key_header_name moderation_model custom_sso allow_client_side_credentials admin_only_routes use_azure_key_vault use_google_kms spend_report_frequency ui_access_mode litellm_jwtauth litellm_license oauth2_config_mappings pass_through_endpoints enable_oauth2_proxy_auth forward_openai_org_id forward_client_headers_to_llm_api maximum_spend_logs_retention_period maximum_spend_logs_retention_interval',
  router_settings:
    'redis_host redis_password redis_port redis_db redis_url enable_tag_filtering tag_filtering_match_any disable_cooldowns retry_policy allowed_fails_policy max_fallbacks default_litellm_params debug_level client_ttl cache_kwargs routing_strategy_args caching_groups alerting_config provider_budget_config model_group_retry_policy cache_responses optional_pre_call_checks deployment_affinity_ttl_seconds ignore_invalid_deployments search_tools guardrail_list enable_health_check_routing',
} as const;

describe('every documented setting without a counterpart is named with the reason', () => {
  test.each(Object.entries(DOCUMENTED))('%s', (section, names) => {
    for (const name of names.split(' ')) {
      const { notes } = importLiteLlm({ ...one({}), [section]: { [name]: 'x' } }, NOWHERE);
      const note = notes.find((text) => text.startsWith(`${section}.${name}: not imported; `)) ?? '';
      expect(note, name).not.toBe('');
      expect(note, name).not.toContain('no such setting');
    }
  });

  test.each([
    ['aws_region_name', 'does not support'],
    ['azure_ad_token', 'providers.<name>.credentials'],
    ['tags', 'does not route by tags'],
    ['max_budget', 'docs/accounts.md'],
    ['temperature', 'set it in each request'],
    ['mock_response', 'docs/simulator.md'],
    ['output_cost_per_image', 'only prices per token'],
    ['timeout_by_service_tier', 'no such setting'],
  ])('litellm_params.%s', (name, reason) => {
    const { notes } = importLiteLlm(one({ [name]: 'x' }), NOWHERE);
    expect(notes.find((text) => text.startsWith(`model_list[0].litellm_params.${name}: not imported; `))).toContain(
      reason,
    );
  });

  test.each([
    ['access_groups', 'does not route by tags'],
    ['mode', 'only describes the model'],
    ['input_cost_per_second', 'only prices per token'],
  ])('model_info.%s', (name, reason) => {
    const { notes } = importLiteLlm(one({}, { model_info: { [name]: 'x' } }), NOWHERE);
    expect(notes.find((text) => text.startsWith(`model_list[0].model_info.${name}: not imported; `))).toContain(reason);
  });

  test('unread sections and files are named', () => {
    const { notes } = importLiteLlm({ ...one({}), include: ['a.yaml'], mcp_servers: {}, guardrails: [] }, NOWHERE);
    for (const name of ['include: not imported; the files', 'mcp_servers', 'guardrails'])
      expect(notes.join('\n')).toContain(name);
  });
});
