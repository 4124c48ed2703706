// A chat completion from a chat provider, not streamed: the provider's bytes with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { countedOr } from '../providers/counts.ts';
import { tokensOfBytes } from '../providers/token-estimate.ts';
import { editObject } from '../wire/json-object.ts';
import { type ChatChunk, choiceBytes, objectsIn, parseChatChunk } from './chunk.ts';
import { readChatEventFailure } from './failures.ts';
import { normaliseAnswer } from './normalise-answer.ts';
import { insertCost, usageIn, writeChatUsage } from './usage.ts';

export function relayChatBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseChatChunk(body.toString());
  if (answer === null || (!answer.error && !Array.isArray(answer.choices))) {
    const failure = createFailure(
      'upstream_malformed',
      'The provider answered 200 with something that is not a chat completion.',
    );
    return { body, usage: NO_USAGE, failure };
  }
  if (answer.error) return { body, usage: NO_USAGE, failure: readChatEventFailure(answer.error) };
  const usage = countedOr(usageIn(answer), estimateUsage(answer, context));
  const readable = withModel(normaliseAnswer(body, answer), answer, context);
  const base =
    usage.isEstimated || !answer.usage
      ? editObject(readable, { set: new Map([['usage', JSON.stringify(writeChatUsage(usage))]]) })
      : readable;
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

/** A provider that does not say its model is taken to be the one that was asked for. */
export function withModel(json: Buffer, { model }: { model?: unknown }, { requestedModel }: RelayContext): Buffer {
  if (model || requestedModel === undefined) return json;
  return editObject(json, { set: new Map([['model', JSON.stringify(requestedModel)]]) });
}

function estimateUsage(answer: ChatChunk, context: RelayContext): Usage {
  const outputBytes = objectsIn(answer.choices).reduce((sum, choice) => sum + choiceBytes(choice), 0);
  return {
    ...NO_USAGE,
    inputTokens: context.estimatedInputTokens,
    outputTokens: tokensOfBytes(outputBytes),
    isEstimated: true,
  };
}
