// POST /v1/responses/input_tokens: how many tokens the same request would have as its input.
import { RefusalError } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute } from '../dialect.ts';
import { readBody } from '../openai/read-body.ts';
import { readPrompt } from './read-call.ts';

export const countTokens: LookupRoute = { kind: 'lookup', answer };

function answer({ body, provider }: LookupContext): EncodedAnswer {
  const { promptTokens } = readPrompt(readBody(parseJson(body)), provider);
  return {
    status: 200,
    headers: ['content-type', 'application/json'],
    body: JSON.stringify({ object: 'response.input_tokens', input_tokens: promptTokens }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}
