// Embeddings as their vendor sent them, with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import { editObject } from '../json-object.ts';
import { parseChatChunk } from '../openai-chat/chunk.ts';
import { readChatEventFailure } from '../openai-chat/failures.ts';
import { insertCost, readReportedCost } from '../openai-chat/usage.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';

export function relayEmbeddings(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseChatChunk(body.toString());
  if (answer?.error) return { body, usage: NO_USAGE, failure: readChatEventFailure(answer.error) };
  if (answer === null || !Array.isArray((answer as { data?: unknown }).data)) {
    return { body, usage: NO_USAGE, failure: NOT_EMBEDDINGS };
  }
  const reported = readUsage(answer.usage);
  const usage = reported ?? { ...NO_USAGE, inputTokens: context.estimatedInputTokens, isEstimated: true };
  const base = reported === null ? editObject(body, { set: new Map([['usage', writeUsage(usage)]]) }) : body;
  return { body: insertCost(base, context.priceUsage(usage, readReportedCost(base))), usage };
}

/** `total_tokens` alone is what some vendors give; there is no output that it could hold. */
function readUsage(usage: unknown): Usage | null {
  const { prompt_tokens: prompt, total_tokens: total } = (usage ?? {}) as Record<string, unknown>;
  const counted = [prompt, total].find((count) => typeof count === 'number' && count > 0) ?? prompt ?? total;
  return typeof counted === 'number' ? { ...NO_USAGE, inputTokens: Math.max(0, Math.floor(counted)) } : null;
}

function writeUsage({ inputTokens }: Usage): string {
  return JSON.stringify({ prompt_tokens: inputTokens, total_tokens: inputTokens });
}

const NOT_EMBEDDINGS = createFailure(
  'upstream_malformed',
  'The provider answered 200 with something that is not a list of embeddings.',
);
