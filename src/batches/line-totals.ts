// What the lines of a batch add up to: counts, tokens, cost.
import { parseUsd } from '../contracts/money.ts';
import { isSuccess, type LineResult } from './line-result.ts';

export interface LineTotals {
  completed: number;
  failed: number;
  notRun: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Picodollars: what the answers say they cost. */
  costPicoUsd: bigint;
}

export const NO_TOTALS: LineTotals = Object.freeze({
  completed: 0,
  failed: 0,
  notRun: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costPicoUsd: 0n,
});

/** Adds one line's result to `totals`, in place. */
export function countResult(totals: LineTotals, result: LineResult): void {
  if (result.kind !== 'answered') totals.notRun += 1;
  else if (!isSuccess(result)) totals.failed += 1;
  else {
    totals.completed += 1;
    addUsage(totals, readUsage(result.body));
  }
}

type Numbers = Record<string, unknown> | null | undefined;

function readUsage(body: Buffer): Numbers {
  try {
    return (JSON.parse(body.toString()) as { usage?: Numbers }).usage;
  } catch {
    return null;
  }
}

/** Of one line: more is no count and no cost but a fault, and would keep the batch's row from being written at all. */
const MAX_TOKENS = 1e9;
const MAX_COST_USD = 1e6;

const count = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= MAX_TOKENS ? (value as number) : 0;

/** Chat and embeddings say `prompt_tokens`, Responses and Messages `input_tokens`; Messages leaves its cache out of it. */
function addUsage(totals: LineTotals, usage: Numbers): void {
  if (usage === null || usage === undefined) return;
  const inputDetails = (usage.prompt_tokens_details ?? usage.input_tokens_details) as Numbers;
  const outputDetails = (usage.completion_tokens_details ?? usage.output_tokens_details) as Numbers;
  const cacheRead = count(usage.cache_read_input_tokens);
  totals.inputTokens +=
    count(usage.prompt_tokens ?? usage.input_tokens) + cacheRead + count(usage.cache_creation_input_tokens);
  totals.cachedInputTokens += count(inputDetails?.cached_tokens) + cacheRead;
  totals.outputTokens += count(usage.completion_tokens ?? usage.output_tokens);
  totals.reasoningTokens += count(outputDetails?.reasoning_tokens);
  const { cost } = usage;
  if (typeof cost === 'number' && cost > 0 && cost <= MAX_COST_USD) totals.costPicoUsd += parseUsd(String(cost));
}
