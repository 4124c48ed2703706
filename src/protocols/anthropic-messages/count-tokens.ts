// POST /v1/messages/count_tokens: asked of an Anthropic provider where the model has one, else answered with the broker's
// estimate. Counting is free: no usage, no cost.
import { createFailure } from '../../contracts/failure.ts';
import { NO_USAGE } from '../../contracts/usage.ts';
import type { EncodedAnswer, RelayedBody, RequestFacts } from '../protocol.ts';
import { asObject, parseJson } from './loose-json.ts';

const NOT_A_COUNT = createFailure('upstream_malformed', 'The provider answered 200 without a token count.');

export function relayTokenCount(body: Buffer): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  if (typeof answer?.input_tokens === 'number') return { body, usage: NO_USAGE };
  return { body, usage: NO_USAGE, failure: NOT_A_COUNT };
}

export function answerTokenCount(facts: RequestFacts): EncodedAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify({ input_tokens: facts.estimatedInputTokens })),
  };
}
