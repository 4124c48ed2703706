// Money is integer. Costs are picodollars (1e-12 USD): one token at 1 USD per million tokens costs 1,000,000 pico,
// so every price with up to six decimals per million tokens is exact. Charges are ten-thousandths of a dollar.
import type { Usage } from './usage.ts';

/** Picodollars: what is owed to the vendor. */
export type PicoUsd = bigint;

/** Ten-thousandths of a dollar: what a key's budget is charged. Small enough for a Number in Lua and JSON. */
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

/** USD as a vendor or a configuration writes it, to picodollars. */
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

/** The one place where money is rounded: a request's cost, rounded up to the next 1/10,000 USD. */
export function chargeOf(cost: PicoUsd): ChargeUnits {
  return Number((cost + PICO_PER_CHARGE_UNIT - 1n) / PICO_PER_CHARGE_UNIT);
}

export function formatCharge(units: ChargeUnits): string {
  return formatUsd(BigInt(units) * PICO_PER_CHARGE_UNIT);
}

/** USD to charge units, rounded up. */
export function parseCharge(usd: string): ChargeUnits {
  return chargeOf(parseUsd(usd));
}

/** What one token costs, in picodollars. */
export interface Price {
  input: PicoUsd;
  cachedInput: PicoUsd;
  cacheWrite: PicoUsd;
  /** For tokens kept for an hour. Absent: 1.6 times `cacheWrite`, as Anthropic has it (2 against 1.25 times the input). */
  longCacheWrite?: PicoUsd;
  output: PicoUsd;
}

/** What vendors take for a token in their own batches; half a picodollar is rounded up. */
export function halfPrice(price: Price): Price {
  const half = (perToken: PicoUsd) => (perToken + 1n) / 2n;
  return {
    input: half(price.input),
    cachedInput: half(price.cachedInput),
    cacheWrite: half(price.cacheWrite),
    ...(price.longCacheWrite === undefined ? {} : { longCacheWrite: half(price.longCacheWrite) }),
    output: half(price.output),
  };
}

/** Cost of one attempt: each token is billed at exactly one rate (reasoning tokens are part of the output). */
export function costOf(usage: Usage, price: Price): PicoUsd {
  if (usage.isUnbilled) return 0n;
  const longWrites = usage.longCacheWriteTokens ?? 0;
  const longCacheWrite = price.longCacheWrite ?? (price.cacheWrite * 8n) / 5n;
  const uncached = Math.max(0, usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens);
  return (
    BigInt(uncached) * price.input +
    BigInt(usage.cachedInputTokens) * price.cachedInput +
    BigInt(usage.cacheWriteTokens - longWrites) * price.cacheWrite +
    BigInt(longWrites) * longCacheWrite +
    BigInt(usage.outputTokens) * price.output
  );
}
