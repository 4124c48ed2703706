// Anthropic's Message Batches, the provider's side.
import { anthropicHeaders, readAnthropicKey } from '../anthropic-messages/headers.ts';
import { encodeAnthropicRefusal } from '../anthropic-messages/refusals.ts';
import type { Dialect } from '../dialect.ts';
import { routeMessageBatches } from './message-batches.ts';

export const anthropicBatchesDialect: Dialect = {
  name: 'anthropic-batches',
  route: routeMessageBatches,
  readCredential: readAnthropicKey,
  encodeRefusal: encodeAnthropicRefusal,
  answerHeaders: anthropicHeaders,
};
