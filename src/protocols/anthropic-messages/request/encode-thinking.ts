// How much the model may think, and how long its answer may be: `thinking`, `output_config.effort` and `max_tokens` depend
// on each other. Source: docs/reference/anthropic-messages.md section 6.
import type { ReasoningRequest } from '#src/contracts/inference-request.ts';
import { defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { Effort, Encoding, ModelTraits } from '#src/protocols/anthropic-messages/models.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { EFFORT_SHARES } from '../../providers/effort-shares.ts';

export interface EncodedThinking {
  thinking?: JsonObject;
  effort?: Effort;
  maxTokens: number;
}

export interface ThinkingInput {
  reasoning: ReasoningRequest | undefined;
  maxOutputTokens: number | undefined;
  traits: ModelTraits;
  isToolForced: boolean;
  /**
   * The last assistant turn does not begin with a thought. Only thinking with a budget requires one: "When using adaptive
   * thinking, previous assistant turns don't need to start with thinking blocks" (platform.claude.com, adaptive thinking,
   * "Validation changes"; read 2026-11-28).
   */
  isThoughtMissing: boolean;
}

/** For providers that speak this protocol with models of their own. */
const UNKNOWN_MAX_TOKENS = 4_096;
const LEAST_BUDGET = 1_024;
const EFFORTS: readonly Effort[] = ['low', 'medium', 'high', 'xhigh', 'max'];
const DEFAULT_EFFORT: Effort = 'high';

export function encodeThinking(input: ThinkingInput, encoding: Encoding): EncodedThinking {
  const { reasoning, traits } = input;
  const maxTokens = longestAnswer(input, encoding);
  if (reasoning === undefined || (!isAskedFor(reasoning) && !traits.thinksByDefault)) return { maxTokens };
  if (reasoning.effort === 'none' || reasoning.budgetTokens === 0) return dontThink(input, maxTokens, encoding);
  return isAdaptive(input)
    ? thinkAdaptively(reasoning, maxTokens, traits, encoding)
    : thinkByBudget(input, maxTokens, encoding);
}

/** A budget is kept if the model accepts one, unless the history forbids it. */
function isAdaptive({ reasoning, traits, isThoughtMissing }: ThinkingInput): boolean {
  if (!traits.thinking.includes('adaptive')) return false;
  const hasBudget = (reasoning?.budgetTokens ?? -1) > 0;
  return isThoughtMissing || !(hasBudget && traits.thinking.includes('enabled'));
}

/** A request to hide thoughts is not a request to think. */
function isAskedFor({ effort, budgetTokens, isShown }: ReasoningRequest): boolean {
  return effort !== undefined || budgetTokens !== undefined || isShown === true;
}

function longestAnswer({ maxOutputTokens, traits }: ThinkingInput, encoding: Encoding): number {
  const most = traits.maxOutputTokens;
  if (maxOutputTokens === undefined) return most ?? UNKNOWN_MAX_TOKENS;
  if (most === null || maxOutputTokens <= most) return maxOutputTokens;
  encoding.drop('maxOutputTokens');
  return most;
}

/** Models whose thinking cannot be turned off get the lowest effort. */
function dontThink({ traits }: ThinkingInput, maxTokens: number, encoding: Encoding): EncodedThinking {
  if (traits.thinking.includes('disabled')) {
    return traits.thinksByDefault ? { thinking: { type: 'disabled' }, maxTokens } : { maxTokens };
  }
  encoding.drop('reasoning');
  if (traits.thinking.includes('between_tools')) {
    return { thinking: { type: 'between_tools' }, maxTokens };
  }
  return { effort: 'low', maxTokens };
}

function thinkAdaptively(
  reasoning: ReasoningRequest,
  maxTokens: number,
  traits: ModelTraits,
  encoding: Encoding,
): EncodedThinking {
  const thinking = { type: 'adaptive', ...displayOf(reasoning) };
  return { thinking, ...effortOf(reasoning, maxTokens, traits, encoding), maxTokens };
}

/** Older models think with a token budget, which must be below `max_tokens`, and not with a forced tool. */
function thinkByBudget(input: ThinkingInput, maxTokens: number, encoding: Encoding): EncodedThinking {
  const { traits, isToolForced } = input;
  const reasoning = input.reasoning!;
  const isOnlyShown = reasoning.effort === undefined && reasoning.budgetTokens === undefined;
  if (isToolForced || isOnlyShown || input.isThoughtMissing) {
    encoding.drop('reasoning');
    return { ...(input.isThoughtMissing ? effortOf(reasoning, maxTokens, traits, encoding) : {}), maxTokens };
  }
  const wanted = Math.max(LEAST_BUDGET, budgetOf(reasoning, maxTokens));
  const raised = wanted < maxTokens ? maxTokens : Math.min(maxTokens + wanted, traits.maxOutputTokens ?? Infinity);
  if (raised > (input.maxOutputTokens ?? raised)) encoding.drop('maxOutputTokens');
  const thinking = { type: 'enabled', budget_tokens: Math.min(wanted, raised - 1), ...displayOf(reasoning) };
  return { thinking, ...effortOf(reasoning, maxTokens, traits, encoding), maxTokens: raised };
}

function budgetOf({ budgetTokens = -1, effort }: ReasoningRequest, maxTokens: number): number {
  if (budgetTokens > 0) return budgetTokens;
  return Math.floor((EFFORT_SHARES[effort ?? ''] ?? EFFORT_SHARES[DEFAULT_EFFORT]!) * maxTokens);
}

function displayOf({ isShown }: ReasoningRequest): JsonObject {
  return isShown === undefined ? {} : { display: isShown ? 'summarized' : 'omitted' };
}

/** The requested effort, or the next lower one that the model has; none if it has none, or none is requested. */
function effortOf(
  reasoning: ReasoningRequest,
  maxTokens: number,
  { efforts }: ModelTraits,
  encoding: Encoding,
): { effort?: Effort } {
  const wanted = wantedEffort(reasoning, maxTokens);
  if (wanted === undefined || efforts.length === 0) return {};
  if (!EFFORTS.includes(wanted as Effort)) {
    encoding.drop('reasoning');
    return {};
  }
  const taken = EFFORTS.slice(0, EFFORTS.indexOf(wanted as Effort) + 1).findLast((effort) => efforts.includes(effort));
  if (taken !== wanted) encoding.drop('reasoning');
  return defined({ effort: taken });
}

/** `minimal` is below Anthropic's scale. A budget is converted by its share of the answer. */
function wantedEffort({ effort, budgetTokens = -1 }: ReasoningRequest, maxTokens: number): string | undefined {
  if (effort !== undefined) return effort === 'minimal' ? 'low' : effort;
  if (budgetTokens <= 0) return undefined;
  return EFFORTS.find((candidate) => budgetTokens <= EFFORT_SHARES[candidate]! * maxTokens) ?? 'max';
}
