// What a token costs: the configuration's word first, else the price package (kept current by others).
import { calcPrice } from '@pydantic/genai-prices';
import { type Price, scaleDecimal } from '../contracts/money.ts';
import type { PriceSettings } from './schema.ts';

/** Vendors charge long prompts at higher rates: the whole request, once its input exceeds the threshold. */
export interface PriceSchedule {
  base: Price;
  /** Ascending by threshold. */
  tiers: readonly { aboveInputTokens: number; price: Price }[];
}

/** USD per million tokens to picodollars per token: six decimals. */
const PICO_DECIMALS_PER_MILLION = 6;

function perToken(usdPerMillion: number): bigint {
  return scaleDecimal(String(usdPerMillion), PICO_DECIMALS_PER_MILLION);
}

export function configuredPrice(settings: PriceSettings): PriceSchedule {
  const base: Price = {
    input: perToken(settings.input),
    cachedInput: perToken(settings.cached_input ?? settings.input),
    cacheWrite: perToken(settings.cache_write ?? settings.input),
    ...(settings.cache_write_long === undefined ? {} : { longCacheWrite: perToken(settings.cache_write_long) }),
    output: perToken(settings.output),
  };
  return { base, tiers: [] };
}

type PackagePrice = number | { base: number; tiers: { start: number; price: number }[] } | undefined;

function rateAt(price: PackagePrice, start: number): number | undefined {
  if (price === undefined || typeof price === 'number') return price;
  return price.tiers.findLast((tier) => tier.start <= start)?.price ?? price.base;
}

/**
 * Price by the package, or null when it does not know the model. `priceId` is the vendor's id there (`openai`, `google`);
 * a vendor that is not listed has no price, since the same model costs differently elsewhere.
 */
export function packagedPrice(priceId: string, upstreamModel: string): PriceSchedule | null {
  const found = calcPrice({ input_tokens: 1 }, upstreamModel, { providerId: priceId });
  if (found === null) return null;
  const rates = found.model_price as Record<string, PackagePrice>;
  const starts = new Set<number>();
  for (const rate of Object.values(rates)) {
    if (typeof rate === 'object') for (const tier of rate.tiers) starts.add(tier.start);
  }
  const priceAt = (start: number): Price => {
    const input = rateAt(rates.input_mtok, start) ?? 0;
    return {
      input: perToken(input),
      cachedInput: perToken(rateAt(rates.cache_read_mtok, start) ?? input),
      cacheWrite: perToken(rateAt(rates.cache_write_mtok, start) ?? input),
      output: perToken(rateAt(rates.output_mtok, start) ?? 0),
    };
  };
  return {
    base: priceAt(0),
    tiers: [...starts].sort((a, b) => a - b).map((start) => ({ aboveInputTokens: start, price: priceAt(start) })),
  };
}

/** The rates for one request, chosen by the size of its input. */
export function priceFor(schedule: PriceSchedule, inputTokens: number): Price {
  return schedule.tiers.findLast((tier) => inputTokens > tier.aboveInputTokens)?.price ?? schedule.base;
}
