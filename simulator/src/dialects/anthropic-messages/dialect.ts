// Anthropic Messages, the provider's side. Wire facts: docs/reference/anthropic-messages.md.
import type { CallRoute, Dialect, LookupRoute, RequestHead } from '../dialect.ts';
import { countTokens } from './count-tokens.ts';
import { anthropicHeaders, readAnthropicKey } from './headers.ts';
import { routeModels } from './models.ts';
import { readMessagesCall } from './read-call.ts';
import { encodeAnthropicRefusal } from './refusals.ts';

const messages: CallRoute = { kind: 'call', read: readMessagesCall };

/** For callers that are Anthropic's, and have lost their way. */
const unknown: LookupRoute = {
  kind: 'lookup',
  answer: ({ head: { method, path } }) => ({ kind: 'route_missing', method, path }),
};

export const anthropicMessagesDialect: Dialect = {
  name: 'anthropic-messages',
  route,
  readCredential: readAnthropicKey,
  encodeRefusal: encodeAnthropicRefusal,
  answerHeaders: anthropicHeaders,
};

/** Two paths are Anthropic's own. What others share with it is Anthropic's where the header says so. */
function route({ method, path, headers }: RequestHead): CallRoute | LookupRoute | null {
  if (method === 'POST' && path === '/v1/messages') return messages;
  if (method === 'POST' && path === '/v1/messages/count_tokens') return countTokens;
  if (headers['anthropic-version'] === undefined) return null;
  return (method === 'GET' ? routeModels(path) : null) ?? unknown;
}
