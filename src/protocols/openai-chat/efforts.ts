// How much a model should think, in the words that it knows.
import type { ReasoningRequest } from '../../contracts/inference-request.ts';

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** From how many tokens of budget on which effort: chat has no budget. Chosen: a middling thought is some 5,000 tokens. */
const BUDGETS: readonly (readonly [number, string])[] = [
  [10_000, 'high'],
  [5_000, 'medium'],
  [2_000, 'low'],
  [1, 'minimal'],
];

/** `reasoning_effort` for a model that knows these; null where it has none to be told. */
export function effortFor(request: ReasoningRequest, known: readonly string[] | null): string | null {
  const asked = request.effort ?? effortOfBudget(request.budgetTokens);
  if (asked === null || known === null || known.includes(asked)) return asked;
  const rank = EFFORTS.indexOf(asked);
  if (rank < 0) return null;
  const lower = known.filter((effort) => EFFORTS.indexOf(effort) < rank);
  return lower.at(-1) ?? known[0] ?? null;
}

function effortOfBudget(tokens: number | undefined): string | null {
  if (tokens === undefined) return null;
  return BUDGETS.find(([from]) => tokens >= from)?.[1] ?? 'none';
}
