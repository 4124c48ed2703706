// `models/{model}:countTokens`: asked of a Gemini provider where the model has one, else answered with the broker's estimate.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE } from '../../contracts/usage.ts';
import { editObject, isObjectBytes, memberBytes } from '../json-object.ts';
import type { EncodedAnswer, PassThroughInput, RelayContext, RelayedBody, RequestFacts } from '../protocol.ts';
import { buildGeminiBody } from './build-body.ts';
import { asNumber, asObject, parseJson } from './wire-values.ts';

/** Counting is free: no usage, no cost. */
export function relayTokenCount(body: Buffer, _context: RelayContext): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  if (asNumber(answer?.totalTokens) !== undefined) return { body, usage: NO_USAGE };
  const failure = createFailure('upstream_malformed', 'The provider answered 200 without a token count.');
  return { body, usage: NO_USAGE, failure };
}

/** The request may be wrapped in `generateContentRequest`, which names the model again. */
export function buildTokenCountBody(input: PassThroughInput): Buffer {
  let body = buildGeminiBody(input);
  for (const name of ['generateContentRequest', 'generate_content_request']) {
    const inner = memberBytes(body, name);
    if (!isObjectBytes(inner)) continue;
    const built = buildGeminiBody({ ...input, body: inner });
    const model = JSON.stringify(`models/${input.upstreamModel}`);
    body = editObject(body, { set: new Map([[name, editObject(built, { set: new Map([['model', model]]) })]]) });
  }
  return body;
}

export function answerTokenCount(facts: RequestFacts): EncodedAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify({ totalTokens: facts.estimatedInputTokens })),
  };
}
