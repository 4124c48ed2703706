// Shared by the importers of other gateways' files: the result, and reading of untrusted values.
import { formatUsd, scaleDecimal } from '../../contracts/money.ts';
import type { ConfigurationInput } from '../schema.ts';

export interface Imported {
  configuration: ConfigurationInput;
  /** Settings that could not be converted, each with its place in the file. */
  notes: string[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** The variables that a file may refer to. */
export interface Environment {
  isSet(name: string): boolean;
  /** For numbers, which cannot stay references. */
  valueOf(name: string): string | undefined;
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A positive number, which may be written as text. */
export function countOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : undefined;
}

export function wholeOf(value: unknown): number | undefined {
  const number = countOf(value);
  return number === undefined ? undefined : Math.max(1, Math.round(number));
}

/** Whole numbers in the proportions of these, which are positive; those that are whole stay as they are. */
export function wholeWeights(weights: readonly number[]): number[] {
  if (weights.every(Number.isSafeInteger)) return [...weights];
  const least = Math.min(...weights);
  for (let factor = 1; factor <= MOST_PARTS; factor++) {
    const exact = weights.map((weight) => (weight / least) * factor);
    const whole = exact.map(Math.round);
    const isWhole = whole.every((weight, index) => Math.abs(weight - exact[index]!) <= weight * ROUNDING);
    if (isWhole && whole.every(Number.isSafeInteger)) return whole;
  }
  const largest = Math.max(...weights);
  return weights.map((weight) => Math.max(1, Math.round((weight / largest) * LARGEST)));
}

/** Fractions with a larger denominator are rounded to a billionth of the largest weight. */
const MOST_PARTS = 10_000;
const LARGEST = 1_000_000_000;
/** Of products and quotients of weights, relative. */
const ROUNDING = 1e-12;

export function millisecondsOf(seconds: unknown): number | undefined {
  const number = countOf(seconds);
  return number === undefined ? undefined : Math.max(1, Math.round(number * 1_000));
}

/** USD per token to USD per million tokens, in decimal arithmetic: exact to the picodollar. */
export function perMillion(usdPerToken: unknown): number | undefined {
  const text = typeof usdPerToken === 'number' ? String(usdPerToken) : usdPerToken;
  if (typeof text !== 'string') return undefined;
  try {
    const pico = scaleDecimal(text, DECIMALS_OF_A_TOKEN);
    return pico < 0n ? undefined : Number(formatUsd(pico));
  } catch {
    return undefined;
  }
}

/** Of picodollars, and of a million tokens. */
const DECIMALS_OF_A_TOKEN = 12 + 6;

/** Without members that are undefined. */
export function compact<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Names providers: equal settings are one provider, different settings get different names. */
export function createProviderNames() {
  const providers: Record<string, object> = {};
  const named = new Map<string, string>();
  return {
    providers,
    name(wanted: string, settings: object): string {
      const content = JSON.stringify(settings);
      const known = named.get(`${wanted} ${content}`);
      if (known !== undefined) return known;
      const plain =
        wanted
          .toLowerCase()
          .replace(/[^a-z0-9_-]/g, '-')
          .replace(/^[^a-z0-9]+/, '')
          .slice(0, 58) || 'provider';
      let name = plain;
      for (let number = 2; Object.hasOwn(providers, name); number++) name = `${plain}-${number}`;
      providers[name] = settings;
      named.set(`${wanted} ${content}`, name);
      return name;
    },
  };
}
