// OpenAI Responses, the provider's side, without anything that is kept from one request to the next. Wire facts:
// docs/reference/openai-responses.md.
import type { Refusal } from '../../engine/refusal.ts';
import type { AnswerFacts, CallRoute, Dialect, EncodedAnswer, LookupRoute, RequestHead } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { encodeOpenaiError, encodeOpenaiRefusal } from '../openai/refusals.ts';
import { countTokens } from './count-tokens.ts';
import { readResponsesCall } from './read-call.ts';
import { STORED_PATH, storedResponse } from './stored-responses.ts';

const responses: CallRoute = { kind: 'call', read: readResponsesCall };

export const openaiResponsesDialect: Dialect = {
  name: 'openai-responses',
  route,
  readCredential: readBearer,
  encodeRefusal,
  answerHeaders: openaiHeaders,
};

function route({ method, path }: RequestHead): CallRoute | LookupRoute | null {
  if (path === '/v1/responses') return method === 'POST' ? responses : null;
  if (path === '/v1/responses/input_tokens') return method === 'POST' ? countTokens : null;
  return STORED_PATH.test(path) ? storedResponse : null;
}

/** The conversation has another name here than in Chat, and its length is refused in other words. */
function encodeRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer {
  if (refusal.kind === 'context_length') {
    return encodeOpenaiError({
      status: 400,
      message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
      param: 'input',
      code: 'context_length_exceeded',
    });
  }
  const isOfConversation = refusal.kind === 'invalid' && refusal.param === 'messages';
  return encodeOpenaiRefusal(isOfConversation ? { ...refusal, param: 'input' } : refusal, facts);
}
