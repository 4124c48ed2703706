// What a token costs: from the configuration, else from the price package (kept current by others).
import { createRequire } from 'node:module';
import type { calcPrice as CalcPrice } from '@pydantic/genai-prices';
import { type Price, scaleDecimal, scaleTokens, type TokenPrice } from '../contracts/money.ts';
import type { PriceSettings, RateSettings, UndatedPriceSettings } from './price-schema.ts';

/** Providers charge higher rates for long prompts: for the whole request, once its input exceeds the threshold. */
export interface PriceSchedule {
  base: Price;
  /** Ascending by threshold. */
  tiers: readonly { aboveInputTokens: number; price: Price }[];
}

/** USD per million tokens to picodollars per token: six decimals. USD per thousand calls: nine. */
const PICO_DECIMALS_PER_MILLION = 6;
const PICO_DECIMALS_PER_THOUSAND = 9;

function perToken(usdPerMillion: number): bigint {
  return scaleDecimal(String(usdPerMillion), PICO_DECIMALS_PER_MILLION);
}

function perCall(usdPerThousand: number): bigint {
  return scaleDecimal(String(usdPerThousand), PICO_DECIMALS_PER_THOUSAND);
}

/** Rates that are not for text: their names in the configuration, in the price package, and here. */
const MORE_RATES = [
  ['cache_write_long', 'cache_write_1h_mtok', 'longCacheWrite'],
  ['input_audio', 'input_audio_mtok', 'inputAudio'],
  ['input_image', 'input_image_mtok', 'inputImage'],
  ['input_video', 'input_video_mtok', 'inputVideo'],
  ['cached_audio', 'cache_audio_read_mtok', 'cachedAudio'],
  ['cached_image', 'cache_image_read_mtok', 'cachedImage'],
  ['cached_video', 'cache_video_read_mtok', 'cachedVideo'],
  ['output_audio', 'output_audio_mtok', 'outputAudio'],
  ['output_image', 'output_image_mtok', 'outputImage'],
  ['output_video', 'output_video_mtok', 'outputVideo'],
  ['output_reasoning', 'output_reasoning_mtok', 'outputReasoning'],
] as const;

/** Unknown if the configuration has a price without these, because audio and images are rarely priced as text. */
const RARELY_AS_TEXT = ['input_audio', 'output_audio', 'output_image', 'output_video'];

/** Prices by start time, ascending; the first has no start. */
export type DatedPrices = readonly { fromMs: number; schedule: PriceSchedule }[];

export function configuredPrices({ changes = [], ...first }: PriceSettings): DatedPrices {
  return [
    { fromMs: Number.NEGATIVE_INFINITY, schedule: configuredPrice(first) },
    ...changes.map(({ from, ...settings }) => ({ fromMs: Date.parse(from), schedule: configuredPrice(settings) })),
  ];
}

export function scheduleAt(prices: DatedPrices, atMs: number): PriceSchedule {
  return prices.findLast(({ fromMs }) => fromMs <= atMs)!.schedule;
}

export function configuredPrice(settings: UndatedPriceSettings): PriceSchedule {
  const { long_context: tiers = [] } = settings;
  return {
    base: configuredRates(settings, settings),
    tiers: tiers
      .map(({ above_input_tokens: aboveInputTokens, ...rates }) => ({
        aboveInputTokens,
        price: configuredRates(settings, { ...rates }),
      }))
      .sort((a, b) => a.aboveInputTokens - b.aboveInputTokens),
  };
}

function configuredRates(
  { request, tools, service_tiers: serviceTiers = {} }: UndatedPriceSettings,
  rates: RateSettings,
): Price {
  const base = tokenPrice(rates);
  const tiers = Object.entries(serviceTiers).map(([name, tier]) => [
    name,
    typeof tier === 'number' ? scaled(base, tier) : tokenPrice(tier),
  ]);
  return {
    ...base,
    ...(request === undefined ? {} : { request: perCall(request) }),
    ...(tools === undefined ? {} : { tools: mapValues(tools, perCall) }),
    ...(tiers.length === 0 ? {} : { tiers: Object.fromEntries(tiers) }),
    unknown: RARELY_AS_TEXT,
  };
}

