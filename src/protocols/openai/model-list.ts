// GET /v1/models in OpenAI's shape. Its list has no pages.
import type { ListedModel, ModelShape } from '../model-list.ts';
import { openaiChatClient } from '../openai-chat/protocol.ts';

export const openaiModels: ModelShape = {
  client: openaiChatClient,
  describe,
  list: (models) => ({ object: 'list', data: models.map(describe) }),
};

/** `created` is required by OpenAI's schema; nothing knows when a configured name came to be. */
function describe({ name, providers, pricing }: ListedModel) {
  return { id: name, object: 'model', created: 0, owned_by: providers[0], providers, pricing };
}
