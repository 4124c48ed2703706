// A `config.yaml` of LiteLLM's proxy as a configuration of ours (docs.litellm.ai/docs/proxy/configs, read 2026-11-28): models
// that have the same `model_name` become the deployments of one model.
import type { STRATEGY_NAMES } from '../../contracts/route-plan.ts';
import type { ConfigurationInput } from '../schema.ts';
import { LARGEST_BODY_BYTES } from '../value-schema.ts';
import { matchWildcard } from '../wildcard.ts';
import {
  compact,
  countOf,
  createProviderNames,
  type Environment,
  type Fields,
  fieldsOf,
  type Imported,
  listOf,
  textOf,
  wholeWeights,
} from './imported.ts';
import { type Deployment, type Reading, readDeployments } from './litellm-deployment.ts';
import { reasonOfSetting } from './litellm-settings.ts';

type Models = NonNullable<ConfigurationInput['models']>;
type Strategy = (typeof STRATEGY_NAMES)[number];

export function isLiteLlm(file: unknown): boolean {
  const fields = fieldsOf(file);
  return Array.isArray(fields.model_list) || (fields.litellm_settings !== undefined && fields.models === undefined);
}

/** @param environment references to variables without a value are left out, with a note; absent: references are kept. */
export function importLiteLlm(file: unknown, environment: Environment = ANY_ENVIRONMENT): Imported {
  const { model_list: list, litellm_settings, router_settings, general_settings, ...rest } = fieldsOf(file);
  const reading = openReading(fieldsOf(file), environment);
  const sections: Sections = {
    litellm: reading.numbers(fieldsOf(litellm_settings), 'litellm_settings'),
    router: reading.numbers(fieldsOf(router_settings), 'router_settings'),
    general: reading.numbers(fieldsOf(general_settings), 'general_settings'),
  };
  reading.defaults = defaultsOf(sections);
  const deployments = listOf(list).flatMap((entry, index) => readDeployments(reading, fieldsOf(entry), index));
  const models = modelsOf(deployments, sections.router, reading);
  const aliases = addAliases(models, sections.router, reading);
  addFallbacks(models, sections, reading);
  for (const [alias, name] of aliases) inheritFallbacks(models[alias]!, models[name]!);
  addDefaultFallbacks(models, sections, reading);
  noteSettings(sections, rest, reading);
  const providers = reading.names.providers as NonNullable<ConfigurationInput['providers']>;
  return { configuration: { providers, models, ...sizesOf(sections.general, reading) }, notes: reading.notes() };
}

const ANY_ENVIRONMENT: Environment = { isSet: () => true, valueOf: () => undefined };

interface Sections {
  litellm: Fields;
  router: Fields;
  general: Fields;
}

function openReading(file: Fields, environment: Environment): Reading {
  const notes = new Map<string, string[]>();
  const own = fieldsOf(file.environment_variables);
  const note = (what: string, place: string) => notes.set(what, [...(notes.get(what) ?? []), place]);
  const isSet = (name: string) => own[name] !== undefined || environment.isSet(name);
  /** `os.environ/NAME` as `${NAME}`. */
  function text(value: unknown, place: string, seen: readonly string[] = []): string | undefined {
    const name = nameIn(value);
    if (name === undefined) return textOf(value);
    const given = textOf(own[name]);
    if (given !== undefined && !seen.includes(name)) return text(given, place, [...seen, name]);
    if (environment.isSet(name)) return `\${${name}}`;
    note(`the environment variable ${name} is not set`, place);
    return undefined;
  }
  function number(value: unknown, place: string): unknown {
    const name = nameIn(value);
    if (name === undefined) return value;
    const given = own[name] ?? environment.valueOf(name);
    if (given === undefined)
      note(`the value of ${name} is not known here: write the number instead of the reference`, place);
    return given;
  }
  const credentials = listOf(file.credential_list).map(fieldsOf);
  return {
    names: createProviderNames(),
    text,
    numbers: (fields, place) =>
      compact(
        Object.fromEntries(
          Object.entries(fields).map(([name, value]) => [
            name,
            NUMBERS.test(name) ? number(value, `${place}.${name}`) : value,
          ]),
        ),
      ),
    isSet,
    note,
    notes: () => [...notes].map(([what, places]) => `${shorten([...new Set(places)])}: ${what}`),
    credential: (name) => fieldsOf(credentials.find((one) => one.credential_name === name)?.credential_values),
    defaults: {},
  };
}

/** Settings that are numbers. */
const NUMBERS =
  /timeout|retr(y|ies)|allowed_fails|cooldown|_mb$|parallel_requests$|^(weight|order|itpm|otpm|[rt]p[md])$|cost_per|_cost/;

function nameIn(value: unknown): string | undefined {
  return /^os\.environ\/(.+)$/.exec(textOf(value) ?? '')?.[1];
}

