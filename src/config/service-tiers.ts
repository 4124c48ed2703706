// What other service tiers than the ordinary one cost, where the price package does not say it. USD per million tokens.
import { scaleTokens, type TokenPrice } from '../contracts/money.ts';

/**
 * OpenAI's priority processing: input, cached input, output (openai.com/api-priority-processing, read 2026-11-28). Prompts
 * of the long-context rates are not served so.
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
