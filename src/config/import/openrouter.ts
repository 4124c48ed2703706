// Converts OpenRouter settings to a configuration of ours: `model`, `models` and `provider` of a request or preset, or the list
// of models from GET /api/v1/models with its prices (openrouter.ai/docs: provider routing, presets, pricing; read 2026-11-29).
import type { ConfigurationInput } from '../schema.ts';
import { compact, type Fields, fieldsOf, type Imported, listOf, perMillion, textOf } from './imported.ts';

const PROVIDER = { openrouter: { api_key: `\${OPENROUTER_API_KEY}` } };

export function importOpenRouter(file: unknown): Imported {
  const fields = fieldsOf(file);
  const listed = listOf(fields.data ?? (Array.isArray(file) ? file : undefined)).map(fieldsOf);
  if (listed.length === 0) return fromRequest(fieldsOf(fields.config ?? fields));
  const models = Object.fromEntries(listed.flatMap(listedModel));
  return { configuration: withModels(models), notes: listed.flatMap(notesOfPrices) };
}

function withModels(models: Record<string, object>): ConfigurationInput {
  return { providers: PROVIDER, models } as ConfigurationInput;
}

function listedModel({ id, pricing }: Fields): [string, object][] {
  const name = textOf(id);
  if (name === undefined) return [];
  return [[name, { deployments: [{ provider: 'openrouter', model: name, ...priceOf(fieldsOf(pricing)) }] }]];
}

/** Prices per token: OpenRouter's name → ours. */
const RATES = {
  prompt: 'input',
  completion: 'output',
  input_cache_read: 'cached_input',
  input_cache_write: 'cache_write',
  input_cache_write_1h: 'cache_write_long',
  internal_reasoning: 'output_reasoning',
  audio: 'input_audio',
  input_audio_cache: 'cached_audio',
  audio_output: 'output_audio',
  image_token: 'input_image',
} as const;

function ratesOf(pricing: Fields): Record<string, number> {
  const rates = Object.entries(RATES).flatMap(([theirs, ours]) => {
    const usd = perMillion(pricing[theirs]);
    // 0 stands for "not priced apart", except in the two prices that every model has.
    return usd === undefined || (usd === 0 && ours !== 'input' && ours !== 'output') ? [] : [[ours, usd] as const];
  });
  return Object.fromEntries(rates);
}

function priceOf(pricing: Fields): object {
  const rates = ratesOf(pricing);
  if (rates.input === undefined || rates.output === undefined) return {};
  const search = perThousand(pricing.web_search);
  const long = longOf(pricing, rates);
  return {
    price: compact({
      ...rates,
      request: perThousand(pricing.request),
      tools: search === undefined ? undefined : { web_search: search },
      long_context: long.length === 0 ? undefined : long,
    }),
  };
}

/** OpenRouter's prices are of one call, ours of a thousand. */
function perThousand(usd: unknown): number | undefined {
  const million = perMillion(usd);
  return million === undefined || million === 0 ? undefined : Number((million / 1_000).toPrecision(12));
}

/** Overrides that depend on nothing but the length of the prompt. */
function longOf({ overrides }: Fields, rates: Record<string, number>): { above_input_tokens: number }[] {
  return listOf(overrides)
    .map(fieldsOf)
    .filter(isOfLength)
    .map((override) => ({ ...rates, ...ratesOf(override), above_input_tokens: Number(override.min_prompt_tokens) - 1 }))
    .filter((tier) => tier.above_input_tokens > 0)
    .sort((a, b) => a.above_input_tokens - b.above_input_tokens);
}

function isOfLength(override: Fields): boolean {
  const others = Object.keys(override).filter((name) => name !== 'min_prompt_tokens' && !Object.hasOwn(RATES, name));
  return Number.isInteger(override.min_prompt_tokens) && others.length === 0;
}

const IN_PRICE = new Set<string>([...Object.keys(RATES), 'request', 'web_search', 'overrides']);

function notesOfPrices({ id, pricing }: Fields): string[] {
  const prices = fieldsOf(pricing);
  const others = Object.keys(prices).filter((name) => !IN_PRICE.has(name) && Number(prices[name]) !== 0);
  const isUnlike = listOf(prices.overrides).some((override) => !isOfLength(fieldsOf(override)));
  return [...others, ...(isUnlike ? ['overrides'] : [])].map(
    (name) =>
      `${id}: pricing.${name}: not imported; only prices per token, request and search are, by length of the prompt`,
  );
}

/** Variants of a model that choose among OpenRouter's providers as `provider.sort` does (openrouter.ai/docs/model-variants). */
const VARIANTS: Readonly<Record<string, string>> = { price: ':floor', throughput: ':nitro' };

function fromRequest(fields: Fields): Imported {
  const { sort, ...preferences } = fieldsOf(fields.provider);
  const by = textOf(sort) ?? textOf(fieldsOf(sort).by);
  const variant = VARIANTS[by ?? ''] ?? '';
  const names = [textOf(fields.model), ...listOf(fields.models).map(textOf)].filter((name) => name !== undefined);
  const [first, ...others] = [...new Set(names)];
  const unsorted = sort !== undefined && (variant === '' || first === undefined) ? ['sort'] : [];
  const notes = [
    ...[...Object.keys(preferences), ...unsorted].map((name) => `provider.${name}: not imported; ${CHOSEN_THERE}`),
    ...Object.keys(fields)
      .filter((name) => !CARRIED.has(name))
      .map((name) => `${name}: not imported; ${OF_PRESETS.has(name) ? CHOSEN_THERE : 'set it in each request'}`),
  ];
  if (first === undefined) return { configuration: withModels(anyModel()), notes };
  const models = Object.fromEntries(
    [first, ...others].map((name) => {
      const model = variant === '' || /[:@]/.test(name) ? name : `${name}${variant}`;
      return [name, { deployments: [{ provider: 'openrouter', model }] } as object];
    }),
  );
  if (others.length > 0) models[first] = { ...models[first], fallbacks: others };
  return { configuration: withModels(models), notes };
}

const CARRIED = new Set(['model', 'models', 'provider', 'messages', 'stream', 'route']);
/** What only OpenRouter does with a request. */
const OF_PRESETS = new Set(['plugins', 'transforms', 'preset', 'system_prompt', 'tools', 'designated_version_id']);
const CHOSEN_THERE =
  'Sluice reads provider in requests itself. Save the setting as a preset at OpenRouter and append @preset/<name> to the model of the deployment';

function anyModel(): Record<string, object> {
  return { '*': { deployments: [{ provider: 'openrouter', model: '*' }] } };
}
