// What one call to a provider costs, by whoever knows it.
import { type Cost, type Price, priceUsage } from '../contracts/money.ts';
import type { Usage } from '../contracts/usage.ts';

/**
 * The configuration's price, else what the provider says it charged, else the price package. Where nobody knows a price the
 * call costs nothing in the books, and they name what was used of it.
 */
export function costOfCall(usage: Usage, isConfigured: boolean, findPrice: () => Price | null): Cost {
  const { reportedCost } = usage;
  if (!isConfigured && reportedCost !== undefined) return { cost: reportedCost, unpriced: [] };
  const price = findPrice();
  return price === null ? { cost: 0n, unpriced: usedOf(usage) } : priceUsage(usage, price);
}

function usedOf({ isUnbilled, inputTokens, outputTokens, toolCalls = {} }: Usage): string[] {
  if (isUnbilled) return [];
  const tokens = { input: inputTokens, output: outputTokens, ...toolCalls };
  return Object.entries(tokens).flatMap(([name, count]) => (count > 0 ? [name] : []));
}
