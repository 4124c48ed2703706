// One entry of LiteLLM's `model_list`: its provider, and the deployment of it.
import {
  compact,
  countOf,
  type createProviderNames,
  type Fields,
  fieldsOf,
  listOf,
  millisecondsOf,
  textOf,
  wholeOf,
} from './imported.ts';
import { type KnownProvider, knownProvider } from './known-providers.ts';
import { faultyPrices, isPriceName, type Prices, pricesOf } from './litellm-prices.ts';
import { reasonOfFact, reasonOfParameter } from './litellm-settings.ts';

export interface Reading {
  names: ReturnType<typeof createProviderNames>;
  /** A text, or a reference to a variable; undefined if there is none, or the variable is not set. */
  text(value: unknown, place: string): string | undefined;
  /** The same fields with the values of variables in place of references to them, except those of texts. */
  numbers(fields: Fields, place: string): Fields;
  isSet(name: string): boolean;
  note(what: string, place: string): void;
  notes(): string[];
  credential(name: unknown): Fields;
  /** Defaults of deployments. */
  defaults: Fields;
}

export interface Deployment extends Prices {
  modelName: string;
  provider: string;
  model: string;
  id?: string;
  /** In LiteLLM's file, for notes. */
  place: string;
  /** 0: the deployment is switched off. */
  weight?: number;
  tier?: number;
  limits?: object;
  first_token_ms?: number;
}

/** One deployment, or one for each of several organizations. None, with a note, if Sluice cannot call it. */
export function readDeployments(reading: Reading, entry: Fields, index: number): Deployment[] {
  const organizations = listOf(fieldsOf(entry.litellm_params).organization);
  if (organizations.length === 0) return readDeployment(reading, entry, index);
  return organizations.flatMap((organization) =>
    readDeployment(reading, { ...entry, litellm_params: { ...fieldsOf(entry.litellm_params), organization } }, index),
  );
}

function readDeployment(reading: Reading, entry: Fields, index: number): Deployment[] {
  const place = `model_list[${index}]`;
  const own = reading.numbers(fieldsOf(entry.litellm_params), `${place}.litellm_params`);
  const info = reading.numbers(fieldsOf(entry.model_info), `${place}.model_info`);
  const params = { ...reading.credential(own.litellm_credential_name), ...own };
  const modelName = textOf(entry.model_name);
  const leftOut = (why: string) => {
    reading.note(`skipped: ${why}`, place);
    return [];
  };
  const called = reading.text(params.model, `${place}.litellm_params.model`);
  if (modelName === undefined || called === undefined)
    return leftOut('model_name and litellm_params.model are required');
  if (info.blocked === true) return leftOut('model_info.blocked is true');
  const { slug, model } = splitModel(called, params);
  const known = knownProvider(slug);
  if (known === null) return leftOut(`Sluice does not support the protocol of provider "${slug}"`);
  if (model.includes('*') && !modelName.includes('*')) return leftOut('a wildcard also needs a * in model_name');
  const provider = providerOf(reading, { slug, known, params }, place);
  if (provider === undefined) return [];
  noteUnknown(reading, { entry, params, info }, place);
  if (called === '*') reading.note('model "*" only covers OpenAI’s models: add "anthropic/*" and the like', place);
  const details = detailsOf({ entry, info, params: { ...reading.defaults, ...params } });
  return [{ modelName, place, provider, model, ...details }];
}

/** Splits `openai/gpt-4o`. Without a prefix, guesses the provider as LiteLLM does: by the model's name, or by its address. */
function splitModel(called: string, params: Fields): { slug: string; model: string } {
  const told = textOf(params.custom_llm_provider);
  const [, prefix, rest] = /^([a-z0-9_-]+)\/(.+)$/.exec(called) ?? [];
  if (told !== undefined) return { slug: told, model: prefix === told ? rest! : called };
  if (prefix !== undefined && knownProvider(prefix) !== null) return { slug: prefix, model: rest! };
  if (prefix !== undefined && params.api_base === undefined) return { slug: prefix, model: rest! };
  if (/^claude/.test(called) && params.api_base === undefined) return { slug: 'anthropic', model: called };
  return { slug: 'openai', model: called };
}

