// A `config.yaml` of LiteLLM's proxy as a configuration of ours (docs.litellm.ai/docs/proxy/configs, read 2026-11-28): models
// that have the same `model_name` become the deployments of one model.
import type { STRATEGY_NAMES } from '../../contracts/route-plan.ts';
import type { ConfigurationInput } from '../schema.ts';
import {
  compact,
  countOf,
  createProviderNames,
  type Fields,
  fieldsOf,
  type Imported,
  type IsSet,
  listOf,
  millisecondsOf,
  textOf,
  wholeOf,
} from './imported.ts';
import { type Deployment, type Reading, readDeployment } from './litellm-deployment.ts';

type Models = NonNullable<ConfigurationInput['models']>;
type Strategy = (typeof STRATEGY_NAMES)[number];

export function isLiteLlm(file: unknown): boolean {
  const fields = fieldsOf(file);
  return Array.isArray(fields.model_list) || (fields.litellm_settings !== undefined && fields.models === undefined);
}

/** @param isSet references to variables without a value are left out, with a note; absent: all are kept. */
export function importLiteLlm(file: unknown, isSet: IsSet = () => true): Imported {
  const { model_list: list, litellm_settings, router_settings, ...rest } = fieldsOf(file);
  const [litellm, router] = [fieldsOf(litellm_settings), fieldsOf(router_settings)];
  const reading = openReading(fieldsOf(file), { litellm, router }, isSet);
  const deployments = listOf(list).flatMap((entry, index) => readDeployment(reading, fieldsOf(entry), index) ?? []);
  const models = modelsOf(deployments, strategyOf(router, reading));
  const aliases = addAliases(models, router, reading);
  addFallbacks(models, { litellm, router }, reading);
  for (const [alias, name] of aliases) inheritFallbacks(models[alias]!, models[name]!);
  addDefaultFallbacks(models, { litellm, router });
  noteSettings({ litellm, router, rest }, reading);
  const providers = reading.names.providers as NonNullable<ConfigurationInput['providers']>;
  return { configuration: { providers, models, ...serverOf(fieldsOf(rest.general_settings)) }, notes: reading.notes() };
}

interface Settings {
  litellm: Fields;
  router: Fields;
}

function openReading(file: Fields, { litellm, router }: Settings, isSet: IsSet): Reading {
  const notes = new Map<string, string[]>();
  const own = fieldsOf(file.environment_variables);
  const note = (what: string, place: string) => notes.set(what, [...(notes.get(what) ?? []), place]);
  /** `os.environ/NAME` as `${NAME}`. */
  function text(value: unknown, place: string, seen: readonly string[] = []): string | undefined {
    const name = /^os\.environ\/(.+)$/.exec(textOf(value) ?? '')?.[1];
    if (name === undefined) return textOf(value);
    const given = textOf(own[name]);
    if (given !== undefined && !seen.includes(name)) return text(given, place, [...seen, name]);
    if (isSet(name)) return `\${${name}}`;
    note(`the environment variable ${name} is not set`, place);
    return undefined;
  }
  const credentials = listOf(file.credential_list).map(fieldsOf);
  return {
    names: createProviderNames(),
    text,
    note,
    notes: () => [...notes].map(([what, places]) => `${shorten(places)}: ${what}`),
    credential: (name) => fieldsOf(credentials.find((one) => one.credential_name === name)?.credential_values),
    timeoutMs: millisecondsOf(router.timeout) ?? millisecondsOf(litellm.request_timeout),
    retries: compact({
      max: retriesOf(router.num_retries ?? litellm.num_retries),
      base_ms: millisecondsOf(router.retry_after),
    }),
    circuit: compact({
      failures: wholeOf(router.allowed_fails ?? litellm.allowed_fails),
      cooldown_ms: millisecondsOf(router.cooldown_time ?? litellm.cooldown_time),
    }),
  };
}

function shorten(places: readonly string[]): string {
  const most = 3;
  const more = places.length - most;
  return more > 0 ? `${places.slice(0, most).join(', ')} and ${more} more` : places.join(', ');
}

function retriesOf(value: unknown): number | undefined {
  if (value === 0) return 0;
  const retries = wholeOf(value);
  return retries === undefined ? undefined : Math.min(20, retries);
}

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  'simple-shuffle': 'tiered',
  'least-busy': 'least_busy',
  'latency-based-routing': 'lowest_latency',
  'cost-based-routing': 'lowest_price',
  'usage-based-routing': 'most_quota_left',
  'usage-based-routing-v2': 'most_quota_left',
};

function strategyOf({ routing_strategy: wanted }: Fields, { note }: Reading): Strategy | undefined {
  const name = textOf(wanted);
  if (name === undefined) return undefined;
  const strategy = STRATEGIES[name];
  if (strategy === undefined) note(`Sluice has no strategy like "${name}"`, 'router_settings.routing_strategy');
  return strategy === 'tiered' ? undefined : strategy;
}

function modelsOf(deployments: readonly Deployment[], strategy: Strategy | undefined): Models {
  const models: Models = {};
  const contents = new Map<string, string>();
  for (const { modelName, weight, ...settings } of deployments) {
    const id = uniqueId(settings, contents);
    const deployment = { ...settings, ...(id === null ? {} : { id }), ...(weight === undefined ? {} : { weight }) };
    models[modelName] ??= { deployments: [], ...(strategy === undefined ? {} : { strategy }) };
    models[modelName].deployments.push(deployment);
  }
  for (const model of Object.values(models)) scaleWeights(model.deployments);
  return models;
}

