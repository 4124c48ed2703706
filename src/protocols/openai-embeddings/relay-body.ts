// Embeddings as their provider sent them, with the cost added.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import type { JsonObject } from '../codec.ts';
import { parseChatChunk } from '../openai-chat/chunk.ts';
import { readChatEventFailure } from '../openai-chat/failures.ts';
import { insertCost } from '../openai-chat/usage.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { countedOr, ProviderCounts, readCosts } from '../providers/counts.ts';
import { editObject } from '../wire/json-object.ts';

export function relayEmbeddings(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseChatChunk(body.toString());
  if (answer?.error) return { body, usage: NO_USAGE, failure: readChatEventFailure(answer.error) };
  if (answer === null || !Array.isArray((answer as { data?: unknown }).data)) {
    return { body, usage: NO_USAGE, failure: NOT_EMBEDDINGS };
  }
  const estimate = { ...NO_USAGE, inputTokens: context.estimatedInputTokens, isEstimated: true };
  const usage = countedOr(readUsage(answer.usage), estimate);
  const base = usage.isEstimated ? editObject(body, { set: new Map([['usage', writeUsage(usage)]]) }) : body;
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

/** `total_tokens` alone is what some providers give; there is no output that it could hold. */
function readUsage(usage: unknown): Usage | null {
  const said = (usage ?? {}) as JsonObject;
  const counts = new ProviderCounts(said);
  readCosts(counts, said);
  if ((said.prompt_tokens ?? said.total_tokens ?? null) === null) return counts.finishUncounted();
  return counts.finish({ ...NO_USAGE, inputTokens: counts.total(said.prompt_tokens || said.total_tokens) });
}

function writeUsage({ inputTokens }: Usage): string {
  return JSON.stringify({ prompt_tokens: inputTokens, total_tokens: inputTokens });
}

const NOT_EMBEDDINGS = createFailure(
  'upstream_malformed',
  'The provider answered 200 with something that is not a list of embeddings.',
);