function tokenPrice(rates: RateSettings): TokenPrice {
  const more = MORE_RATES.flatMap(([name, , key]) => {
    const rate = rates[name];
    return rate === undefined ? [] : [[key, perToken(rate)]];
  });
  return {
    input: perToken(rates.input),
    cachedInput: perToken(rates.cached_input ?? rates.input),
    cacheWrite: perToken(rates.cache_write ?? rates.input),
    output: perToken(rates.output),
    ...Object.fromEntries(more),
  };
}

/** @param factor up to six decimals. */
function scaled(price: TokenPrice, factor: number): TokenPrice {
  return scaleTokens(price, perToken(factor), perToken(1));
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

type PackagePrice = number | { base: number; tiers: { start: number; price: number }[] } | undefined;

function rateAt(price: PackagePrice, start: number): number | undefined {
  if (price === undefined || typeof price === 'number') return price;
  return price.tiers.findLast((tier) => tier.start <= start)?.price ?? price.base;
}

/** Tool calls that the package prices per thousand, and their names here. */
const TOOLS = { web_searches_kcount: 'web_search', storage_searches_kcount: 'file_search' } as const;

let loaded: typeof CalcPrice | null = null;

/**
 * The price package's function. Its list of all models is half a megabyte of code: processes and commands whose configuration has
 * every price do not load it, and start sooner.
 */
export function loadPricePackage(): typeof CalcPrice {
  loaded ??= (createRequire(import.meta.url)('@pydantic/genai-prices') as { calcPrice: typeof CalcPrice }).calcPrice;
  return loaded;
}

/**
 * The package's price, or null if it does not know the model. A provider that is not in the package has no price, since the
 * same model costs differently elsewhere.
 * @param priceId the provider's id in the package (`openai`, `google`).
 * @param at some prices start on a date, or apply only at certain hours.
 */
export function packagedPrice(priceId: string, upstreamModel: string, at: Date = new Date()): PriceSchedule | null {
  const found = loadPricePackage()({ input_tokens: 1 }, upstreamModel, { providerId: priceId, timestamp: at });
  if (found === null) return null;
  const rates = found.model_price as Record<string, PackagePrice>;
  const starts = new Set<number>();
  for (const rate of Object.values(rates)) {
    if (typeof rate === 'object') for (const tier of rate.tiers) starts.add(tier.start);
  }
  const priceAt = (start: number) => packagedRates(priceId, upstreamModel, (key) => rateAt(rates[key], start));
  return {
    base: priceAt(0),
    tiers: [...starts].sort((a, b) => a - b).map((start) => ({ aboveInputTokens: start, price: priceAt(start) })),
  };
}

function packagedRates(priceId: string, upstreamModel: string, rate: (key: string) => number | undefined): Price {
  const input = rate('input_mtok') ?? 0;
  const more = MORE_RATES.flatMap(([, key, name]) => {
    const usd = rate(key);
    return usd === undefined ? [] : [[name, perToken(usd)]];
  });
  const standard: TokenPrice = {
    input: perToken(input),
    cachedInput: perToken(rate('cache_read_mtok') ?? input),
    cacheWrite: perToken(rate('cache_write_mtok') ?? input),
    output: perToken(rate('output_mtok') ?? 0),
    ...Object.fromEntries(more),
  };
  const tools = Object.entries(TOOLS).flatMap(([key, name]) => {
    const usd = rate(key);
    return usd === undefined ? [] : [[name, perCall(usd)]];
  });
  const request = rate('requests_kcount');
  return {
    ...standard,
    ...(request === undefined ? {} : { request: perCall(request) }),
    tools: Object.fromEntries(tools),
    tiers: knownTiers(priceId, upstreamModel, standard, perToken),
    unknown: unknownMedia(priceId, upstreamModel),
  };
}

/**
 * Media whose rate is unknown. The package has a separate rate if a medium costs more or less than text. Without one, Google
 * prices input audio as text; models that output only speech or only images have it as their output price.
 */
function unknownMedia(priceId: string, upstreamModel: string): string[] {
  return RARELY_AS_TEXT.filter((name) => {
    if (name === 'input_audio') return priceId !== 'google';
    if (name === 'output_audio') return !/tts/.test(upstreamModel);
    return name !== 'output_image' || !/^(gpt-image|chatgpt-image|imagen)/.test(upstreamModel);
  });
}

/** The rates for one request, chosen by the size of its input. */
export function priceFor(schedule: PriceSchedule, inputTokens: number): Price {
  return schedule.tiers.findLast((tier) => inputTokens > tier.aboveInputTokens)?.price ?? schedule.base;
}

/**
 * OpenAI's priority processing: input, cached input, output (openai.com/api-priority-processing, read 2026-11-28). Prompts
 * at long-context rates cannot use it.
 */
const OPENAI_PRIORITY: Readonly<Record<string, readonly [number, number, number]>> = {
  'gpt-5.5': [12.5, 1.25, 75],
  'gpt-5.4': [5, 0.5, 30],
  'gpt-5.4-mini': [1.5, 0.15, 9],
  'gpt-5.2': [3.5, 0.35, 28],
  'gpt-5.1': [2.5, 0.25, 20],
  'gpt-5.1-codex': [2.5, 0.25, 20],
  'gpt-5': [2.5, 0.25, 20],
  'gpt-5-codex': [2.5, 0.25, 20],
  'gpt-5-mini': [0.45, 0.045, 3.6],
  'gpt-4.1': [3.5, 0.875, 14],
  'gpt-4.1-mini': [0.7, 0.175, 2.8],
  'gpt-4.1-nano': [0.2, 0.05, 0.8],
  'gpt-4o': [4.25, 2.125, 17],
  'gpt-4o-mini': [0.25, 0.125, 1],
  o3: [3.5, 0.875, 14],
  'o4-mini': [2, 0.5, 8],
};

/** Half of the ordinary price, as in batches (OpenAI's pricing page; ai.google.dev/gemini-api/docs/optimization, 2026-11). */
const HAS_HALF_PRICED_FLEX: ReadonlySet<string> = new Set(['openai', 'google']);

/** Groq's flex tier costs what its ordinary one does (console.groq.com/docs/flex-processing, 2026). */
const ORDINARY: Readonly<Record<string, readonly string[]>> = { groq: ['on_demand', 'flex', 'auto'] };

/** @param perToken USD per million tokens to picodollars. */
export function knownTiers(
  priceId: string,
  upstreamModel: string,
  standard: TokenPrice,
  perToken: (usdPerMillion: number) => bigint,
): Record<string, TokenPrice> {
  const tiers: Record<string, TokenPrice> = {};
  for (const name of ORDINARY[priceId] ?? []) tiers[name] = standard;
  if (HAS_HALF_PRICED_FLEX.has(priceId)) tiers.flex = scaleTokens(standard, 1n, 2n);
  const priority = priceId === 'openai' ? OPENAI_PRIORITY[withoutDate(upstreamModel)] : undefined;
  if (priority !== undefined) {
    const [input, cachedInput, output] = priority.map(perToken) as [bigint, bigint, bigint];
    tiers.priority = { ...standard, input, cachedInput, cacheWrite: input, output };
  }
  return tiers;
}

/** `gpt-5-2025-08-07` costs what `gpt-5` does. */
function withoutDate(model: string): string {
  return model.replace(/-\d{4}-\d{2}-\d{2}$/, '');
}
