// OpenAI's Files and Batch API, the provider's side.
import type { Dialect } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { encodeOpenaiRefusal } from '../openai/refusals.ts';
import { routeBatches } from './batches.ts';
import { routeFiles } from './files.ts';

export const openaiBatchesDialect: Dialect = {
  name: 'openai-batches',
  route: (head) => routeFiles(head) ?? routeBatches(head),
  readCredential: readBearer,
  encodeRefusal: encodeOpenaiRefusal,
  answerHeaders: openaiHeaders,
};