/** Null if the default id (provider/model) is free. */
function uniqueId(settings: Omit<Deployment, 'modelName' | 'weight'>, contents: Map<string, string>): string | null {
  const { tier: _, id: wanted, ...content } = settings;
  const own = JSON.stringify(content);
  const plain = wanted ?? `${settings.provider}/${settings.model}`;
  let id = plain;
  for (let number = 2; (contents.get(id) ?? own) !== own; number++) id = `${plain}#${number}`;
  contents.set(id, own);
  return id === plain && wanted === undefined ? null : id;
}

/** Scales weights to whole numbers, which Sluice requires. */
function scaleWeights(deployments: { weight?: number | undefined }[]): void {
  if (deployments.every(({ weight }) => weight === undefined || Number.isInteger(weight))) return;
  for (const deployment of deployments) deployment.weight = Math.max(1, Math.round((deployment.weight ?? 1) * 100));
}

function addAliases(models: Models, { model_group_alias: aliases }: Fields, { note }: Reading): [string, string][] {
  return Object.entries(fieldsOf(aliases)).flatMap(([alias, target]) => {
    const name = textOf(target) ?? textOf(fieldsOf(target).model) ?? '';
    const model = Object.hasOwn(models, name) ? models[name] : undefined;
    if (model === undefined) {
      note('names a model that is not in model_list', `router_settings.model_group_alias.${alias}`);
      return [];
    }
    models[alias] = structuredClone(model);
    return [[alias, name] as [string, string]];
  });
}

/** An alias inherits the fallbacks of its model, unless it has its own. */
function inheritFallbacks(alias: Models[string], model: Models[string]): void {
  for (const [, list] of FALLBACKS) {
    const others = model[list];
    if (others !== undefined) alias[list] ??= others;
  }
}

const FALLBACKS = [
  ['fallbacks', 'fallbacks'],
  ['context_window_fallbacks', 'on_context_length'],
  ['content_policy_fallbacks', 'on_content_filter'],
] as const;

function addFallbacks(models: Models, settings: Settings, { note }: Reading): void {
  for (const [theirs, ours] of FALLBACKS) {
    for (const [section, fields] of Object.entries(settings) as [string, Fields][]) {
      for (const entry of listOf(fields[theirs])) {
        for (const [name, others] of Object.entries(fieldsOf(entry))) {
          const place = `${section}_settings.${theirs}`;
          const known = listOf(others).filter((other): other is string => isModel(models, other));
          if (models[name] === undefined) note(`"${name}" is not in model_list`, place);
          else models[name][ours] = [...new Set([...(models[name][ours] ?? []), ...known])];
          if (known.length < listOf(others).length) note('fallbacks that are not in model_list', place);
        }
      }
    }
  }
}

function addDefaultFallbacks(models: Models, settings: Settings): void {
  const defaults = listOf(settings.litellm.default_fallbacks ?? settings.router.default_fallbacks);
  const others = defaults.filter((other): other is string => isModel(models, other));
  for (const [name, model] of Object.entries(models)) {
    if (others.length > 0) model.fallbacks ??= others.filter((other) => other !== name);
  }
}

function isModel(models: Models, name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(models, name);
}

function serverOf({ max_request_size_mb: megabytes }: Fields): Pick<ConfigurationInput, 'server'> {
  const most = countOf(megabytes);
  return most === undefined ? {} : { server: { body_limit_bytes: Math.round(most * 1024 * 1024) } };
}

/** Settings that need no note: they are converted, or describe what Sluice does anyway. */
const SILENT = {
  litellm: [
    ...['num_retries', 'request_timeout', 'allowed_fails', 'cooldown_time', 'default_fallbacks'],
    ...FALLBACKS.map(([theirs]) => theirs),
    ...['drop_params', 'set_verbose', 'json_logs', 'turn_off_message_logging', 'redact_user_api_key_info'],
  ],
  router: [
    ...['routing_strategy', 'num_retries', 'timeout', 'retry_after', 'allowed_fails', 'cooldown_time'],
    ...['model_group_alias', 'default_fallbacks', ...FALLBACKS.map(([theirs]) => theirs)],
    ...['enable_pre_call_checks', 'optional_pre_call_checks', 'routing_strategy_args', 'set_verbose'],
  ],
  general: ['max_request_size_mb'],
};

/** Advice for settings that belong elsewhere in Sluice. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^master_key$/, 'create keys with `sluice keys create`, or set SLUICE_API_KEY and SLUICE_ADMIN_KEY'],
  [/^database_url$/, 'Sluice needs a database of its own: set database.url or SLUICE_DATABASE_URL'],
  [
    /^redis_|^cache$|^cache_params$/,
    'Sluice does not cache responses; for its queues, set redis.url or SLUICE_REDIS_URL',
  ],
  [/callbacks?$/, 'see docs/metrics.md and the webhooks'],
  [/^(max_parallel_requests|global_max_parallel_requests)$/, 'limit providers or keys: limits.concurrency'],
];

function noteSettings({ litellm, router, rest }: Settings & { rest: Fields }, { note }: Reading): void {
  const { general_settings: general, environment_variables: _, credential_list: __, ...others } = rest;
  const sections: [string, Fields, readonly string[]][] = [
    ['litellm_settings.', litellm, SILENT.litellm],
    ['router_settings.', router, SILENT.router],
    ['general_settings.', fieldsOf(general), SILENT.general],
    ['', others, []],
  ];
  for (const [prefix, fields, silent] of sections) {
    for (const name of Object.keys(fields).filter((known) => !silent.includes(known))) {
      const advice = ADVICE.find(([pattern]) => pattern.test(name))?.[1];
      note(advice === undefined ? 'not imported' : `not imported; ${advice}`, prefix + name);
    }
  }
}
