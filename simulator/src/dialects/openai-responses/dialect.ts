// OpenAI Responses, the provider's side, stateless between requests. Wire facts:
// docs/reference/openai-responses.md.
import { type Refusal, RefusalError } from '../../engine/refusal.ts';
import type {
  AnswerFacts,
  CallRoute,
  Dialect,
  EncodedAnswer,
  LookupContext,
  LookupRoute,
  RequestHead,
} from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { readBody } from '../openai/read-body.ts';
import { encodeOpenaiError, encodeOpenaiRefusal } from '../openai/refusals.ts';
import { readPrompt, readResponsesCall } from './read-call.ts';

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

/** The parameter of the conversation has a different name than in Chat, and a different message if it is too long. */
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

// Endpoints for stored responses. The simulator stores none, so every id is unknown.

export const STORED_PATH = /^\/v1\/responses\/([^/]+)(?:\/(?:cancel|input_items))?$/;

export const storedResponse: LookupRoute = {
  kind: 'lookup',
  answer: ({ head }) => ({
    kind: 'invalid',
    message: `Response with id '${STORED_PATH.exec(head.path)![1]}' not found.`,
    param: null,
    code: null,
    status: 404,
  }),
};

// POST /v1/responses/input_tokens: the number of input tokens of the same request.

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
