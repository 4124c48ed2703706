// OpenAI Chat Completions, the provider's side. Wire facts: docs/reference/openai-chat.md.

import type { CallRoute, Dialect } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { routeModels } from '../openai/models.ts';
import { encodeOpenaiRefusal } from '../openai/refusals.ts';
import { readChatCall } from './read-call.ts';

const completions: CallRoute = { kind: 'call', read: readChatCall };

export const openaiChatDialect: Dialect = {
  name: 'openai-chat',
  route: (head) => (head.method === 'POST' && head.path === '/v1/chat/completions' ? completions : routeModels(head)),
  readCredential: readBearer,
  encodeRefusal: encodeOpenaiRefusal,
  answerHeaders: openaiHeaders,
};
