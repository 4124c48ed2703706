// What a model accepts and does, by its name. Source: docs/reference/gemini-generate-content.md sections 2, 4 and 5. Models with
// other names than Gemini's accept everything and have no default behaviour.

export interface ModelTraits {
  /** Signatures are bound to the family; null for other names than Gemini's. */
  family: string | null;
  thinksByDefault: boolean;
  takesThinking: boolean;
  takesThinkingLevel: boolean;
  takesThinkingBudget: boolean;
  /** The smallest `thinkingBudget` above -1. */
  leastBudget: number;
  /** Signs function calls and final texts, requires the signatures of calls back, and gives calls an id. */
  signs: boolean;
  /** Accepts JSON mode and function tools in one request. */
  takesJsonWithTools: boolean;
  /** Accepts functions together with server tools. */
  mixesTools: boolean;
}

const TAKES_EVERYTHING: ModelTraits = {
  family: null,
  thinksByDefault: false,
  takesThinking: true,
  takesThinkingLevel: true,
  takesThinkingBudget: true,
  leastBudget: 0,
  signs: false,
  takesJsonWithTools: true,
  mixesTools: true,
};

const NAME = /gemini-(\d+(?:\.\d+)?)(-pro)?/;
const LEAST_BUDGET_OF_PRO = 128;

export function traitsOf(model: string): ModelTraits {
  const match = NAME.exec(model);
  if (match === null) return TAKES_EVERYTHING;
  const version = Number(match[1]);
  const isPro = match[2] !== undefined;
  return {
    family: `gemini-${Math.floor(version)}`,
    thinksByDefault: version >= 2.5 && !model.includes('image'),
    takesThinking: version >= 2.5,
    takesThinkingLevel: version >= 3,
    takesThinkingBudget: version < 4,
    leastBudget: isPro || version >= 3 ? LEAST_BUDGET_OF_PRO : 0,
    signs: version >= 3,
    takesJsonWithTools: version >= 3,
    mixesTools: version >= 3,
  };
}
