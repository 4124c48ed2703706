// Checks a provider's figures as they are read: token counts are whole numbers within a bound; costs are finite, not negative
// and within a bound. An impossible figure is recorded as it came, and replaced by an estimate, which is marked as one in the
// ledger and for the client.
import { type PicoUsd, parseUsd } from '#src/contracts/money.ts';
import { MEDIA, type MediaTokens, type Medium, NO_USAGE, type Usage } from '#src/contracts/usage.ts';
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

  /** A figure that the call is billed by. If it is impossible, all figures are estimated. */
  total(value: unknown): number {
    const count = countOf(value);
    this.#isUncounted ||= count === null;
    return count ?? 0;
  }

  /** A part of another figure, at most all of it; an impossible value counts as zero. */
  part(value: unknown, whole = MAX_COUNTED_TOKENS): number {
    const count = countOf(value);
    this.#isDisputed ||= count === null;
    return Math.min(whole, count ?? 0);
  }

  media(values: Partial<Record<Medium, unknown>>, whole: number): MediaTokens | undefined {
    let told: Partial<Record<Medium, number>> | undefined;
    for (const medium of MEDIA) {
      const tokens = this.part(values[medium], whole);
      if (tokens > 0) told = { ...told, [medium]: tokens };
    }
    return told;
  }

  /** Adds costs of the call in USD, if the provider reports them; several members are summed. */
  cost(...values: unknown[]): void {
    for (const value of values) {
      if (value === undefined || value === null) continue;
      if (typeof value === 'number' && value >= 0 && value <= MAX_REPORTED_USD) {
        this.#reportedCost = (this.#reportedCost ?? 0n) + parseUsd(String(value));
      } else if (typeof value === 'number') this.#isCostDisputed = true;
    }
    if (this.#isCostDisputed) this.#reportedCost = undefined;
  }

  /** For an object without any counts: its other figures, or null if there are none. */
  finishUncounted(): Usage | null {
    const isSaid = this.#reportedCost !== undefined || this.#isCostDisputed;
    return isSaid ? this.finish({ ...NO_USAGE, isEstimated: true, isUncounted: true }) : null;
  }

  /** The usage; members that are undefined are left out. */
  finish(usage: Usage, more: { [Name in keyof Usage]?: Usage[Name] | undefined } = {}): Usage {
    const counts: Usage = this.#isUncounted ? { ...NO_USAGE, isUncounted: true } : { ...usage };
    for (const name of Object.keys(more) as (keyof Usage)[]) {
      if (more[name] !== undefined) Object.assign(counts, { [name]: more[name] });
    }
    if (this.#reportedCost !== undefined) counts.reportedCost = this.#reportedCost;
    if (!this.#isUncounted && !this.#isDisputed && !this.#isCostDisputed) return counts;
    counts.disputed = evidenceOf(this.#said);
    counts.isEstimated = true;
    return counts;
  }
}

/** A possible count. */
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

/** The provider's figures; if its counts cannot be used, the broker's estimate with the provider's other figures. */
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
 * Costs as resellers report them. OpenRouter: `cost`, which with a customer's own key (`is_byok`) is only its fee, beside
 * what the model's provider charges; a zero there is not "free". Perplexity: an object with a total.
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

/** Members that the broker adds to a usage object: the cost, and whether the figures are an estimate. */
export function shownMembers({ cost, isEstimated }: ShownCost): Map<string, string> {
  const members = new Map([['cost', cost]]);
  if (isEstimated) members.set('estimated', 'true');
  return members;
}

/** The service tier by OpenAI's names; undefined for the default tier under any of its names. */
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