/** Settings of all deployments under the names that they have in `litellm_params`. */
function defaultsOf({ litellm, router }: Sections): Fields {
  return compact({
    timeout: router.timeout ?? litellm.request_timeout,
    stream_timeout: router.stream_timeout ?? litellm.stream_timeout,
    num_retries: router.num_retries ?? litellm.num_retries,
    retry_after: router.retry_after,
    allowed_fails: router.allowed_fails ?? litellm.allowed_fails,
    cooldown_time: router.cooldown_time ?? litellm.cooldown_time,
    max_parallel_requests: router.default_max_parallel_requests,
  });
}

function shorten(places: readonly string[]): string {
  const most = 3;
  const more = places.length - most;
  return more > 0 ? `${places.slice(0, most).join(', ')} and ${more} more` : places.join(', ');
}

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  'simple-shuffle': 'tiered',
  'least-busy': 'least_busy',
  'latency-based-routing': 'lowest_latency',
  'cost-based-routing': 'lowest_price',
  'usage-based-routing': 'most_quota_left',
  'usage-based-routing-v2': 'most_quota_left',
};

function strategyOf(wanted: unknown, { note }: Reading, place: string): Strategy | undefined {
  const name = textOf(wanted);
  if (name === undefined) return undefined;
  const strategy = STRATEGIES[name];
  if (strategy === undefined) note(`Sluice has no strategy like "${name}"`, place);
  return strategy === 'tiered' ? undefined : strategy;
}

function modelsOf(deployments: readonly Deployment[], router: Fields, reading: Reading): Models {
  const strategies = strategiesOf(router, reading);
  const general = strategyOf(router.routing_strategy, reading, 'router_settings.routing_strategy');
  const models = new Map<string, Models[string]>();
  const contents = new Map<string, string>();
  const placeOf = new Map<object, string>();
  for (const { modelName, place, weight, ...settings } of deployments) {
    const id = uniqueId(settings, contents);
    const deployment = { ...settings, ...(id === null ? {} : { id }), ...(weight === undefined ? {} : { weight }) };
    const strategy = strategies.has(modelName) ? strategies.get(modelName) : general;
    if (!models.has(modelName)) models.set(modelName, { deployments: [], ...(strategy && { strategy }) });
    models.get(modelName)!.deployments.push(deployment);
    placeOf.set(deployment, place);
  }
  for (const model of models.values()) weigh(model, placeOf, reading);
  return Object.fromEntries(models);
}

/** `routing_groups`: strategies of some models. */
function strategiesOf({ routing_groups: groups }: Fields, reading: Reading): Map<string, Strategy | undefined> {
  const pairs = listOf(groups).flatMap((group, index) => {
    const { models, routing_strategy: wanted } = fieldsOf(group);
    const strategy = strategyOf(wanted, reading, `router_settings.routing_groups[${index}].routing_strategy`);
    return listOf(models).map((name) => [String(name), strategy] as const);
  });
  return new Map(pairs);
}

/** Null if the default id (provider/model) is free. */
function uniqueId(
  settings: Omit<Deployment, 'modelName' | 'place' | 'weight'>,
  contents: Map<string, string>,
): string | null {
  const { tier: _, id: wanted, ...content } = settings;
  const own = JSON.stringify(content);
  const plain = wanted ?? `${settings.provider}/${settings.model}`;
  let id = plain;
  for (let number = 2; (contents.get(id) ?? own) !== own; number++) id = `${plain}#${number}`;
  contents.set(id, own);
  return id === plain && wanted === undefined ? null : id;
}

type Weighed = Models[string]['deployments'][number];

/** What simple-shuffle uses as weights: the first measure that some deployment of an `order` has. */
const MEASURES: readonly (readonly [name: string, of: (deployment: Weighed) => number])[] = [
  ['weight', ({ weight }) => weight ?? 0],
  ['rpm', ({ limits }) => limits?.rpm ?? 0],
  ['tpm', ({ limits }) => limits?.tpm ?? 0],
];

type NoteAll = (what: string, deployments: readonly Weighed[]) => void;

function weigh(model: Models[string], placeOf: ReadonlyMap<object, string>, { note }: Reading): void {
  const noteAll: NoteAll = (what, list) => {
    for (const one of list) note(what, placeOf.get(one)!);
  };
  const all = model.deployments;
  if (model.strategy !== undefined) {
    const weighted = all.filter(({ weight }) => weight !== undefined);
    noteAll('weight is not imported: only simple-shuffle uses it', weighted);
    for (const one of weighted) delete one.weight;
    return;
  }
  const orderOf = new Map(all.map((one) => [one, one.tier ?? 1]));
  const orders = [...new Set(orderOf.values())].sort((a, b) => a - b);
  let added = 0;
  model.deployments = orders.flatMap((order) => {
    const { picked, others } = weighOrder(
      all.filter((one) => orderOf.get(one) === order),
      noteAll,
    );
    if (added > 0) for (const one of picked) one.tier = order + added;
    if (others.length > 0) added++;
    for (const one of others) one.tier = order + added;
    return [...picked, ...others];
  });
}

/**
 * simple-shuffle never picks a deployment without the measure that others of its order have while one of these is
 * available: it gets a tier below theirs. One whose weight is 0 is left out.
 */