interface Called {
  slug: string;
  known: KnownProvider;
  params: Fields;
}

function providerOf(reading: Reading, { slug, known, params }: Called, place: string): string | undefined {
  const at = (name: string) => `${place}.litellm_params.${name}`;
  const isAddressNeeded =
    known.name === 'azure' || (known.settings.preset === undefined && known.settings.base_url === undefined);
  const ofEnvironment = isAddressNeeded ? variableOf(reading, [`${slug.toUpperCase()}_API_BASE`]) : undefined;
  const baseUrl = reading.text(params.api_base ?? params.base_url ?? ofEnvironment, at('api_base'));
  if (baseUrl === undefined && isAddressNeeded) {
    reading.note('skipped: api_base is missing', place);
    return undefined;
  }
  const apiKey = reading.text(params.api_key ?? variableOf(reading, known.keyVariables), at('api_key'));
  const organization = reading.text(params.organization, at('organization'));
  const headers = {
    ...headersOf(reading, params.extra_headers, at('extra_headers')),
    ...(organization === undefined ? {} : { 'openai-organization': organization }),
  };
  const settings = compact({
    ...known.settings,
    ...(baseUrl === undefined ? {} : addressOf(known, baseUrl, reading.text(params.api_version, at('api_version')))),
    api_key: apiKey,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    ...patienceOf({ ...reading.defaults, ...params }),
  });
  return reading.names.name(known.name, settings);
}

/** Refers to the first of these variables that is set, else to the first. */
function variableOf({ isSet }: Reading, names: readonly string[]): string | undefined {
  const name = names.find(isSet) ?? names[0];
  return name === undefined ? undefined : `os.environ/${name}`;
}

/** LiteLLM takes a deployment out of rotation after more than `allowed_fails` failures in a minute, always for the same time. */
function patienceOf(params: Fields): object {
  const totalMs = millisecondsOf(params.timeout);
  const cooldownMs = millisecondsOf(params.cooldown_time);
  const fails = numberOf(params.allowed_fails);
  const retries = numberOf(params.num_retries ?? params.max_retries);
  const some = <T extends object>(settings: T) => (Object.keys(settings).length === 0 ? undefined : settings);
  return {
    timeouts: totalMs === undefined ? undefined : { total_ms: totalMs },
    retries: some(
      compact({
        max: retries === undefined ? undefined : Math.min(20, retries),
        base_ms: millisecondsOf(params.retry_after),
      }),
    ),
    circuit: some(
      compact({
        failures: fails === undefined ? undefined : fails + 1,
        window_ms: fails === undefined ? undefined : 60_000,
        cooldown_ms: cooldownMs,
        max_cooldown_ms: cooldownMs,
      }),
    ),
  };
}

/** A whole number; 0 is one. */
function numberOf(value: unknown): number | undefined {
  return value === 0 || value === '0' ? 0 : wholeOf(value);
}

/** Their values may be references to the environment, and numbers. */
function headersOf({ text }: Reading, headers: unknown, place: string): Record<string, string> {
  const values = Object.entries(fieldsOf(headers)).flatMap(([name, value]) => {
    const told =
      typeof value === 'number' || typeof value === 'boolean' ? String(value) : text(value, `${place}.${name}`);
    return told === undefined ? [] : [[name, told]];
  });
  return Object.fromEntries(values) as Record<string, string>;
}

