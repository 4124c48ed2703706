// Whether and how much a request lets the model think: `generationConfig.thinkingConfig`.
import type { ModelTraits } from './model-traits.ts';
import { type Body, fields, readEnum, readFlag, readMessage, readWhole, refuse } from './read-fields.ts';

export interface Thinking {
  /** How much is thought where no command says. */
  tokens: number;
  /** Thoughts are parts of the answer. */
  isShown: boolean;
}

const PATH = 'generation_config.thinking_config';
const FIELDS = fields('includeThoughts thinkingBudget thinkingLevel');

/** Thoughts of the simulator are short; a higher level makes longer ones. */
const TOKENS_BY_LEVEL: Readonly<Record<string, number>> = { MINIMAL: 2, LOW: 4, MEDIUM: 8, HIGH: 16, XHIGH: 32 };
const DEFAULT_TOKENS = 16;
const MOST_BUDGET = 32_768;
/** Thoughts are part of `maxOutputTokens`: where that is little, they leave the answer most of it. */
const MOST_OF_ANSWER = 1 / 4;

export function readThinking({ thinkingConfig }: Body, traits: ModelTraits, maxTokens: number | null): Thinking {
  const config = thinkingConfig === undefined ? {} : readMessage(thinkingConfig, PATH, FIELDS);
  const isAskedFor = Object.keys(config).length > 0;
  if (isAskedFor && !traits.takesThinking) {
    refuse('Unable to submit request because thinking is not supported by this model.');
  }
  const tokens = isAskedFor ? readTokens(config, traits) : traits.thinksByDefault ? DEFAULT_TOKENS : 0;
  const room = maxTokens === null ? tokens : Math.floor(maxTokens * MOST_OF_ANSWER);
  return {
    tokens: Math.min(tokens, room),
    isShown: readFlag(config.includeThoughts, `${PATH}.include_thoughts`),
  };
}

function readTokens(config: Body, traits: ModelTraits): number {
  const budget = readWhole(config.thinkingBudget, `${PATH}.thinking_budget`);
  const level = readEnum(config.thinkingLevel, `${PATH}.thinking_level`, Object.keys(TOKENS_BY_LEVEL));
  if (budget !== null && level !== null) refuse('You can only set only one of thinking budget and thinking level.');
  if (level !== null) {
    if (!traits.takesThinkingLevel) refuse('Thinking level is not supported for this model.');
    return TOKENS_BY_LEVEL[level]!;
  }
  if (budget === null || budget === -1) return DEFAULT_TOKENS;
  if (!traits.takesThinkingBudget) refuse('Thinking budget is not supported for this model.');
  if (budget < traits.leastBudget && budget === 0) {
    refuse('Budget 0 is invalid. This model only works in thinking mode.');
  }
  if (budget < traits.leastBudget || budget > MOST_BUDGET) {
    refuse(
      `The thinking budget ${budget} is invalid. Please choose a value between ${traits.leastBudget} and ${MOST_BUDGET}.`,
    );
  }
  return Math.min(budget, DEFAULT_TOKENS);
}
