// A config of Portkey's gateway as a configuration of ours (portkey.ai/docs/product/ai-gateway/configs and the source of
// Portkey-AI/gateway, read 2026-11-29): fallbacks become tiers, load balancing becomes weights within one.
import type { ConfigurationInput } from '../schema.ts';
import {
  compact,
  countOf,
  createProviderNames,
  type Fields,
  fieldsOf,
  type Imported,
  listOf,
  textOf,
  wholeOf,
  wholeWeights,
} from './imported.ts';
import { type KnownProvider, knownProvider } from './known-providers.ts';

interface Target {
  provider: string;
  /** Null: the model that the client requests. */
  model: string | null;
  tier: number;
  weight: number;
}

/** Settings of a target that also hold for those below it. */
const INHERITED = ['retry', 'request_timeout', 'override_params', 'custom_host'] as const;
type Inherited = Partial<Record<(typeof INHERITED)[number], unknown>>;

export function importPortkey(file: unknown): Imported {
  const notes = new Set<string>();
  const names = createProviderNames();
  const note = (text: string) => void notes.add(text);
  const root = camelless(fieldsOf(fieldsOf(file).config ?? file));
  const models = new Map<string, object>();
  const add = (fields: Fields, only: string | null) => {
    const targets = walk({ names, note, nextTier: 1 }, fields, {}, { tier: null, weight: 1, place: 'config' });
    if (targets.length === 0) return;
    const name = only ?? nameOf(targets, note);
    const deployments = wholeShares(targets).map((target) => ({ ...target, model: target.model ?? name }));
    if (!models.has(name)) models.set(name, { deployments });
  };
  const conditional = conditionsOf(root, note);
  if (conditional === null) add(root, null);
  for (const { model, target } of conditional ?? []) add({ ...root, strategy: undefined, targets: [target] }, model);
  const configuration = { providers: names.providers, models: Object.fromEntries(models) } as ConfigurationInput;
  return { configuration, notes: [...notes] };
}

/** The name that clients request: `*` if one of the targets takes it from them, else the model of the first target. */
function nameOf(targets: readonly Target[], note: (text: string) => void): string {
  const first = targets[0]?.model ?? '*';
  if (targets.some(({ model }) => model === null)) return '*';
  note(`config: the model is called "${first}"; Portkey accepts every name: call it "*" if clients request others`);
  return first;
}

/** Weights within a tier are shares until here, so that they are rounded once. */
function wholeShares(targets: readonly Target[]): Target[] {
  return targets.map((target) => {
    const tier = targets.filter((other) => other.tier === target.tier);
    return { ...target, weight: wholeWeights(tier.map(({ weight }) => weight))[tier.indexOf(target)]! };
  });
}

interface Condition {
  /** `*`: every other model. */
  model: string;
  target: unknown;
}

/** Conditions on the model that a request names become models; null if the mode is another one. */
function conditionsOf(root: Fields, note: (text: string) => void): Condition[] | null {
  const { mode, conditions, default: otherwise } = camelless(fieldsOf(root.strategy));
  if (mode !== 'conditional') return null;
  const targets = listOf(root.targets);
  const find = (name: unknown) => targets.find((target) => fieldsOf(target).name === name);
  const named = listOf(conditions).flatMap((entry, index): Condition[] => {
    const { query, then } = fieldsOf(entry);
    const wanted = modelsIn(fieldsOf(query));
    if (wanted.length === 0) {
      note(
        `config.strategy.conditions[${index}]: not imported; only conditions on params.model ($eq, $in) are: give each model a name`,
      );
    }
    if (find(then) === undefined)
      note(`config.strategy.conditions[${index}].then: not imported; no target has this name`);
    return wanted.map((model) => ({ model, target: find(then) }));
  });
  const all = otherwise === undefined ? named : [...named, { model: '*', target: find(otherwise) }];
  if (otherwise !== undefined && find(otherwise) === undefined)
    note('config.strategy.default: not imported; no target has this name');
  return all.filter(({ target }) => target !== undefined);
}

function modelsIn(query: Fields): string[] {
  const [[name, condition] = [], ...others] = Object.entries(query);
  if (name !== 'params.model' || others.length > 0) return [];
  const { $eq: one, $in: some, ...operators } = fieldsOf(condition);
  if (Object.keys(operators).length > 0) return [];
  return [condition, one, ...listOf(some)].flatMap((value) => textOf(value) ?? []);
}

