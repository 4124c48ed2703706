// Errors in Google's form: status, body and headers. Facts: docs/reference/gemini-generate-content.md section 6; messages from
// recorded answers and from users' reports.
import type { Refusal, RefusalKind } from '../../engine/refusal.ts';
import type { AnswerFacts, EncodedAnswer } from '../dialect.ts';
import { detail, type GoogleError } from './google-error.ts';
import { describeDailyQuota, describeRateLimit, describeTooLarge } from './quota-errors.ts';
import { deliveryOf, versionOf } from './target.ts';

export function encodeGeminiRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer {
  const describe = ERRORS[refusal.kind] as (refusal: Refusal, facts: AnswerFacts) => GoogleError;
  const { code, status, message, details, headers } = describe(refusal, facts);
  const hasDetails = details !== undefined && details.length > 0;
  const error = { code, message, status: status ?? STATUSES[code] ?? 'UNKNOWN', ...(hasDetails ? { details } : {}) };
  // A stream in array form is an array even if it holds only an error.
  const body = deliveryOf(facts.head) === 'array' ? [{ error }] : { error };
  return {
    status: code,
    headers: ['content-type', 'application/json; charset=UTF-8', ...(headers ?? [])],
    body: `${JSON.stringify(body, null, 2)}\n`,
  };
}

const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const SERVICE = 'generativelanguage.googleapis.com';

type Describe = {
  [Kind in RefusalKind]: (refusal: Extract<Refusal, { kind: Kind }>, facts: AnswerFacts) => GoogleError;
};

const ERRORS: Describe = {
  rate_limited: describeRateLimit,
  exceeds_limit: describeTooLarge,
  quota_exhausted: (_, facts) => describeDailyQuota(facts),
  key_missing: () => ({
    code: 403,
    message:
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form " +
      'of API consumer identity to call this API.',
  }),
  // Seen on the live API on 2026-10-03: a wrong key is not a 401.
  key_wrong: () => ({
    code: 400,
    message: 'API key not valid. Please pass a valid API key.',
    details: [
      detail('ErrorInfo', { reason: 'API_KEY_INVALID', domain: 'googleapis.com', metadata: { service: SERVICE } }),
      detail('LocalizedMessage', { locale: 'en-US', message: 'API key not valid. Please pass a valid API key.' }),
    ],
  }),
  model_missing: ({ model }, facts) => ({
    code: 404,
    message:
      `models/${model ?? facts.model} is not found for API version ${versionOf(facts.head.path)}, or is not supported for generateContent. Call ` +
      'ListModels to see the list of available models and their supported methods.',
  }),
  route_missing: ({ method, path }) => ({ code: 404, message: `The requested URL was not found: ${method} ${path}` }),
  body_malformed: () => ({ code: 400, message: 'Invalid JSON payload received. Unexpected end of string.' }),
  body_too_large: ({ limitBytes }) => ({
    code: 400,
    message: `Request payload size exceeds the limit: ${limitBytes} bytes.`,
  }),
  invalid: ({ message, param, status }) => ({
    code: status ?? 400,
    message,
    details:
      param === null ? [] : [detail('BadRequest', { fieldViolations: [{ field: param, description: message }] })],
  }),
  context_length: ({ limit, promptTokens }) => ({
    code: 400,
    message: `The input token count (${promptTokens}) exceeds the maximum number of tokens allowed (${limit}).`,
  }),
  // Calls are answered without candidates instead, see GeminiVoice.speakBlocked.
  content_filtered: () => ({ code: 400, message: 'The prompt was blocked.' }),
  server_error: () => ({
    code: 500,
    message:
      'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
  }),
  unavailable: () => ({ code: 503, message: 'The model is overloaded. Please try again later.' }),
  // Google has no 529.
  overloaded: () => ({
    code: 503,
    message:
      'This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.',
  }),
  status: ({ status }) => ({ code: status, message: `The simulator was told to answer with status ${status}.` }),
};
