// What the broker uses of an embeddings request (npm openai 7.55.0, resources/embeddings).
import { z } from 'zod';
import type { Failure } from '../../contracts/failure.ts';
import { effectiveRequest } from '../call/effective-request.ts';
import { orFailure, parseMember } from '../openai/parse-member.ts';
import { readRouting, routingMembers } from '../openai-chat/read-request.ts';
import type { RequestFacts } from '../protocol.ts';
import { tokensOfText } from '../providers/token-estimate.ts';

const tokens = z.array(z.number().int()).min(1);

const embeddingsRequest = z.looseObject({
  ...routingMembers,
  input: z.union([z.string().min(1), z.array(z.union([z.string(), z.number().int(), tokens])).min(1)], {
    error: (issue) =>
      issue.input === undefined ? undefined : 'expected a text, a list of texts, or texts as lists of token numbers',
  }),
});

type Input = z.infer<typeof embeddingsRequest>['input'];

/** Never streamed and without output: all that is billed is what goes in. */
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

/** Token numbers are counted as they are. */
function tokensOfInput(input: Input | Input[number]): number {
  if (typeof input === 'string') return tokensOfText(input);
  if (typeof input === 'number') return 1;
  return (input as Input[number][]).reduce<number>((sum, entry) => sum + tokensOfInput(entry), 0);
}
