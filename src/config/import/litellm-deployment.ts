// One entry of LiteLLM's `model_list`: its provider, and the deployment of it.
import {
  compact,
  countOf,
  type createProviderNames,
  type Fields,
  fieldsOf,
  millisecondsOf,
  perMillion,
  textOf,
  wholeOf,
} from './imported.ts';
import { type KnownProvider, knownProvider } from './known-providers.ts';

export interface Reading {
  names: ReturnType<typeof createProviderNames>;
  /** A text, or a reference to a variable; undefined if there is none, or the variable is not set. */
  text(value: unknown, place: string): string | undefined;
  note(what: string, place: string): void;
  notes(): string[];
  credential(name: unknown): Fields;
  timeoutMs: number | undefined;
  retries: object;
  circuit: object;
}

export interface Deployment {
  modelName: string;
  provider: string;
  model: string;
  id?: string;
  weight?: number;
  tier?: number;
  limits?: object;
  first_token_ms?: number;
  price?: Price;
}

interface Price {
  input: number;
  output: number;
  cached_input?: number;
  cache_write?: number;
}

/** Undefined, with a note, for a deployment that Sluice cannot call. */
export function readDeployment(reading: Reading, entry: Fields, index: number): Deployment | undefined {
  const place = `model_list[${index}]`;
  const own = fieldsOf(entry.litellm_params);
  const params = { ...reading.credential(own.litellm_credential_name), ...own };
  const modelName = textOf(entry.model_name);
  const called = reading.text(params.model, `${place}.litellm_params.model`);
  if (modelName === undefined || called === undefined) {
    reading.note('skipped: model_name and litellm_params.model are required', place);
    return undefined;
  }
  const { slug, model } = splitModel(called, params);
  const known = knownProvider(slug);
  if (known === null) {
    reading.note(`skipped: Sluice does not support the protocol of provider "${slug}"`, place);
    return undefined;
  }
  const provider = providerOf(reading, known, params, place);
  if (provider === undefined) return undefined;
  noteUnknown(reading, params, place);
  noteBaseModel(reading, entry, place);
  return { modelName, provider, model: wildcardOf(model, modelName), ...detailsOf(entry, params) };
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

/** A wildcard needs one in the public name too; `*` alone takes the whole name. */
function wildcardOf(model: string, modelName: string): string {
  return modelName.includes('*') && model.includes('*') ? '*' : model;
}

function providerOf(reading: Reading, known: KnownProvider, params: Fields, place: string): string | undefined {
  const at = (name: string) => `${place}.litellm_params.${name}`;
  const baseUrl = reading.text(params.api_base ?? params.base_url, at('api_base'));
  const isAddressNeeded =
    known.name === 'azure' || (known.settings.preset === undefined && known.settings.base_url === undefined);
  if (baseUrl === undefined && isAddressNeeded) {
    reading.note('skipped: api_base is missing', place);
    return undefined;
  }
  const given = params.api_key ?? (known.keyVariable === undefined ? undefined : `os.environ/${known.keyVariable}`);
  const apiKey = reading.text(given, at('api_key'));
  const organization = reading.text(params.organization, at('organization'));
  const totalMs = millisecondsOf(params.timeout) ?? reading.timeoutMs;
  const headers = {
    ...headersOf(reading, params.extra_headers, at('extra_headers')),
    ...(organization === undefined ? {} : { 'openai-organization': organization }),
  };
  const settings = compact({
    ...known.settings,
    ...(baseUrl === undefined ? {} : addressOf(known, baseUrl, reading.text(params.api_version, at('api_version')))),
    api_key: apiKey,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    timeouts: totalMs === undefined ? undefined : { total_ms: totalMs },
    retries: Object.keys(reading.retries).length === 0 ? undefined : reading.retries,
    circuit: Object.keys(reading.circuit).length === 0 ? undefined : reading.circuit,
  });
  return reading.names.name(known.name, settings);
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
  if (apiVersion === undefined) return { base_url: /\/openai\/v1$/.test(root) ? root : `${root}/openai/v1` };
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

function detailsOf(entry: Fields, params: Fields): Omit<Deployment, 'modelName' | 'provider' | 'model'> {
  const info = fieldsOf(entry.model_info);
  const limits = compact({
    rpm: wholeOf(params.rpm ?? entry.rpm),
    tpm: wholeOf(params.tpm ?? entry.tpm),
    concurrency: wholeOf(params.max_parallel_requests),
  });
  return compact({
    id: textOf(info.id),
    weight: countOf(params.weight),
    tier: wholeOf(params.order),
    limits: Object.keys(limits).length === 0 ? undefined : limits,
    first_token_ms: millisecondsOf(params.stream_timeout),
    price: priceOf({ ...info, ...params }),
  });
}

function priceOf(fields: Fields): Price | undefined {
  const [input, output] = [perMillion(fields.input_cost_per_token), perMillion(fields.output_cost_per_token)];
  if (input === undefined && output === undefined) return undefined;
  return compact({
    input: input ?? 0,
    output: output ?? 0,
    cached_input: perMillion(fields.cache_read_input_token_cost),
    cache_write: perMillion(fields.cache_creation_input_token_cost),
  }) as Price;
}

/** LiteLLM uses it to price deployments on Azure, whose names do not show the model. */
function noteBaseModel({ note }: Reading, { model_info: info, litellm_params: own }: Fields, place: string): void {
  const isPriced = priceOf({ ...fieldsOf(info), ...fieldsOf(own) }) !== undefined;
  if (isPriced || fieldsOf(info).base_model === undefined) return;
  note(
    'base_model is not imported: set a price on the deployment, unless its name is the name of the model',
    `${place}.model_info`,
  );
}

const CARRIED = new Set([
  ...[
    'model',
    'api_key',
    'api_base',
    'base_url',
    'api_version',
    'organization',
    'extra_headers',
    'custom_llm_provider',
  ],
  ...['rpm', 'tpm', 'max_parallel_requests', 'weight', 'order', 'timeout', 'stream_timeout', 'litellm_credential_name'],
  ...[
    'input_cost_per_token',
    'output_cost_per_token',
    'cache_read_input_token_cost',
    'cache_creation_input_token_cost',
  ],
  ...['drop_params', 'mock_response'],
]);

function noteUnknown({ note }: Reading, params: Fields, place: string): void {
  for (const name of Object.keys(params)) {
    if (!CARRIED.has(name)) note(`${name} is not imported: set it in each request`, `${place}.litellm_params`);
  }
  if (params.mock_response !== undefined) note('mock_response is not imported: see docs/simulator.md', place);
}
