// How much the model should think, in the words of OpenAI (`reasoning_effort`), OpenRouter (`reasoning`,
// `include_reasoning`), Google's OpenAI endpoint (`google.thinking_config`) and Anthropic's (`thinking`).
import type { ReasoningRequest } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { googleConfig } from './decode-extras.ts';
import { defined, optionalBoolean, optionalNumber, optionalObject, optionalText } from './request-fields.ts';

/** The first that says something about a member wins: OpenAI's own, then the order above. */
export function decodeReasoning(body: JsonObject): ReasoningRequest | undefined {
  const request: ReasoningRequest = {
    ...ofThinking(optionalObject(body.thinking, 'thinking') ?? {}),
    ...ofGoogle(googleConfig(body, 'thinking_config') ?? {}),
    ...ofOpenRouter(optionalObject(body.reasoning, 'reasoning') ?? {}),
    ...defined<ReasoningRequest>({
      effort: optionalText(body.reasoning_effort, 'reasoning_effort'),
      isShown: optionalBoolean(body.include_reasoning, 'include_reasoning'),
    }),
  };
  return Object.keys(request).length === 0 ? undefined : request;
}

/** openrouter.ai/docs/use-cases/reasoning-tokens: `enabled` alone means medium. */
function ofOpenRouter(reasoning: JsonObject): ReasoningRequest {
  const isEnabled = optionalBoolean(reasoning.enabled, 'reasoning.enabled');
  const effort = optionalText(reasoning.effort, 'reasoning.effort');
  const budgetTokens = optionalNumber(reasoning.max_tokens, 'reasoning.max_tokens');
  const isExcluded = optionalBoolean(reasoning.exclude, 'reasoning.exclude');
  const byDefault = isEnabled === true && effort === undefined && budgetTokens === undefined ? 'medium' : undefined;
  return defined({
    effort: isEnabled === false ? 'none' : (effort ?? byDefault),
    budgetTokens,
    isShown: isExcluded === undefined ? undefined : !isExcluded,
  });
}

/** A budget of -1 leaves it to the model, as no budget does. */
function ofGoogle(config: JsonObject): ReasoningRequest {
  const at = 'google.thinking_config';
  const budget = optionalNumber(config.thinking_budget, `${at}.thinking_budget`);
  return defined({
    effort: optionalText(config.thinking_level, `${at}.thinking_level`)?.toLowerCase(),
    budgetTokens: budget === -1 ? undefined : budget,
    isShown: optionalBoolean(config.include_thoughts, `${at}.include_thoughts`),
  });
}

/** {type: enabled, budget_tokens} or {type: disabled}; Z.ai and DeepSeek have the type alone. */
function ofThinking(thinking: JsonObject): ReasoningRequest {
  const isOff = thinking.type === 'disabled';
  return defined({
    effort: isOff ? 'none' : undefined,
    budgetTokens: isOff ? undefined : optionalNumber(thinking.budget_tokens, 'thinking.budget_tokens'),
  });
}
