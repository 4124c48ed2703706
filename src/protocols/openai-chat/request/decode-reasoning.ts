// How much the model should reason, by the members of OpenAI (`reasoning_effort`), OpenRouter (`reasoning`,
// `include_reasoning`), Google's OpenAI endpoint (`google.thinking_config`) and Anthropic's (`thinking`).
import type { InferenceRequest, ReasoningRequest } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  defined,
  isObject,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalText,
} from '#src/protocols/openai/request-fields.ts';

/** The first form that sets a value takes precedence: OpenAI's own, then in the order above. */
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

/** -1 leaves it to the model, like no budget. */
function ofGoogle(config: JsonObject): ReasoningRequest {
  const at = 'google.thinking_config';
  const budget = optionalNumber(config.thinking_budget, `${at}.thinking_budget`);
  return defined({
    effort: optionalText(config.thinking_level, `${at}.thinking_level`)?.toLowerCase(),
    budgetTokens: budget === -1 ? undefined : budget,
    isShown: optionalBoolean(config.include_thoughts, `${at}.include_thoughts`),
  });
}

/** {type: enabled, budget_tokens} or {type: disabled}; Z.ai and DeepSeek have only the type. */
function ofThinking(thinking: JsonObject): ReasoningRequest {
  const isOff = thinking.type === 'disabled';
  return defined({
    effort: isOff ? 'none' : undefined,
    budgetTokens: isOff ? undefined : optionalNumber(thinking.budget_tokens, 'thinking.budget_tokens'),
  });
}

// Members that are not OpenAI's: Google's container (`google.image_config`, `google.thinking_config`: the
// seeds of OmniRouters and Google's own OpenAI endpoint), and OpenRouter's `image_config`.

/** Google's container, or null. */
export function googleConfig(body: JsonObject, member: 'image_config' | 'thinking_config'): JsonObject | null {
  const google = isObject(body.google) ? body.google : {};
  return optionalObject(google[member], `google.${member}`) ?? null;
}

/** Members of Google's container without a canonical form. */
export function unmappedOfGoogle(body: JsonObject): JsonObject {
  if (!isObject(body.google)) return {};
  const { image_config: _image, thinking_config: _thinking, ...others } = body.google;
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [`google.${key}`, value]));
}

export function decodeImageConfig(body: JsonObject): InferenceRequest['image'] {
  const own = optionalObject(body.image_config, 'image_config') ?? null;
  const config = own ?? googleConfig(body, 'image_config');
  if (config === null) return undefined;
  const at = own === null ? 'google.image_config' : 'image_config';
  return defined({
    aspectRatio: optionalText(config.aspect_ratio, `${at}.aspect_ratio`),
    size: optionalText(config.image_size, `${at}.image_size`),
  });
}
