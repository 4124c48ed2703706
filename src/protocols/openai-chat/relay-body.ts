// A chat completion from a chat vendor, not streamed: the vendor's bytes with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import { editObject } from '../json-object.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { tokensOfBytes } from '../token-estimate.ts';
import { type ChatChunk, deltaBytes } from './chunk.ts';
import { readChatEventFailure } from './failures.ts';
import { insertCost, readChatUsage, readReportedCost, writeChatUsage } from './usage.ts';

export function relayChatBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseAnswer(body);
  if (answer === null || (!answer.error && !Array.isArray(answer.choices))) {
    const failure = createFailure(
      'upstream_malformed',
      'The provider answered 200 with something that is not a chat completion.',
    );
    return { body, usage: NO_USAGE, failure };
  }
  if (answer.error) return { body, usage: NO_USAGE, failure: readChatEventFailure(answer.error) };
  const reported = readChatUsage(answer.usage);
  const usage = reported ?? estimateUsage(answer, context);
  const base =
    reported === null ? editObject(body, { set: new Map([['usage', JSON.stringify(writeChatUsage(usage))]]) }) : body;
  return { body: insertCost(base, context.priceUsage(usage, readReportedCost(base))), usage };
}

function parseAnswer(body: Buffer): ChatChunk | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ChatChunk) : null;
  } catch {
    return null;
  }
}

function estimateUsage(answer: ChatChunk, context: RelayContext): Usage {
  const outputBytes = (answer.choices ?? []).reduce((sum, choice) => sum + deltaBytes(choice.message), 0);
  return {
    ...NO_USAGE,
    inputTokens: context.estimatedInputTokens,
    outputTokens: tokensOfBytes(outputBytes),
    isEstimated: true,
  };
}
