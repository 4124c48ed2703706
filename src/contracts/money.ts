// Money is held in integers. Costs are picodollars (1e-12 USD): one token at 1 USD per million tokens costs 1,000,000 pico,
// so every price with up to six decimals per million tokens is exact. Budgets count costs; credits are charged in
// ten-thousandths of a dollar.
import { MEDIA, type MediaTokens, type Medium, type Usage } from './usage.ts';

/** Picodollars: what is owed to the provider. */
export type PicoUsd = bigint;

/** Ten-thousandths of a dollar: what is charged to credits. */
export type ChargeUnits = number;

export const PICO_PER_USD = 1_000_000_000_000n;
const PICO_PER_CHARGE_UNIT = 100_000_000n;
const PICO_DECIMALS = 12;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/**
 * The exact value of a decimal text (`2.5`, `1e-7`) times 10^decimals, rounded half away from zero beyond that.
 * Throws a TypeError on anything that is not a decimal number.
 */
export function scaleDecimal(text: string, decimals: number): bigint {
  const match = DECIMAL.exec(text.trim());
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || whole + fraction === '') throw new TypeError(`not a decimal number: ${text}`);
  const exponent = Number(match[4] ?? 0) - fraction.length + decimals;
  if (Math.abs(exponent) > 400) throw new TypeError(`decimal number out of range: ${text}`);
  const digits = BigInt(whole + fraction);
  const magnitude = exponent >= 0 ? digits * 10n ** BigInt(exponent) : divideHalfUp(digits, 10n ** BigInt(-exponent));
  return match[1] === '-' ? -magnitude : magnitude;
}

function divideHalfUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor / 2n) / divisor;
}

/** USD as a provider or a configuration writes it, to picodollars. */
export function parseUsd(text: string): PicoUsd {
  return scaleDecimal(text, PICO_DECIMALS);
}

