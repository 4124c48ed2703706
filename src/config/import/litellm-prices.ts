// Prices of LiteLLM's `litellm_params` and `model_info`, in USD per token, as prices of ours: names with a suffix are prices of
// long prompts (`_above_200k_tokens`), of a service tier (`_flex`) or of batches.
import type { ConfigurationInput } from '../schema.ts';
import { compact, type Fields, fieldsOf, listOf, perMillion } from './imported.ts';

type Deployments = NonNullable<ConfigurationInput['models']>[string]['deployments'];
type Price = NonNullable<Deployments[number]['price']>;
type Rates = Omit<Price, 'long_context' | 'service_tiers' | 'tools' | 'request' | 'changes'>;

/** LiteLLM's name → ours. */
const RATES: Readonly<Record<string, keyof Rates>> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cached_input',
  cache_creation_input_token_cost: 'cache_write',
  cache_creation_input_token_cost_above_1hr: 'cache_write_long',
  output_cost_per_reasoning_token: 'output_reasoning',
  input_cost_per_audio_token: 'input_audio',
  input_cost_per_image_token: 'input_image',
  input_cost_per_video_token: 'input_video',
  cache_read_input_audio_token_cost: 'cached_audio',
  cache_read_input_image_token_cost: 'cached_image',
  output_cost_per_audio_token: 'output_audio',
  output_cost_per_image_token: 'output_image',
  output_cost_per_video_token: 'output_video',
};

/** The part of a name before its suffix, and the suffix; undefined if it is no price per token. */
function partsOf(name: string): { rate: keyof Rates; suffix: string } | undefined {
  const [, base = name, suffix = ''] =
    /^(.+?)_(above_\d+k_tokens|flex|priority|balanced|ultrafast|batches)$/.exec(name) ?? [];
  const rate = Object.hasOwn(RATES, base) ? RATES[base] : undefined;
  return rate === undefined ? undefined : { rate, suffix };
}

export function isPriceName(name: string): boolean {
  return name === 'tiered_pricing' || partsOf(name) !== undefined;
}

export interface Prices {
  price?: Price;
  price_batch?: Price;
}

/** Empty if the entry has no price of tokens, or only one of input and output: the other one would be free. */
export function pricesOf(fields: Fields): Prices {
  const bySuffix = new Map<string, Partial<Rates>>();
  for (const [name, value] of Object.entries(fields)) {
    const parts = partsOf(name);
    const usd = parts === undefined ? undefined : perMillion(value);
    if (parts === undefined || usd === undefined) continue;
    bySuffix.set(parts.suffix, { ...bySuffix.get(parts.suffix), [parts.rate]: usd });
  }
  const tiers = tiersOf(fields);
  const free = fields.mode === 'embedding' || fields.mode === 'rerank' ? { output: 0 } : {};
  const own = { ...free, ...tiers.find(({ above }) => above === 0)?.rates, ...bySuffix.get('') };
  const { input, output } = own;
  if (input === undefined || output === undefined) return {};
  const base: Rates = { ...own, input, output };
  const batches = bySuffix.get('batches');
  const long = cumulated(base, [...longOf(bySuffix), ...tiers.filter(({ above }) => above > 0)]);
  return compact({
    price: compact({
      ...base,
      long_context: long.length === 0 ? undefined : long,
      service_tiers: serviceTiersOf(bySuffix, base),
    }) as Price,
    price_batch: batches === undefined ? undefined : { ...base, ...batches },
  });
}

/** The names of prices that are not one: negative, not a number, or a reference to the environment within a list. */
export function faultyPrices(fields: Fields): string[] {
  const isFaulty = ([name, value]: [string, unknown]) => partsOf(name) !== undefined && perMillion(value) === undefined;
  const inTiers = listOf(fields.tiered_pricing).some((entry) => Object.entries(fieldsOf(entry)).some(isFaulty));
  const names = Object.entries(fields)
    .filter(isFaulty)
    .map(([name]) => name);
  return inTiers ? [...names, 'tiered_pricing'] : names;
}

/** A tier inherits missing prices from the tier below. */
function cumulated(base: Rates, tiers: readonly Tier[]) {
  let below = base;
  return [...tiers]
    .sort((a, b) => a.above - b.above)
    .map(({ above, rates }) => {
      below = { ...below, ...rates };
      return { ...below, above_input_tokens: above };
    });
}

interface Tier {
  above: number;
  rates: Partial<Rates>;
}

function longOf(bySuffix: ReadonlyMap<string, Partial<Rates>>): Tier[] {
  return [...bySuffix].flatMap(([suffix, rates]) => {
    const thousands = /^above_(\d+)k_tokens$/.exec(suffix)?.[1];
    return thousands === undefined ? [] : [{ above: Number(thousands) * 1_000, rates }];
  });
}

/** `tiered_pricing`: prices of a whole request by the range that its input is in. */
function tiersOf(fields: Fields): Tier[] {
  return listOf(fields.tiered_pricing).flatMap((entry) => {
    const { range, ...costs } = fieldsOf(entry);
    const above = Number(listOf(range)[0]);
    const rates = Object.entries(costs).flatMap(([name, value]) => {
      const usd = Object.hasOwn(RATES, name) ? perMillion(value) : undefined;
      return usd === undefined ? [] : [[RATES[name]!, usd] as const];
    });
    return Number.isInteger(above) ? [{ above, rates: Object.fromEntries(rates) as Partial<Rates> }] : [];
  });
}

function serviceTiersOf(bySuffix: ReadonlyMap<string, Partial<Rates>>, base: Rates): Record<string, Rates> | undefined {
  const tiers = [...bySuffix].filter(
    ([suffix]) => suffix !== '' && suffix !== 'batches' && !suffix.startsWith('above_'),
  );
  if (tiers.length === 0) return undefined;
  return Object.fromEntries(tiers.map(([name, rates]) => [name, { ...base, ...rates }]));
}