/** Portkey accepts camelCase and snake_case. */
function camelless(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

interface Walker {
  names: ReturnType<typeof createProviderNames>;
  note(text: string): void;
  nextTier: number;
}

interface Place {
  /** Null: a new tier. */
  tier: number | null;
  /** The part of its tier that it and the targets below it have together. */
  weight: number;
  place: string;
}

function walk(walker: Walker, fields: Fields, above: Inherited, { tier, weight, place }: Place): Target[] {
  const inherited = inherit(fields, above);
  const targets = listOf(fields.targets).map((target) => camelless(fieldsOf(target)));
  const mode = textOf(camelless(fieldsOf(fields.strategy)).mode) ?? 'single';
  noteLeftOut(walker, fields, place);
  if (targets.length === 0) {
    const target = readTarget(walker, { ...fields, ...inherited }, place);
    return target === null ? [] : [{ ...target, tier: tier ?? walker.nextTier++, weight }];
  }
  const isShared = mode === 'loadbalance';
  const shared = tier ?? (isShared ? walker.nextTier++ : null);
  if (tier !== null && mode === 'fallback' && targets.length > 1) {
    walker.note(
      `${place}: the fallbacks of one target of a load balancer are fallbacks of all its targets, in later tiers`,
    );
  }
  const called = chosen(walker, { mode, targets }, place);
  const weightOf = (target: Fields) => countOf(target.weight) ?? 1;
  const sum = called.reduce((total, [, target]) => total + weightOf(target), 0);
  return called.flatMap(([index, target], number) => {
    const below = `${place}.targets[${index}]`;
    if (isShared) {
      const share = (weight * weightOf(target)) / sum;
      return walk(walker, target, inherited, { tier: shared, weight: share, place: below });
    }
    const isFirst = number === 0;
    return walk(walker, target, inherited, {
      tier: isFirst ? tier : null,
      weight: isFirst ? weight : 1,
      place: below,
    });
  });
}

/** The targets that the gateway calls in this mode, with their numbers. */
function chosen(
  { note }: Walker,
  { mode, targets }: { mode: string; targets: readonly Fields[] },
  place: string,
): (readonly [number, Fields])[] {
  const numbered = targets.map((target, index) => [index, target] as const);
  if (mode === 'fallback') return numbered;
  if (mode === 'loadbalance') {
    const isOff = ([, { weight }]: (typeof numbered)[number]) => weight === 0 || weight === '0';
    for (const [index] of numbered.filter(isOff)) note(`${place}.targets[${index}]: skipped: its weight is 0`);
    return numbered.filter((target) => !isOff(target));
  }
  if (mode === 'conditional')
    note(`${place}: conditions below the first level are not imported; only its first target is`);
  else if (targets.length > 1) note(`${place}: mode single calls the first target only; the others are not imported`);
  return numbered.slice(0, 1);
}

/** The target's own settings go before those above it; override_params are merged. */
function inherit(fields: Fields, above: Inherited): Inherited {
  const own = compact(Object.fromEntries(INHERITED.map((name) => [name, fields[name]])));
  const parameters = { ...fieldsOf(above.override_params), ...fieldsOf(fields.override_params) };
  return { ...above, ...own, override_params: parameters };
}

function readTarget(walker: Walker, fields: Fields, place: string): Pick<Target, 'provider' | 'model'> | null {
  const wanted = textOf(camelless(fieldsOf(fields.override_params)).model);
  // The model catalogue's form: @provider/model.
  const [, ofModel, bare] = /^@([^/]+)\/(.+)$/.exec(wanted ?? '') ?? [];
  const told = (ofModel ?? textOf(fields.provider))?.replace(/^@/, '');
  const known = told === undefined ? null : providerLike(walker, told, place);
  if (known === null) {
    const why = told === undefined ? 'it names no provider' : `the protocol of "${told}" is not known`;
    walker.note(`${place}: skipped: ${why}`);
    return null;
  }
  const [variable] = known.keyVariables;
  const stored = textOf(fields.virtual_key);
  if (stored !== undefined) walker.note(`${place}: the key of virtual_key "${stored}" is Portkey's; set ${variable}`);
  const { attempts } = fieldsOf(fields.retry);
  const timeoutMs = wholeOf(fields.request_timeout);
  const headers = headersOf(fields);
  const settings = compact({
    ...known.settings,
    ...addressOf(walker, known, fields, place),
    api_key: textOf(fields.api_key) ?? (variable === undefined ? undefined : `\${${variable}}`),
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    retries: attempts === undefined ? undefined : { max: Math.min(20, wholeOf(attempts) ?? 0) },
    timeouts: timeoutMs === undefined ? undefined : { total_ms: timeoutMs },
  });
  return { provider: walker.names.name(known.name, settings), model: bare ?? wanted ?? null };
}

/** Slugs of Portkey's catalogue are free text; people begin them with the provider's name: `openai-prod`. */
function providerLike({ note }: Walker, slug: string, place: string): KnownProvider | null {
  for (let name = slug; name !== ''; name = name.replace(/(^|[-_])[^-_]*$/, '')) {
    const known = knownProvider(name);
    if (known === null) continue;
    if (name !== slug) note(`${place}: "${slug}" is taken for ${known.name}; its settings are Portkey's`);
    return known;
  }
  return null;
}

function addressOf({ note }: Walker, known: KnownProvider, fields: Fields, place: string): object {
  const host = textOf(fields.custom_host)?.replace(/\/+$/, '');
  if (host !== undefined) return { base_url: host };
  if (known.name !== 'azure') return {};
  const resource = textOf(fields.resource_name) ?? textOf(fields.azure_resource_name);
  if (resource === undefined) note(`${place}: set base_url of the Azure resource`);
  return resource === undefined ? {} : { base_url: `https://${resource}.openai.azure.com/openai/v1` };
}

const HEADERS = [
  ['openai_organization', 'openai-organization'],
  ['openai_project', 'openai-project'],
  ['anthropic_beta', 'anthropic-beta'],
] as const;

function headersOf(fields: Fields): Record<string, string> {
  return Object.fromEntries(
    HEADERS.flatMap(([name, header]) => {
      const value = textOf(fields[name]);
      return value === undefined ? [] : [[header, value]];
    }),
  );
}

const CARRIED = new Set<string>([
  ...['strategy', 'targets', 'name', 'id', 'provider', 'api_key', 'virtual_key', 'weight', ...INHERITED],
  ...['resource_name', 'azure_resource_name', ...HEADERS.map(([name]) => name)],
]);

/** Why settings are not converted; the first pattern that matches counts. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^cache$/, 'Sluice does not cache responses; prompt_cache of a model uses the caches of providers'],
  [/guardrails$|hooks$|mutators$/, 'Sluice does not inspect or change contents'],
  [/^on_status_codes$/, 'docs/failures.md says which failures are retried'],
  [
    /^(forward_headers|metadata)$/,
    'docs/api.md says which headers of clients reach the provider; tags take the place of metadata',
  ],
  [
    /^(aws|vertex|stability|workers_ai|snowflake|oracle|amzn|huggingface|fireworks|cortex)_/,
    'it is for a provider or an address that Sluice does not support',
  ],
  [
    /^(azure|ad_auth|api_version|deployment_id)/,
    'Azure is called at its v1 address; tokens come from providers.<name>.credentials',
  ],
  [/^strict_open_ai_compliance$/, 'answers have what docs/translation.md says'],
];

function noteLeftOut({ note }: Walker, fields: Fields, place: string): void {
  const reasonOf = (name: string) =>
    REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? 'Sluice has no such setting';
  for (const name of Object.keys(fields)) {
    if (!CARRIED.has(name)) note(`${place}.${name}: not imported; ${reasonOf(name)}`);
  }
  for (const part of ['strategy', 'retry']) {
    const { on_status_codes: codes, use_retry_after_header: obeyed } = camelless(fieldsOf(fields[part]));
    if (codes !== undefined) note(`${place}.${part}.on_status_codes: not imported; ${reasonOf('on_status_codes')}`);
    if (obeyed === false) note(`${place}.${part}.use_retry_after_header: not imported; retry-after is always obeyed`);
  }
  const { model: _, ...others } = camelless(fieldsOf(fields.override_params));
  for (const name of Object.keys(others)) {
    note(`${place}.override_params.${name}: not imported; set it in each request`);
  }
}
