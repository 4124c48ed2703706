// Errors as Anthropic words them: status, body and headers. Facts: docs/reference/anthropic-messages.md section 5;
// wordings from recorded answers and from reports of users.
import type { Refusal, RefusalKind } from '../../engine/refusal.ts';
import type { AnswerFacts, EncodedAnswer } from '../dialect.ts';
import type { AnthropicError } from './anthropic-error.ts';
import { describeRateLimit, describeTooLarge } from './rate-limit-errors.ts';

export function encodeAnthropicRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer {
  const describe = ERRORS[refusal.kind] as (refusal: Refusal, facts: AnswerFacts) => AnthropicError;
  const { status, type, message, errorCode, headers } = describe(refusal, facts);
  const details = errorCode === undefined ? {} : { details: { error_code: errorCode } };
  const error = { type: type ?? TYPES[status] ?? 'api_error', message, ...details };
  return {
    status,
    headers: ['content-type', 'application/json', ...(headers ?? [])],
    body: JSON.stringify({ type: 'error', error, request_id: facts.providerRequestId }),
  };
}

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

type Describe = {
  [Kind in RefusalKind]: (refusal: Extract<Refusal, { kind: Kind }>, facts: AnswerFacts) => AnthropicError;
};

const ERRORS: Describe = {
  rate_limited: describeRateLimit,
  exceeds_limit: describeTooLarge,
  quota_exhausted: () => ({
    status: 429,
    message: 'You have reached your specified API usage limits. You will regain access when the limit is raised.',
    errorCode: 'enforced_spend_limit_reached',
  }),
  key_missing: () => ({ status: 401, message: 'x-api-key header is required' }),
  key_wrong: () => ({ status: 401, message: 'invalid x-api-key' }),
  model_missing: ({ model }, facts) => ({ status: 404, message: `model: ${model ?? facts.model}` }),
  route_missing: () => ({ status: 404, message: 'Not Found' }),
  body_malformed: () => ({ status: 400, message: 'The request body is not valid JSON' }),
  body_too_large: () => ({ status: 413, message: 'Request exceeds the maximum size' }),
  invalid: ({ message, status }) => ({ status: status ?? 400, message }),
  context_length: ({ limit, promptTokens }) => ({
    status: 400,
    message: `prompt is too long: ${promptTokens} tokens > ${limit} maximum`,
  }),
  // Calls are answered with a refusal instead, see MessageVoice.speakBlocked.
  content_filtered: () => ({ status: 400, message: 'Output blocked by content filtering policy' }),
  server_error: () => ({ status: 500, message: 'Internal server error' }),
  unavailable: () => ({ status: 503, message: 'Service Unavailable' }),
  overloaded: () => ({ status: 529, message: 'Overloaded' }),
  status: ({ status }) => ({ status, message: `The simulator was told to answer with status ${status}.` }),
};
