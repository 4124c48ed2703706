// OpenAI Embeddings, the provider's side.
import type { Refusal } from '../../engine/refusal.ts';
import type { AnswerFacts, CallRoute, Dialect, EncodedAnswer } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { encodeOpenaiError, encodeOpenaiRefusal } from '../openai/refusals.ts';
import { readEmbeddingsCall } from './read-call.ts';

const embeddings: CallRoute = { kind: 'call', read: readEmbeddingsCall };

export const openaiEmbeddingsDialect: Dialect = {
  name: 'openai-embeddings',
  route: ({ method, path }) => (method === 'POST' && path === '/v1/embeddings' ? embeddings : null),
  readCredential: readBearer,
  encodeRefusal,
  answerHeaders: openaiHeaders,
};

/** A text that is too long is refused with the message of the older completions, without a code. */
function encodeRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer {
  if (refusal.kind === 'context_length') {
    const { limit, promptTokens } = refusal;
    return encodeOpenaiError({
      status: 400,
      message:
        `This model's maximum context length is ${limit} tokens, however you requested ${promptTokens} tokens ` +
        `(${promptTokens} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
    });
  }
  if (refusal.kind === 'invalid' && refusal.code === 'max_tokens_per_request') {
    return encodeOpenaiError({ status: 400, ...refusal, type: refusal.code });
  }
  const isOfConversation = refusal.kind === 'invalid' && refusal.param === 'messages';
  return encodeOpenaiRefusal(isOfConversation ? { ...refusal, param: 'input' } : refusal, facts);
}
