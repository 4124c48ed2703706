// POST …:countTokens: of contents alone, or of a whole request in `generateContentRequest`.
import { RefusalError } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute } from '../dialect.ts';
import { measurePrompt } from './measure-prompt.ts';
import { REQUEST_FIELDS } from './read-call.ts';
import { fields, readMessage, refuse } from './read-fields.ts';
import { readTools } from './read-tools.ts';
import { readSystem, readTurns } from './read-turns.ts';

const FIELDS = fields('contents generateContentRequest');

export const countTokens: LookupRoute = { kind: 'lookup', answer: count };

function count({ body: text }: LookupContext): EncodedAnswer {
  const body = readMessage(parse(text), '', FIELDS);
  if (body.contents !== undefined && body.generateContentRequest !== undefined) {
    refuse('Only one of contents and generate_content_request may be set.');
  }
  const request =
    body.generateContentRequest === undefined
      ? body
      : readMessage(body.generateContentRequest, 'generate_content_request', REQUEST_FIELDS);
  readTools(request);
  const { promptTokens, imageTokens } = measurePrompt(request, readSystem(request), readTurns(request));
  const details = [
    { modality: 'TEXT', tokenCount: promptTokens - imageTokens },
    { modality: 'IMAGE', tokenCount: imageTokens },
  ].filter(({ tokenCount }) => tokenCount > 0);
  return {
    status: 200,
    headers: ['content-type', 'application/json; charset=UTF-8'],
    body: JSON.stringify({ totalTokens: promptTokens, promptTokensDetails: details }, null, 2),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}
