// OpenAI's old completions, the provider's side: for clients that still speak them.
import type { CallRoute, Dialect } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { encodeOpenaiRefusal } from '../openai/refusals.ts';
import { readCompletionsCall } from './read-call.ts';

const completions: CallRoute = { kind: 'call', read: readCompletionsCall };

export const openaiCompletionsDialect: Dialect = {
  name: 'openai-completions',
  route: ({ method, path }) => (method === 'POST' && path === '/v1/completions' ? completions : null),
  readCredential: readBearer,
  encodeRefusal: encodeOpenaiRefusal,
  answerHeaders: openaiHeaders,
};
