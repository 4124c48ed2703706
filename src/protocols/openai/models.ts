// Which members of Chat Completions each family of models accepts, by the provider's model id. The first match decides; unknown
// families get what every OpenAI-compatible provider understands. Source: docs/reference/openai-chat.md section 8.
import type { ReasoningRequest } from '#src/contracts/inference-request.ts';

export interface ModelTraits {
  /** `max_tokens` is refused by OpenAI's reasoning models, `max_completion_tokens` unknown to many other providers. */
  outputLimit: 'max_tokens' | 'max_completion_tokens';
  /** Temperature, top_p, penalties, log probabilities, logit bias: never, always, or with effort `none`. */
  sampling: 'always' | 'never' | 'without-reasoning';
  takesStop: boolean;
  /** Values of `reasoning_effort`, lowest first; null for any, empty for a model that does not reason. */
  efforts: readonly string[] | null;
  /** OpenAI's own members: custom tools, verbosity, service tiers. */
  isOpenAi: boolean;
  hasVerbosity: boolean;
  /** `web_search_options` is for search models. */
  searches: boolean;
  /** Wants its thought signature back in `extra_content` (Google's own OpenAI endpoint). */
  isGemini: boolean;
}

const ANY_PROVIDER: ModelTraits = {
  outputLimit: 'max_tokens',
  sampling: 'always',
  takesStop: true,
  efforts: null,
  isOpenAi: false,
  hasVerbosity: false,
  searches: false,
  isGemini: false,
};

const OPENAI: ModelTraits = { ...ANY_PROVIDER, efforts: [], isOpenAi: true };

const O_SERIES: ModelTraits = {
  ...OPENAI,
  outputLimit: 'max_completion_tokens',
  sampling: 'never',
  takesStop: false,
  efforts: ['low', 'medium', 'high'],
};

const GPT_5: ModelTraits = { ...O_SERIES, efforts: ['minimal', 'low', 'medium', 'high'], hasVerbosity: true };

/** From gpt-5.1 on reasoning can be switched off, and sampling is back when it is. */
const NEWER_GPT: ModelTraits = {
  ...GPT_5,
  sampling: 'without-reasoning',
  efforts: ['none', 'low', 'medium', 'high', 'xhigh'],
};

const FAMILIES: readonly (readonly [RegExp, ModelTraits])[] = [
  [/^gpt-.*search/, { ...OPENAI, sampling: 'never', searches: true }],
  [/^gpt-5-chat|^gpt-[34]|^chatgpt|^ft:gpt-[34]/, OPENAI],
  [/^o1/, { ...O_SERIES, takesStop: true }],
  [/^o\d/, O_SERIES],
  [/^gpt-5(-|$)/, GPT_5],
  [/^gpt-([5-9]|\d\d)/, NEWER_GPT],
  [/^gemini/, { ...ANY_PROVIDER, isGemini: true }],
];

/** Gateways put the maker's name before the model's: `openai/gpt-5`. */
export function traitsOf(upstreamModel: string): ModelTraits {
  const name = upstreamModel.slice(upstreamModel.lastIndexOf('/') + 1).toLowerCase();
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? ANY_PROVIDER;
}

// Reasoning efforts, mapped to the values that a model knows.
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Efforts by lowest token budget, since Chat has no budgets. Our choice: medium reasoning takes some 5,000 tokens. */
const BUDGETS: readonly (readonly [number, string])[] = [
  [10_000, 'high'],
  [5_000, 'medium'],
  [2_000, 'low'],
  [1, 'minimal'],
];

/** `reasoning_effort` for a model with these values; null if the request sets none that the model accepts. */
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