function weighOrder(deployments: readonly Weighed[], noteAll: NoteAll) {
  const [name, of] = MEASURES.find(([, measure]) => deployments.some((one) => measure(one) > 0)) ?? ['', () => 1];
  const off = deployments.filter(({ weight }) => weight === 0);
  const kept = name === 'weight' ? deployments.filter((one) => !off.includes(one)) : deployments;
  const picked = kept.filter((one) => of(one) > 0);
  const others = kept.filter((one) => of(one) <= 0);
  if (name === 'weight') noteAll('skipped: its weight is 0', off);
  else noteAll('weight 0 is not imported: no deployment of its order has another weight', off);
  noteAll(`it has no ${name}, unlike others of its model: it gets a tier below theirs`, others);
  const weights = wholeWeights(picked.map(of));
  for (const one of kept) delete one.weight;
  if (new Set(weights).size > 1) for (const [index, one] of picked.entries()) one.weight = weights[index]!;
  return { picked, others };
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

function addFallbacks(models: Models, sections: Sections, { note }: Reading): void {
  for (const [theirs, ours] of FALLBACKS) {
    for (const section of ['litellm', 'router'] as const) {
      const place = `${section}_settings.${theirs}`;
      for (const [name, others] of pairsIn(sections[section][theirs])) {
        if (name === '*' && models['*'] === undefined) continue;
        const known = listOf(others).filter((other): other is string => isModel(models, other));
        const model = Object.hasOwn(models, name) ? models[name] : undefined;
        if (model === undefined) note(`"${name}" is not in model_list`, place);
        else model[ours] = [...new Set([...(model[ours] ?? []), ...known])];
        if (known.length < listOf(others).length) note('fallbacks that are not in model_list', place);
      }
    }
  }
}

function pairsIn(list: unknown): [string, unknown][] {
  return listOf(list).flatMap((entry) => Object.entries(fieldsOf(entry)));
}

/** `default_fallbacks` and the fallbacks of `*`: for models without their own. */
function addDefaultFallbacks(models: Models, { litellm, router }: Sections, { note }: Reading): void {
  const ofAll = [...pairsIn(litellm.fallbacks), ...pairsIn(router.fallbacks)].find(([name]) => name === '*')?.[1];
  const defaults = listOf(litellm.default_fallbacks ?? router.default_fallbacks ?? ofAll);
  const others = defaults.filter((other): other is string => isModel(models, other));
  if (others.length < defaults.length) note('fallbacks that are not in model_list', 'default_fallbacks');
  for (const [name, model] of Object.entries(models)) {
    if (others.length > 0) model.fallbacks ??= others.filter((other) => other !== name);
  }
}

function isModel(models: Models, name: unknown): boolean {
  return typeof name === 'string' && Object.keys(models).some((pattern) => matchWildcard(pattern, name) !== null);
}

function sizesOf(general: Fields, { note }: Reading): ConfigurationInput {
  const bytesOf = (name: string) => {
    const bytes = Math.round((countOf(general[name]) ?? 0) * 1024 * 1024);
    if (bytes > LARGEST_BODY_BYTES)
      note(`Sluice reads at most ${LARGEST_BODY_BYTES} bytes`, `general_settings.${name}`);
    return bytes === 0 ? undefined : Math.min(bytes, LARGEST_BODY_BYTES);
  };
  const [request, answer] = [bytesOf('max_request_size_mb'), bytesOf('max_response_size_mb')];
  return {
    ...(request === undefined ? {} : { server: { body_limit_bytes: request } }),
    ...(answer === undefined ? {} : { workers: { max_answer_bytes: answer } }),
  };
}

/** Settings that need no note: they are converted, or describe what Sluice does anyway. */
const SILENT = {
  litellm: [
    ...['num_retries', 'request_timeout', 'stream_timeout', 'allowed_fails', 'cooldown_time', 'default_fallbacks'],
    ...FALLBACKS.map(([theirs]) => theirs),
    ...['drop_params', 'set_verbose', 'json_logs', 'turn_off_message_logging', 'redact_user_api_key_info'],
  ],
  router: [
    ...['routing_strategy', 'routing_groups', 'num_retries', 'timeout', 'stream_timeout', 'retry_after'],
    ...['allowed_fails', 'cooldown_time', 'default_max_parallel_requests', 'model_group_alias', 'default_fallbacks'],
    ...FALLBACKS.map(([theirs]) => theirs),
    ...['enable_pre_call_checks', 'set_verbose'],
  ],
  general: ['max_request_size_mb', 'max_response_size_mb'],
};

function noteSettings({ litellm, router, general }: Sections, rest: Fields, { note }: Reading): void {
  const { environment_variables: _, credential_list: __, ...others } = rest;
  const sections: [string, Fields, readonly string[]][] = [
    ['litellm_settings.', litellm, SILENT.litellm],
    ['router_settings.', router, SILENT.router],
    ['general_settings.', general, SILENT.general],
    ['', others, []],
  ];
  for (const [prefix, fields, silent] of sections) {
    for (const name of Object.keys(fields).filter((known) => !silent.includes(known))) {
      note(`not imported; ${reasonOfSetting(name)}`, prefix + name);
    }
  }
}
