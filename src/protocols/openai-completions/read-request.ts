// What the broker uses of a request of the older completions (npm openai 7.55.0, resources/completions).
import { z } from 'zod';
import type { Failure } from '../../contracts/failure.ts';
import { effectiveRequest, outputBound } from '../call/effective-request.ts';
import { orFailure, parseMember } from '../openai/parse-member.ts';
import { readRouting, readStreaming, routingMembers, streamMembers } from '../openai-chat/read-request.ts';
import type { RequestFacts, RequestTarget } from '../protocol.ts';
import { TOKENS_PER_MESSAGE, tokensOfText } from '../providers/token-estimate.ts';

/** OpenAI's default: short answers, unless the client says otherwise. */
export const DEFAULT_MAX_TOKENS = 16;

const count = z.number().int().positive().nullish();
const tokens = z.array(z.number().int());

const completionsRequest = z.looseObject({
  ...routingMembers,
  ...streamMembers,
  prompt: z.union([z.string(), z.array(z.union([z.string(), z.number().int(), tokens])).min(1)], {
    error: (issue) =>
      issue.input === undefined ? undefined : 'expected a text, a list of texts, or texts as lists of token numbers',
  }),
  max_tokens: z.number().int().min(0).nullish(),
  n: count,
  best_of: count,
});

type Prompt = z.infer<typeof completionsRequest>['prompt'];

export function readCompletionsRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  return orFailure(() => {
    const request = parseMember(completionsRequest, effectiveRequest(body));
    const answers = (request.n ?? 1) * countPrompts(request.prompt);
    const tried = Math.max(request.n ?? 1, request.best_of ?? 1) * countPrompts(request.prompt);
    return {
      ...readRouting(request),
      ...readStreaming(request, target),
      estimatedInputTokens: TOKENS_PER_MESSAGE + tokensOfPrompt(request.prompt),
      maxOutputTokens: Math.max((request.max_tokens ?? DEFAULT_MAX_TOKENS) * tried, outputBound(request) ?? 0),
      choices: answers,
    };
  });
}

/** A list of numbers is one prompt. */
function countPrompts(prompt: Prompt): number {
  return typeof prompt === 'string' || typeof prompt[0] === 'number' ? 1 : prompt.length;
}

/** Token numbers are counted as they are. */
function tokensOfPrompt(prompt: Prompt | Prompt[number]): number {
  if (typeof prompt === 'string') return tokensOfText(prompt);
  if (typeof prompt === 'number') return 1;
  return (prompt as Prompt[number][]).reduce<number>((sum, entry) => sum + tokensOfPrompt(entry), 0);
}
