// What a provider says of a call, checked where it is read: tokens are whole numbers within a bound, costs are finite, not
// negative and within a bound. What cannot be true is kept in the provider's own words; an estimate takes its place, and
// ledger and client are told that it is one.
import { type PicoUsd, parseUsd } from '#src/contracts/money.ts';
import { type MediaTokens, type Medium, NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import type { JsonObject, ShownCost } from '../codec.ts';

/** Of one call: a hundred times the largest prompts, for agents of a provider that call its model over and over. */
export const MAX_COUNTED_TOKENS = 1_000_000_000;
export const MAX_REPORTED_USD = 100_000;
const MAX_EVIDENCE = 500;

/** Reads one usage object. */
export class ProviderCounts {
  readonly #said: unknown;
  #isUncounted = false;
  #isDisputed = false;
  #isCostDisputed = false;
  #reportedCost: PicoUsd | undefined;

  constructor(said: unknown) {
    this.#said = said;
  }

  /** A figure that the call is billed by; without it everything is estimated. */
  total(value: unknown): number {
    const count = countOf(value);
    this.#isUncounted ||= count === null;
    return count ?? 0;
  }

  /** A part of another figure, at most all of it; one that cannot be true is none of it. */
  part(value: unknown, whole = MAX_COUNTED_TOKENS): number {
    const count = countOf(value);
    this.#isDisputed ||= count === null;
    return Math.min(whole, count ?? 0);
  }

  media(values: Partial<Record<Medium, unknown>>, whole: number): MediaTokens | undefined {
    const counts = Object.entries(values).map(([medium, value]) => [medium, this.part(value, whole)] as const);
    const told = counts.filter(([, tokens]) => tokens > 0);
    return told.length === 0 ? undefined : Object.fromEntries(told);
  }

  /** USD for the call, as far as the provider says it; several members add up. */
  cost(...values: unknown[]): void {
    for (const value of values) {
      if (value === undefined || value === null) continue;
      if (typeof value === 'number' && value >= 0 && value <= MAX_REPORTED_USD) {
        this.#reportedCost = (this.#reportedCost ?? 0n) + parseUsd(String(value));
      } else if (typeof value === 'number') this.#isCostDisputed = true;
    }
    if (this.#isCostDisputed) this.#reportedCost = undefined;
  }

  /** Where it has no counts at all: what else it says, or null. */
  finishUncounted(): Usage | null {
    const isSaid = this.#reportedCost !== undefined || this.#isCostDisputed;
    return isSaid ? this.finish({ ...NO_USAGE, isEstimated: true, isUncounted: true }) : null;
  }

  /** The usage; members that are undefined are left out. */
  finish(usage: Usage, more: { [Name in keyof Usage]?: Usage[Name] | undefined } = {}): Usage {
    const told = Object.entries({ ...more, reportedCost: this.#reportedCost }).filter(
      ([, value]) => value !== undefined,
    );
    const isDisputed = this.#isUncounted || this.#isDisputed || this.#isCostDisputed;
    const disputed = isDisputed ? { disputed: evidenceOf(this.#said), isEstimated: true } : {};
    const counts = this.#isUncounted ? { ...NO_USAGE, isUncounted: true as const } : usage;
    return { ...counts, ...Object.fromEntries(told), ...disputed };
  }
}

/** A count that can be true. */
export function isPlausible(value: unknown): value is number {
  return typeof value === 'number' && countOf(value) !== null;
}

function countOf(value: unknown): number | null {
  if (value === undefined || value === null) return 0;
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_COUNTED_TOKENS;
  return isCount ? value : null;
}

function evidenceOf(said: unknown): string {
  const text = JSON.stringify(said, (_, value) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  return (text ?? '').slice(0, MAX_EVIDENCE);
}

/** The provider's figures; the broker's own where there are none that can be used, with what else the provider has said. */
export function countedOr(counted: Usage | null, estimate: Usage): Usage {
  if (counted === null) return estimate;
  if (!counted.isUncounted) return counted;
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = estimate;
  const { isUncounted: _, ...said } = counted;
  return {
    ...said,
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
    isEstimated: true,
  };
}

/**
 * What a provider that resells says of money. OpenRouter: `cost`, with the key of its customer (`is_byok`) its fee alone, and
 * what the model's provider takes beside it; a zero there is not "free". Perplexity: an object with a total.
 */
export function readCosts(counts: ProviderCounts, usage: JsonObject): void {
  const { cost, cost_details: details, is_byok: isByok } = usage;
  if (isRecord(cost)) return counts.cost(cost.total_cost);
  const upstream = isRecord(details) ? details.upstream_inference_cost : undefined;
  const isOthersKey = isByok === true || (cost === 0 && typeof upstream === 'number' && upstream !== 0);
  if (!isOthersKey) return counts.cost(cost);
  if (upstream !== undefined && upstream !== null) counts.cost(cost, upstream);
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Members of a usage object beside the provider's: what the call costs, and whether its figures are an estimate. */
export function shownMembers({ cost, isEstimated }: ShownCost): Map<string, string> {
  return new Map([['cost', cost], ...(isEstimated ? [['estimated', 'true'] as const] : [])]);
}

/** The tier that served, in OpenAI's words; undefined for the ordinary one, under any of its names. */
export function readTier(tier: unknown): string | undefined {
  if (typeof tier !== 'string' || tier.length > MAX_TIER_NAME) return undefined;
  return ORDINARY_TIERS.has(tier) ? undefined : tier;
}

const ORDINARY_TIERS: ReadonlySet<string> = new Set([
  '',
  'default',
  'standard',
  'auto',
  'on_demand',
  'batch',
  'unspecified',
]);
const MAX_TIER_NAME = 40;
