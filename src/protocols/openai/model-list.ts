// GET /v1/models in OpenAI's shape. Its list has no pages.

import { openaiChatClient } from '../openai-chat/protocol.ts';
import type { ListedModel, ModelShape } from '../protocol.ts';

export const openaiModels: ModelShape = {
  client: openaiChatClient,
  describe,
  list: (models) => ({ object: 'list', data: models.map(describe) }),
};

/**
 * OpenAI's members, and those that agents read in the lists of OpenRouter (`context_length`, `architecture`,
 * `top_provider`) and Groq (`context_window`, `max_completion_tokens`). `created` is required: 0 where nobody knows.
 */
function describe({ name, providers, pricing, facts }: ListedModel) {
  const { displayName, createdAtMs = 0, contextTokens, outputTokens, inputModalities, outputModalities } = facts;
  const hasModalities = inputModalities !== undefined || outputModalities !== undefined;
  return {
    id: name,
    object: 'model',
    created: Math.floor(createdAtMs / 1_000),
    owned_by: providers[0],
    name: displayName ?? name,
    providers,
    pricing,
    ...(contextTokens === undefined ? {} : { context_length: contextTokens, context_window: contextTokens }),
    ...(outputTokens === undefined ? {} : { max_completion_tokens: outputTokens }),
    ...(hasModalities
      ? { architecture: { input_modalities: inputModalities, output_modalities: outputModalities } }
      : {}),
    top_provider: { context_length: contextTokens ?? null, max_completion_tokens: outputTokens ?? null },
  };
}
