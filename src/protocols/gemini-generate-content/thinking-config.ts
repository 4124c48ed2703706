// The canonical wish for reasoning as Gemini's `thinkingConfig`: a level from Gemini 3 on, a budget before.
import type { ReasoningRequest } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { LEVELS, type Level, type Thinking } from './models.ts';

/** Output limit of the models that take a budget. */
const MAX_OUTPUT_TOKENS = 65_536;

/** Share of the output that an effort may think (AI SDK's table: docs/reference/openai-chat.md section 8). */
const SHARE_OF_EFFORT: Readonly<Record<string, number>> = {
  minimal: 0.02,
  low: 0.1,
  medium: 0.3,
  high: 0.6,
  xhigh: 0.9,
  max: 0.95,
};

/** For models that take levels, from clients that say a budget: the first row that it does not exceed. */
const LEVEL_OF_BUDGET: readonly [number, Level][] = [
  [512, 'minimal'],
  [4_096, 'low'],
  [16_384, 'medium'],
];

/** Null where the wish cannot be carried, in full or in part: an unknown effort, a model that does not think. */
export function encodeThinking(
  { effort, budgetTokens, isShown }: ReasoningRequest,
  thinking: Thinking,
  maxOutputTokens = MAX_OUTPUT_TOKENS,
): JsonObject | null {
  if (thinking === null) return null;
  const shown = isShown === true ? { includeThoughts: true } : {};
  if (effort === undefined && budgetTokens === undefined) return shown;
  if (thinking.kind === 'level') {
    const level = budgetTokens === undefined ? levelOfEffort(effort!) : levelOfBudget(budgetTokens);
    return level === null ? null : { ...shown, thinkingLevel: nearest(level, thinking.levels).toUpperCase() };
  }
  const wanted = budgetTokens ?? budgetOfEffort(effort!, Math.min(maxOutputTokens, MAX_OUTPUT_TOKENS));
  return wanted === null ? null : { ...shown, thinkingBudget: clampBudget(wanted, thinking) };
}

function levelOfEffort(effort: string): Level | null {
  if (effort === 'none') return 'minimal';
  if (effort === 'max') return 'xhigh';
  return LEVELS.find((level) => level === effort) ?? null;
}

function levelOfBudget(tokens: number): Level {
  return LEVEL_OF_BUDGET.find(([most]) => tokens <= most)?.[1] ?? 'high';
}

/** The level itself, else the next lower, else the lowest that there is. */
function nearest(level: Level, levels: readonly Level[]): Level {
  const rank = LEVELS.indexOf(level);
  return levels.findLast((candidate) => LEVELS.indexOf(candidate) <= rank) ?? levels[0]!;
}

function budgetOfEffort(effort: string, maxOutputTokens: number): number | null {
  if (effort === 'none') return 0;
  const share = SHARE_OF_EFFORT[effort];
  return share === undefined ? null : Math.round(share * maxOutputTokens);
}

function clampBudget(tokens: number, { minTokens, maxTokens, canBeOff }: Thinking & { kind: 'budget' }): number {
  if (tokens === 0 && canBeOff) return 0;
  return Math.min(maxTokens, Math.max(minTokens, tokens));
}
