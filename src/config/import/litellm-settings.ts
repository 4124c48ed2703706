// Why settings of LiteLLM's file are not converted (docs.litellm.ai/docs/proxy/config_settings and litellm 1.110 from PyPI, read
// 2026-11-29). The first pattern that matches a name counts.

type Reasons = readonly (readonly [pattern: RegExp, reason: string])[];

const BUDGETS = 'budgets belong to keys, projects and organizations: docs/accounts.md';
const KEYS = 'keys, roles and sign-in are set up as in docs/accounts.md and docs/sign-in.md';
const FOREIGN = 'it is for providers whose protocol Sluice does not support';
const TAGS = 'Sluice does not route by tags or groups; set the models of each key instead';
const CACHE = 'Sluice does not cache responses; for its queues, set redis.url or SLUICE_REDIS_URL';
const UNKNOWN = 'Sluice has no such setting';

/** Of `litellm_settings`, `router_settings`, `general_settings` and the file itself. */
const SETTINGS: Reasons = [
  [/^master_key$/, 'create keys with `sluice keys create`, or set SLUICE_API_KEY and SLUICE_ADMIN_KEY'],
  [/^database_/, 'Sluice needs a database of its own: set database.url or SLUICE_DATABASE_URL'],
  [/^(redis_|cach(e|ing)|client_ttl$|coordination_redis$)|^enable_redis/, CACHE],
  [/^include$/, 'the files that it names are not read: copy their model_list into this one'],
  [
    /callback|langfuse|^otel$|prometheus|^debug_level$|turn_off_message_logging/,
    'see docs/observability.md and docs/metrics.md',
  ],
  [/alert|spend_report/, 'alerts and webhooks are set up as in docs/alerts: alerts, webhooks'],
  [
    /max_parallel_requests|max_in_flight|max_queued|admission_queue/,
    'limit providers, deployments or keys: limits.concurrency',
  ],
  [/provider_budget|max_budget|budget_duration|_budget_policy|end_user_budget/, BUDGETS],
  [/retention|^maximum_.*_logs/, 'how long the ledger is kept: ledger.keep_requests_days'],
  [
    /spend_logs|spend_updates|spend_capture|reset_budget|budget_re|batch_write|cost_tracking|in_spend|_hash_to_db|^store_prompts/,
    'the ledger is always written, without prompts: docs/reports.md',
  ],
  [/health_check|healthy/, 'the circuit takes deployments out of rotation by what their calls show: docs/routing.md'],
  [
    /retry_policy|allowed_fails_policy|retry_on_max/,
    'docs/failures.md says which failures are retried and count for the circuit',
  ],
  [/^disable_cooldowns$/, 'the circuit cannot be turned off; raise circuit.failures'],
  [/^max_fallbacks$/, 'every fallback of the list is tried until the deadline'],
  [/tag_|_tags$|access_group/, TAGS],
  [
    /affinity|^routing_strategy_args$|pre_call_check/,
    'prompt_cache and strategy of the model do this: docs/routing.md',
  ],
  [/x_forwarded_for|trusted_proxy|xff/, 'set server.trusted_proxies'],
  [
    /key_management|azure_key_vault|google_kms/,
    'secrets come from variables, files and commands: providers.<name>.credentials',
  ],
  [
    /master_key|jwt|oauth|sso|_auth$|^auth_|user_auth|ui_access|password|login|license|service_account|_routes$|_header_name|user_header|client_?side|key_generat|key_alias|default_team|default_internal|upperbound|allowed_ips|user_api_key|enforce/,
    KEYS,
  ],
  [
    /^(completion|image_generation|embedding|moderation)_model$|^infer_model|^default_litellm_params$/,
    'set the model and its parameters in each request',
  ],
  [
    /model_in_db|db_objects|prisma|config_reload|ignore_invalid/,
    'this file is the only source of models; it is read again when it changes',
  ],
  [
    /^(modify_params|drop_params)$|preview_features|json_schema_validation|responses_id|copilot|transform|chat_completions_url/,
    'docs/translation.md and docs/lifecycle.md say how requests are changed',
  ],
  [/forward_/, 'docs/api.md says which headers of clients reach the provider'],
  [/force_ipv4|ssl|aiohttp|^http|proxy_batch_polling/, 'connections need no setting'],
  [
    /mcp|search_tool|guardrail|prompt|vector_store|assistant|pass_through|agent|skill|plugin|files_settings|finetune/,
    'Sluice only relays requests to models: no MCP, guardrails, stored prompts or pass-through addresses',
  ],
];

/** Of `litellm_params`. Names that LiteLLM does not know itself are parameters of requests. */
const PARAMETERS: Reasons = [
  [
    /^(aws|s3|gcs|vertex|bedrock|watsonx|sagemaker|milvus|valkey)_|vector_|^(region_name|bucket_name|index_name|embedding_model)$/,
    FOREIGN,
  ],
  [
    /^(azure_|tenant_id$|client_id$|client_secret$|token_exchange_|anthropic_|openai_(identity|service))/,
    'a command can print such tokens: providers.<name>.credentials',
  ],
  [/^(tags|tag_regex)$/, TAGS],
  [
    /^(max_budget|budget_duration|default_api_key_[rt]pm_limit)$/,
    BUDGETS.replace('budgets', 'budgets and limits of clients'),
  ],
  [/^mock_response$|^mock_/, 'see docs/simulator.md'],
  [/router_|switchyard/, 'routing by content is not supported; models have a strategy: docs/routing.md'],
  [
    /^(use_|configurable_clientside|merge_reasoning|thought_signature|keepalive|allow_client|max_file|litellm_|provider_affinity|daily_reset|chatgpt_|fireworks_|responses_api|kubernetes_|health_check|.*timeout_by_service_tier$)/,
    UNKNOWN,
  ],
];

/** Of `model_info`. */
const FACTS: Reasons = [
  [/^(access_groups|team_|member_|access_windows|allow_fail_open|enable_tag_filtering|supported_environments)/, TAGS],
  [/^(ptu_|cost_per_ptu)/, 'reserved capacity has no price: give the deployment a price of 0'],
];

const PRICES = 'only prices per token are converted: set price of the deployment, with tools and request';

export function reasonOfSetting(name: string): string {
  return reasonIn(SETTINGS, name) ?? UNKNOWN;
}

export function reasonOfParameter(name: string): string {
  const isPrice = /cost|pricing|multiplier/.test(name);
  return isPrice ? PRICES : (reasonIn(PARAMETERS, name) ?? 'set it in each request');
}

export function reasonOfFact(name: string): string {
  const isPrice = /cost|pricing|multiplier/.test(name) && !/^cost_per_ptu/.test(name);
  return isPrice ? PRICES : (reasonIn(FACTS, name) ?? 'it only describes the model');
}

function reasonIn(reasons: Reasons, name: string): string | undefined {
  return reasons.find(([pattern]) => pattern.test(name))?.[1];
}
