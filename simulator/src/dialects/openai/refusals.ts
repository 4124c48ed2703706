// Errors in OpenAI's form, for all its protocols: status, body and headers. Facts: docs/reference/openai-chat.md section 5;
// messages from OpenAI's error-code guide and recorded answers.
import type { RateRefusal, Refusal, RefusalKind } from '../../engine/refusal.ts';
import type { AnswerFacts, EncodedAnswer } from '../dialect.ts';
import { formatGoDuration } from './go-duration.ts';
import { SERVER_ERROR_MESSAGE } from './server-error.ts';

export function encodeOpenaiRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer {
  const describe = ERRORS[refusal.kind] as (refusal: Refusal, facts: AnswerFacts) => OpenaiError;
  return encodeOpenaiError(describe(refusal, facts));
}

export function encodeOpenaiError({ status, message, type, param, code, headers }: OpenaiError): EncodedAnswer {
  const error = { message, type: type ?? 'invalid_request_error', param: param ?? null, code: code ?? null };
  return {
    status,
    headers: ['content-type', 'application/json', ...(headers ?? [])],
    body: JSON.stringify({ error }, null, 2),
  };
}

const UNAUTHORIZED = ['www-authenticate', 'Bearer realm="OpenAI API"'];

type Describe = {
  [Kind in RefusalKind]: (refusal: Extract<Refusal, { kind: Kind }>, facts: AnswerFacts) => OpenaiError;
};

const ERRORS: Describe = {
  rate_limited: describeRateLimit,
  exceeds_limit: describeTooLarge,
  quota_exhausted: () => ({
    status: 429,
    message:
      'You exceeded your current quota, please check your plan and billing details. For more information on this ' +
      'error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  }),
  key_missing: () => ({
    status: 401,
    message:
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
      '(i.e. Authorization: Bearer YOUR_KEY).',
    headers: UNAUTHORIZED,
  }),
  key_wrong: ({ shownKey }) => ({
    status: 401,
    message:
      `Incorrect API key provided: ${shownKey}. You can find your API key at ` +
      'https://platform.openai.com/account/api-keys.',
    code: 'invalid_api_key',
    headers: UNAUTHORIZED,
  }),
  model_missing: ({ model }, facts) => ({
    status: 404,
    message: `The model \`${model ?? facts.model}\` does not exist or you do not have access to it.`,
    code: 'model_not_found',
  }),
  route_missing: ({ method, path }) => ({ status: 404, message: `Invalid URL (${method} ${path})` }),
  body_malformed: () => ({
    status: 400,
    message:
      'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library ' +
      'correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)',
  }),
  body_too_large: ({ limitBytes }) => ({
    status: 413,
    message: `The request body is larger than ${limitBytes} bytes.`,
  }),
  invalid: ({ message, param, code, status }) => ({ status: status ?? 400, message, param, code }),
  context_length: (refusal) => ({
    status: 400,
    message: describeContextLength(refusal),
    param: 'messages',
    code: 'context_length_exceeded',
  }),
  content_filtered: () => ({
    status: 400,
    message:
      "The response was filtered due to the prompt triggering the provider's content management policy. Please modify " +
      'your prompt and retry.',
    param: 'prompt',
    code: 'content_filter',
  }),
  server_error: () => ({ status: 500, message: SERVER_ERROR_MESSAGE, type: 'server_error' }),
  unavailable: () => ({
    status: 503,
    message: 'The server is currently overloaded with other requests. Sorry about that! Please try again later.',
    type: 'server_error',
    code: 'server_is_overloaded',
  }),
  overloaded: () => ({ status: 529, message: 'Overloaded', type: 'overloaded_error' }),
  status: ({ status }) => ({ status, message: `The simulator was told to answer with status ${status}.` }),
};

function describeContextLength({ limit, promptTokens, outputTokens }: Extract<Refusal, { kind: 'context_length' }>) {
  const wanted =
    outputTokens === 0
      ? `your messages resulted in ${promptTokens} tokens. Please reduce the length of the messages.`
      : `you requested ${promptTokens + outputTokens} tokens (${promptTokens} in the messages, ${outputTokens} in the ` +
        'completion). Please reduce the length of the messages or completion.';
  return `This model's maximum context length is ${limit} tokens. However, ${wanted}`;
}

// OpenAI's 429s that mean "wait" (or "ask for less"), with their retry headers.

const ORGANIZATION = 'org-simulator';
const MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';

const UNITS = {
  requests: 'requests per min (RPM)',
  tokens: 'tokens per min (TPM)',
  concurrency: 'concurrent requests',
} as const;

export function describeRateLimit(refusal: RateRefusal, { model, nowMs }: AnswerFacts): OpenaiError {
  const { thing, limit, used, requested, retryAfterMs, hint } = refusal;
  const wait = hint === 'none' ? '' : ` Please try again in ${formatGoDuration(retryAfterMs)}.`;
  return {
    status: 429,
    message:
      `Rate limit reached for ${model} in organization ${ORGANIZATION} on ${UNITS[thing]}: Limit ${limit}, ` +
      `Used ${used}, Requested ${requested}.${wait} ${MORE}`,
    type: thing === 'tokens' ? 'tokens' : 'requests',
    code: 'rate_limit_exceeded',
    headers: retryHeaders(refusal, nowMs),
  };
}

/** Waiting does not help a request that exceeds the whole limit, so no wait is announced. */
export function describeTooLarge(
  { limit, requested }: Extract<Refusal, { kind: 'exceeds_limit' }>,
  { model }: AnswerFacts,
): OpenaiError {
  return {
    status: 429,
    message:
      `Request too large for ${model} in organization ${ORGANIZATION} on ${UNITS.tokens}: Limit ${limit}, ` +
      `Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${MORE}`,
    type: 'tokens',
    code: 'rate_limit_exceeded',
  };
}

/** Seconds are whole and rounded up (seen on the live API, 2026-10-01). */
function retryHeaders({ hint, retryAfterMs }: RateRefusal, nowMs: number): readonly string[] {
  const seconds = ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
  const milliseconds = ['retry-after-ms', String(Math.ceil(retryAfterMs))];
  switch (hint) {
    case 'both':
      return [...seconds, ...milliseconds];
    case 'seconds':
      return seconds;
    case 'milliseconds':
      return milliseconds;
    case 'date':
      return ['retry-after', new Date(Math.ceil((nowMs + retryAfterMs) / 1_000) * 1_000).toUTCString()];
    case 'none':
      return [];
  }
}

// An error before it is encoded.

export interface OpenaiError {
  status: number;
  message: string;
  /** Default: invalid_request_error. */
  type?: string;
  param?: string | null;
  code?: string | null;
  headers?: readonly string[];
}
