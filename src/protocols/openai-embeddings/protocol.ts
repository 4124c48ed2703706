// OpenAI Embeddings, both faces: passed through, never translated. Limits and errors are those of Chat.

import { z } from 'zod';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { effectiveRequest } from '../call/effective-request.ts';
import type { JsonObject } from '../codec.ts';
import { readChatEventFailure } from '../openai/failures.ts';
import { orFailure, parseMember } from '../openai/request-fields.ts';
import { readRouting, routingMembers } from '../openai/routing.ts';
import { insertCost } from '../openai/usage.ts';
import { parseChatChunk } from '../openai-chat/chunk.ts';
import { openaiChatClient, openaiChatProvider } from '../openai-chat/protocol.ts';
import { buildChatBody } from '../openai-chat/request/build-body.ts';
import type {
  ClientEndpoint,
  ClientProtocol,
  ProviderProtocol,
  RelayContext,
  RelayedBody,
  RequestFacts,
} from '../protocol.ts';
import { countedOr, ProviderCounts, readCosts } from '../providers/counts.ts';
import { tokensOfText } from '../providers/token-estimate.ts';
import { editObject } from '../wire/json-object.ts';

export const openaiEmbeddingsClient: ClientProtocol = {
  ...openaiChatClient,
  name: 'openai-embeddings',
  readRequest: readEmbeddingsRequest,
  passThrough: {
    upstream: 'openai-embeddings',
    operation: 'embed',
    buildBody: buildChatBody,
    openStream: () => {
      throw new Error('embeddings are never streamed');
    },
    relayBody: relayEmbeddings,
  },
  codec: null,
};

export const openaiEmbeddingsEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/embeddings', '/v1/openai/embeddings'],
  summary: 'OpenAI Embeddings with any configured embedding model',
  errors: openaiEmbeddingsClient,
  select: () => openaiEmbeddingsClient,
};

export const openaiEmbeddingsProvider: ProviderProtocol = {
  ...openaiChatProvider,
  name: 'openai-embeddings',
  path: () => '/embeddings',
  codec: null,
};

// What the broker uses of an embeddings request (npm openai 7.55.0, resources/embeddings).
const tokens = z.array(z.number().int()).min(1);

export const embeddingsRequest = z.looseObject({
  ...routingMembers,
  input: z.union([z.string().min(1), z.array(z.union([z.string(), z.number().int(), tokens])).min(1)], {
    error: (issue) =>
      issue.input === undefined ? undefined : 'expected a string, a list of strings, or lists of token numbers',
  }),
});

type Input = z.infer<typeof embeddingsRequest>['input'];

/** Never streamed and without output: only input is billed. */
export function readEmbeddingsRequest(body: unknown): RequestFacts | Failure {
  return orFailure(() => {
    const request = parseMember(embeddingsRequest, effectiveRequest(body));
    return {
      ...readRouting(request),
      isStream: false,
      usageDelivery: 'none' as const,
      estimatedInputTokens: tokensOfInput(request.input),
      maxOutputTokens: 0,
      choices: 1,
    };
  });
}

/** For token numbers, their count. */
function tokensOfInput(input: Input | Input[number]): number {
  if (typeof input === 'string') return tokensOfText(input);
  if (typeof input === 'number') return 1;
  return (input as Input[number][]).reduce<number>((sum, entry) => sum + tokensOfInput(entry), 0);
}

// Embeddings as their provider sent them, with the cost added.
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

/** Some providers give only `total_tokens`, which includes no output. */
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
  'The provider responded with 200, but the body is not a list of embeddings.',
);