/** Picodollars as a plain decimal number of USD, without an exponent and without trailing zeros: valid JSON. */
export function formatUsd(pico: PicoUsd): string {
  const sign = pico < 0n ? '-' : '';
  const magnitude = pico < 0n ? -pico : pico;
  const fraction = (magnitude % PICO_PER_USD).toString().padStart(PICO_DECIMALS, '0').replace(/0+$/, '');
  const whole = (magnitude / PICO_PER_USD).toString();
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

/** How credits are charged. */
export interface ChargeTerms {
  /** Parts per million on top of the cost. */
  markupPpm: number;
  /** Charges are whole multiples of this number of units. */
  stepUnits: number;
}

/** Terms for requests that are not charged to credits: used to show what they would be charged. */
export const PLAIN_TERMS: ChargeTerms = Object.freeze({ markupPpm: 0, stepUnits: 1 });

const MILLION = 1_000_000n;

/** The one place where money is rounded: a charge is a request's cost with its markup, rounded up to the next step. */
export function chargeOf(cost: PicoUsd, { markupPpm, stepUnits }: ChargeTerms = PLAIN_TERMS): ChargeUnits {
  const step = BigInt(stepUnits) * PICO_PER_CHARGE_UNIT * MILLION;
  const marked = cost * (MILLION + BigInt(markupPpm));
  return Number((marked + step - 1n) / step) * stepUnits;
}

export function picoOfCharge(units: ChargeUnits): PicoUsd {
  return BigInt(units) * PICO_PER_CHARGE_UNIT;
}

export function formatCharge(units: ChargeUnits): string {
  return formatUsd(BigInt(units) * PICO_PER_CHARGE_UNIT);
}

/** What one token costs, in picodollars. */
export interface TokenPrice {
  input: PicoUsd;
  cachedInput: PicoUsd;
  cacheWrite: PicoUsd;
  /** For tokens kept for an hour. Absent: 1.6 times `cacheWrite`, as at Anthropic (2 versus 1.25 times the input). */
  longCacheWrite?: PicoUsd;
  output: PicoUsd;
  /** For tokens that are not text, if their price differs. */
  inputAudio?: PicoUsd;
  inputImage?: PicoUsd;
  inputVideo?: PicoUsd;
  cachedAudio?: PicoUsd;
  cachedImage?: PicoUsd;
  cachedVideo?: PicoUsd;
  outputAudio?: PicoUsd;
  outputImage?: PicoUsd;
  outputVideo?: PicoUsd;
  /** Absent: the rate of other output. */
  outputReasoning?: PicoUsd;
}

/** What a call costs. */
export interface Price extends TokenPrice {
  /** For the call itself, in addition to its tokens. */
  request?: PicoUsd;
  /** For one call of a tool that the provider runs, by name. */
  tools?: Readonly<Record<string, PicoUsd>>;
  /** Rates for calls that were served by another tier, by the tier's name. */
  tiers?: Readonly<Record<string, TokenPrice>>;
  /** Kinds of tokens whose price is unknown, rather than that of text: `output_image`. */
  unknown?: readonly string[];
}

/** Scales every token rate, rounding half a picodollar up. Prices of tool calls and of the request itself are unchanged. */
export function scaleTokens<P extends TokenPrice>(price: P, numerator: bigint, denominator: bigint): P {
  const scale = (value: unknown) =>
    typeof value === 'bigint' ? (value * numerator + denominator / 2n) / denominator : value;
  const scaled = Object.entries(price).map(([name, value]) => [name, name === 'request' ? value : scale(value)]);
  return Object.fromEntries(scaled) as P;
}

/** The price of tokens in providers' own batches. */
export function halfPrice(price: Price): Price {
  return scaleTokens(price, 1n, 2n);
}

/** A cost, and the names of what was used at an unknown price: that part is counted at the text rate or the default rate. */
export interface Cost {
  cost: PicoUsd;
  unpriced: string[];
}

export function costOf(usage: Usage, price: Price): PicoUsd {
  return priceUsage(usage, price).cost;
}

/** Cost of one attempt: each token is billed at exactly one rate (reasoning tokens are part of the output). */
export function priceUsage(usage: Usage, price: Price): Cost {
  if (usage.isUnbilled) return { cost: 0n, unpriced: [] };
  const tier = usage.serviceTier === undefined ? undefined : price.tiers?.[usage.serviceTier];
  const rates = tier ?? price;
  const unpriced = usage.serviceTier === undefined || tier !== undefined ? [] : [`service_tier:${usage.serviceTier}`];
  const tokens = priceInput(usage, rates) + priceOutput(usage, rates);
  unpriced.push(...unknownMedia(usage, rates, price.unknown ?? []));
  let tools = 0n;
  for (const name in usage.toolCalls) {
    const calls = usage.toolCalls[name]!;
    const perCall = price.tools?.[name];
    if (perCall === undefined) unpriced.push(name);
    else tools += BigInt(calls) * perCall;
  }
  return { cost: tokens + tools + (price.request ?? 0n), unpriced };
}

/** The member of a price that holds the rate of each medium. */
const RATE_NAMES = {
  input: { audio: 'inputAudio', image: 'inputImage', video: 'inputVideo' },
  cached: { audio: 'cachedAudio', image: 'cachedImage', video: 'cachedVideo' },
  output: { audio: 'outputAudio', image: 'outputImage', video: 'outputVideo' },
} as const satisfies Record<Direction, Record<Medium, keyof TokenPrice>>;

function priceInput(usage: Usage, rates: TokenPrice): PicoUsd {
  const longWrites = usage.longCacheWriteTokens ?? 0;
  const longCacheWrite = rates.longCacheWrite ?? (rates.cacheWrite * 8n) / 5n;
  const uncached = Math.max(0, usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens);
  let sum = BigInt(usage.cacheWriteTokens - longWrites) * rates.cacheWrite + BigInt(longWrites) * longCacheWrite;
  let [text, cachedText] = [uncached, usage.cachedInputTokens];
  for (const medium of mediaOf(usage.inputMedia, usage.cachedMedia)) {
    const cached = Math.min(cachedText, usage.cachedMedia?.[medium] ?? 0);
    // Tokens not reported as cached count as uncached, as far as the totals allow.
    const fresh = Math.min(text, Math.max(0, (usage.inputMedia?.[medium] ?? 0) - cached));
    text -= fresh;
    cachedText -= cached;
    sum += BigInt(fresh) * (rateOf(rates, 'input', medium) ?? rates.input);
    sum += BigInt(cached) * (rateOf(rates, 'cached', medium) ?? rates.cachedInput);
  }
  return sum + BigInt(text) * rates.input + BigInt(cachedText) * rates.cachedInput;
}

function priceOutput(usage: Usage, rates: TokenPrice): PicoUsd {
  let text = usage.outputTokens;
  let sum = 0n;
  for (const medium of mediaOf(usage.outputMedia)) {
    const tokens = Math.min(text, usage.outputMedia?.[medium] ?? 0);
    text -= tokens;
    sum += BigInt(tokens) * (rateOf(rates, 'output', medium) ?? rates.output);
  }
  const thoughts = Math.min(text, usage.reasoningTokens);
  return sum + BigInt(thoughts) * (rates.outputReasoning ?? rates.output) + BigInt(text - thoughts) * rates.output;
}

type Direction = 'input' | 'cached' | 'output';

function rateOf(rates: TokenPrice, direction: Direction, medium: Medium): PicoUsd | undefined {
  return rates[RATE_NAMES[direction][medium]];
}

/** The media in use; empty for most calls, which have only text. */
function mediaOf(used: MediaTokens | undefined, cached?: MediaTokens): readonly Medium[] {
  return used === undefined && cached === undefined ? NO_MEDIA : MEDIA;
}

const NO_MEDIA: readonly [] = [];

function unknownMedia(usage: Usage, rates: TokenPrice, unknown: readonly string[]): string[] {
  if (unknown.length === 0) return [];
  const used = { input: usage.inputMedia, output: usage.outputMedia };
  return (['input', 'output'] as const).flatMap((direction) =>
    MEDIA.filter((medium) => {
      const isUsed = (used[direction]?.[medium] ?? 0) > 0;
      return isUsed && rateOf(rates, direction, medium) === undefined && unknown.includes(`${direction}_${medium}`);
    }).map((medium) => `${direction}_${medium}`),
  );
}
