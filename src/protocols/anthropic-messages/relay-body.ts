// A message from a Messages provider, not streamed: the provider's bytes with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import type { JsonObject } from '../codec.ts';
import { editObject, memberBytes } from '../json-object.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { countedOr } from '../provider-counts.ts';
import { tokensOfBytes } from '../token-estimate.ts';
import { contentBytes } from './blocks.ts';
import { asObject, parseJson } from './loose-json.ts';
import { readMessagesEventFailure } from './provider-failures.ts';
import { billedUsage, insertCost, readMessagesUsage, writeMessagesUsage } from './usage.ts';

export const NOT_A_MESSAGE = createFailure(
  'upstream_malformed',
  'The provider answered 200 with something that is not a message.',
);

export function relayMessagesBody(body: Buffer, context: RelayContext): RelayedBody {
  const message = asObject(parseJson(body.toString()));
  if (message?.type === 'error') return { body, usage: NO_USAGE, failure: readMessagesEventFailure(message) };
  if (!Array.isArray(message?.content)) return { body, usage: NO_USAGE, failure: NOT_A_MESSAGE };
  const counted = countedOr(readMessagesUsage(message.usage), estimateUsage(message, context));
  const usage = billedUsage(counted, message.stop_reason, message.content.length > 0);
  const shown = context.priceUsage(usage);
  return { body: insertCost(nameModel(body, context), shown, writeMessagesUsage(usage)), usage };
}

/** A message says the model that was asked for (`messageHead` in encode-answer.ts). */
export function nameModel(message: Buffer, { requestedModel }: RelayContext): Buffer {
  if (requestedModel === undefined) return message;
  const name = JSON.stringify(requestedModel);
  if (memberBytes(message, 'model')?.toString() === name) return message;
  return editObject(message, { set: new Map([['model', name]]) });
}

function estimateUsage({ content }: JsonObject, context: RelayContext): Usage {
  const outputTokens = tokensOfBytes(contentBytes(content));
  return { ...NO_USAGE, inputTokens: context.estimatedInputTokens, outputTokens, isEstimated: true };
}