/** LiteLLM's addresses have the version segment for OpenAI's protocol and none for others, and some have neither. */
function addressOf(known: KnownProvider, baseUrl: string, apiVersion: string | undefined): object {
  const root = baseUrl.replace(/\/+$/, '');
  if (known.name === 'ollama') return { base_url: /\/v1$/.test(root) ? root : `${root}/v1` };
  if (known.name === 'anthropic') return { base_url: root.replace(/\/v1(\/messages)?$/, '') };
  if (known.name === 'google') return { base_url: root.replace(/\/v1(beta)?$/, '') };
  if (known.name !== 'azure') return { base_url: root };
  if (apiVersion === undefined) return { base_url: /\/v1$/.test(root) ? root : `${root}/openai/v1` };
  return {
    base_url: root,
    protocols: ['openai-chat', 'openai-embeddings'],
    paths: {
      'openai-chat': '/openai/deployments/{model}/chat/completions',
      'openai-embeddings': '/openai/deployments/{model}/embeddings',
    },
    query: { 'api-version': apiVersion },
  };
}

interface Described {
  entry: Fields;
  info: Fields;
  params: Fields;
}

function detailsOf({ entry, info, params }: Described): Omit<Deployment, 'modelName' | 'place' | 'provider' | 'model'> {
  const limits = compact({
    rpm: wholeOf(params.rpm ?? entry.rpm),
    tpm: wholeOf(params.tpm ?? entry.tpm),
    input_tokens_per_minute: wholeOf(params.itpm),
    output_tokens_per_minute: wholeOf(params.otpm),
    requests_per_day: wholeOf(params.rpd),
    tokens_per_day: wholeOf(params.tpd),
    concurrency: wholeOf(params.max_parallel_requests),
  });
  return compact({
    id: typeof info.id === 'number' ? String(info.id) : textOf(info.id),
    weight: numberOf(params.weight) === 0 ? 0 : countOf(params.weight),
    tier: wholeOf(params.order),
    limits: Object.keys(limits).length === 0 ? undefined : limits,
    first_token_ms: millisecondsOf(params.stream_timeout),
    ...pricesOf({ ...info, ...params }),
  });
}

const CARRIED = new Set([
  ...['model', 'api_key', 'api_base', 'base_url', 'api_version', 'organization', 'extra_headers'],
  ...['custom_llm_provider', 'litellm_credential_name', 'drop_params', 'weight', 'order'],
  ...['rpm', 'tpm', 'itpm', 'otpm', 'rpd', 'tpd', 'max_parallel_requests'],
  ...['timeout', 'stream_timeout', 'num_retries', 'max_retries', 'cooldown_time', 'allowed_fails'],
]);

function noteUnknown({ note }: Reading, { entry, params, info }: Described, place: string): void {
  for (const name of Object.keys(params).filter((one) => !CARRIED.has(one) && !isPriceName(one))) {
    note(`not imported; ${reasonOfParameter(name)}`, `${place}.litellm_params.${name}`);
  }
  for (const name of Object.keys(info).filter((one) => one !== 'id' && one !== 'base_model' && !isPriceName(one))) {
    note(`not imported; ${reasonOfFact(name)}`, `${place}.model_info.${name}`);
  }
  for (const name of Object.keys(entry).filter((one) => !OF_ENTRY.has(one)))
    note('not imported; no such setting', `${place}.${name}`);
  const facts = { ...info, ...params };
  for (const name of faultyPrices(facts)) note('not imported; it is not a price in USD', `${place}: ${name}`);
  if (pricesOf(facts).price !== undefined) return;
  if (Object.keys(facts).some(isPriceName))
    note('prices are not imported: both input_cost_per_token and output_cost_per_token are needed', place);
  if (info.base_model === undefined) return;
  // LiteLLM uses it to price deployments on Azure, whose names do not show the model.
  note(
    'base_model is not imported: set a price on the deployment, unless its name is the name of the model',
    `${place}.model_info`,
  );
}

const OF_ENTRY = new Set(['model_name', 'litellm_params', 'model_info', 'rpm', 'tpm']);
