// Errors in Anthropic's form: status, body and headers. Facts: docs/reference/anthropic-messages.md section 5; messages from
// recorded answers and from users' reports.
import type { RateRefusal, Refusal, RefusalKind } from '../../engine/refusal.ts';
import type { AnswerFacts, EncodedAnswer } from '../dialect.ts';

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

// Anthropic's 429s that mean "wait" (or "ask for less").

const MORE =
  'For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. ' +
  'Please reduce the prompt length or the maximum tokens requested, or try again later.';

export function describeRateLimit(refusal: RateRefusal, { nowMs }: { nowMs: number }): AnthropicError {
  const { thing, limit } = refusal;
  const headers = retryHeaders(refusal, nowMs);
  if (thing === 'concurrency') {
    return { status: 429, message: 'Number of concurrent connections has exceeded your rate limit.', headers };
  }
  return { status: 429, message: describe(limit, thing), headers };
}

/** Waiting does not help a request that exceeds the whole limit, so no wait is announced. */
export function describeTooLarge({ limit }: Extract<Refusal, { kind: 'exceeds_limit' }>): AnthropicError {
  return { status: 429, message: describe(limit, 'tokens') };
}

function describe(limit: number, thing: 'requests' | 'tokens'): string {
  const count = limit.toLocaleString('en-US');
  return `This request would exceed your organization's rate limit of ${count} ${thing} per minute. ${MORE}`;
}

/** The provider announces only whole seconds. Milliseconds, which its SDKs read, are for fast tests. */
function retryHeaders({ hint, retryAfterMs }: RateRefusal, nowMs: number): readonly string[] {
  switch (hint) {
    case 'both':
    case 'seconds':
      return ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
    case 'milliseconds':
      return ['retry-after-ms', String(Math.ceil(retryAfterMs))];
    case 'date':
      return ['retry-after', new Date(Math.ceil((nowMs + retryAfterMs) / 1_000) * 1_000).toUTCString()];
    case 'none':
      return [];
  }
}

// An error before it is encoded.

export interface AnthropicError {
  status: number;
  /** Default: the type of the status. */
  type?: string;
  message: string;
  errorCode?: string;
  headers?: readonly string[];
}
