// Failures in OpenAI's shape: ours to the client, the provider's to ours. Sources: docs/reference/openai-chat.md
// sections 5 and 6; the error bodies of OpenAI-compatible providers differ in where they put code and message.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { type FailureCode, type FailureKind, ruleOf } from '#src/contracts/failure-table.ts';
import type { EncodedAnswer, RateLimitHint, UpstreamAnswerHead } from '../protocol.ts';
import { headerText, parseReset, readResetHeader, readRetryAfter, readWaitInBody } from '../providers/waits.ts';
import {
  cutWords,
  isAboutNamedThing,
  isCuredByWaiting,
  knownByWords,
  limitedBy,
  tellClient,
} from '../providers/words.ts';

const OPENAI_TYPE: Record<FailureKind, string> = {
  invalid_request: 'invalid_request_error',
  authentication: 'invalid_request_error',
  payment: 'insufficient_quota',
  permission: 'invalid_request_error',
  not_found: 'invalid_request_error',
  conflict: 'invalid_request_error',
  too_large: 'invalid_request_error',
  rate_limit: 'requests',
  timeout: 'timeout_error',
  overloaded: 'server_error',
  upstream: 'server_error',
  internal: 'server_error',
};

/** Statuses of a provider's refusal that mean the same to the client. */
const PASSED_ON_STATUSES = new Set([400, 413, 415, 422]);

function statusOf(failure: Failure): number {
  const isPassedOn = failure.code === 'upstream_bad_request' && PASSED_ON_STATUSES.has(failure.upstreamStatus ?? 0);
  return isPassedOn ? failure.upstreamStatus! : ruleOf(failure.code).status;
}

function errorObject(failure: Failure) {
  const rule = ruleOf(failure.code);
  const isQuota = failure.code === 'upstream_quota_exhausted';
  const code = rule.wireCode === undefined ? (failure.upstreamCode ?? failure.code) : rule.wireCode;
  return {
    message: failure.message,
    type: isQuota ? 'insufficient_quota' : OPENAI_TYPE[rule.kind],
    param: failure.param ?? null,
    code,
  };
}

export function encodeChatFailure(failure: Failure): EncodedAnswer {
  return {
    status: statusOf(failure),
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify({ error: errorObject(failure) })),
  };
}

/** The SDK throws on any event with a truthy `error`; no `[DONE]` follows. */
export function encodeChatFailureEvent(failure: Failure): Buffer {
  return Buffer.from(`data: ${JSON.stringify({ error: errorObject(failure) })}\n\n`);
}

interface ProviderError {
  message: string;
  type: string;
  code: string;
  param: string;
}

const NO_PROVIDER_ERROR: ProviderError = { message: '', type: '', code: '', param: '' };

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** `{error: {message, …}}`, `{error: "…"}`, `{message, …}`, `{detail: …}`, `[{error: …}]`: all in use. */
function readProviderError(body: unknown): ProviderError {
  const outer = (Array.isArray(body) ? body[0] : body) as Record<string, unknown> | null | undefined;
  if (typeof outer !== 'object' || outer === null) return NO_PROVIDER_ERROR;
  const { error, detail } = outer;
  if (typeof error === 'string') {
    return cutWords({ ...NO_PROVIDER_ERROR, message: text(outer.message) || error, code: text(outer.code) });
  }
  const inner = (typeof error === 'object' && error !== null ? error : outer) as Record<string, unknown>;
  return cutWords({
    message: text(inner.message) || textOfDetail(detail),
    type: text(inner.type),
    code: text(inner.code),
    param: text(inner.param),
  });
}

/** FastAPI servers send a list; one nested too deeply to serialise counts as no message. */
function textOfDetail(detail: unknown): string {
  if (typeof detail === 'string') return detail;
  try {
    return JSON.stringify(detail) ?? '';
  } catch {
    return '';
  }
}

const CONTEXT_LENGTH =
  /context[_ ](length|window|size)|maximum (context|prompt length)|too many (input )?tokens|prompt is too long|exceeds? the (model'?s )?(maximum|context)|input is too long/i;
const CONTENT_FILTER = /content[_ ]?(filter|policy)|responsible ?ai|moderation|flagged/i;

/** Classifies an error by its known messages and codes, otherwise by its status. */
function classify(status: number, error: ProviderError): FailureCode {
  const says = `${error.code} ${error.type}`;
  const known = status === 402 ? 'upstream_quota_exhausted' : knownByWords(status, error);
  if (known !== null) return known;
  if (status === 401) return 'upstream_credential_refused';
  if (status === 403)
    return CONTENT_FILTER.test(`${says} ${error.message}`) ? 'upstream_content_filter' : 'upstream_credential_refused';
  if (status === 404) return isAboutNamedThing(error) ? 'upstream_bad_request' : 'upstream_model_missing';
  if (status === 429 || /rate_?limit|throttl/i.test(says)) return 'upstream_rate_limited';
  if (status === 503 || status === 529 || /overloaded/i.test(`${says} ${error.message}`)) return 'upstream_overloaded';
  if (status === 408 || status === 409 || status >= 500 || status < 400) return 'upstream_server_error';
  if (CONTEXT_LENGTH.test(says) || CONTEXT_LENGTH.test(error.message)) return 'upstream_context_length';
  if (CONTENT_FILTER.test(says)) return 'upstream_content_filter';
  return 'upstream_bad_request';
}

/** Code for reasoning that was altered or belongs to another account. */
const THOUGHTS_REFUSED = 'invalid_encrypted_content';
const PARAMETER_CODES = /^unsupported_(parameter|value)$/;
/** Matches errors about the model, as opposed to errors about a parameter that the API does not have. */
const MODEL_REFUSES = /\b(this|the) (\S+ )?model\b/i;

/**
 * OpenAI: "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40", "Invalid
 * 'tools[0].function.name': string does not match pattern", "Invalid base64 image_url.", "Expected a base64-encoded
 * data URL"; Mistral: "Tool call id was call_1 but must be a-z, A-Z, 0-9".
 */
const UNFIT =
  /'(tools|functions|messages|input|tool_choice)[[.][^']*\b(name|id|call_id|tool_call_id)': string (too long|does not match)|'(user|safety_identifier)': string too long|tool call id was .* but must be|invalid base64|expected a base64-encoded/i;

function cureOf(code: FailureCode, error: ProviderError): Pick<Failure, 'cure'> {
  if (code !== 'upstream_bad_request') return {};
  if (error.code === THOUGHTS_REFUSED) return { cure: 'forget-thoughts' };
  if (UNFIT.test(error.message)) return { cure: 'fit' };
  return PARAMETER_CODES.test(error.code) && MODEL_REFUSES.test(error.message) ? { cure: 'adapt' } : {};
}

function describe(status: number, error: ProviderError, body: Buffer): string {
  const said = error.message !== '' ? error.message : body.toString('utf8', 0, 300).trim();
  return said === '' ? `The provider responded with status ${status} and no message.` : said;
}

export function readChatFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure {
  const parsed = parseJson(body);
  const error = readProviderError(parsed);
  const code = classify(head.status, error);
  const retryAfterMs = readWait(head, parsed, error, code, nowMs);
  return createFailure(code, tellClient(code, describe(head.status, error, body)), {
    upstreamStatus: head.status,
    ...(error.code === '' ? {} : { upstreamCode: error.code }),
    ...(error.param === '' ? {} : { param: error.param }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(code === 'upstream_rate_limited' ? limitedBy(parsed, error.message) : {}),
    ...cureOf(code, error),
  });
}

/** An error that came as an event of a stream that had begun with status 200. OpenRouter puts a status in `code`. */
export function readChatEventFailure(error: unknown): Failure {
  const providerError = readProviderError({ error });
  const status = Number(providerError.code);
  const known = status >= 400 && status < 600 ? null : knownByWords(200, providerError);
  const code = known ?? classify(status >= 400 && status < 600 ? status : 500, providerError);
  const said =
    providerError.message === '' ? 'The provider reported an error inside the stream.' : providerError.message;
  const retryAfterMs = isCuredByWaiting(code) ? readWaitInBody({ error }, providerError.message, Date.now()) : null;
  return createFailure(code, tellClient(code, said), {
    ...(providerError.code === '' ? {} : { upstreamCode: providerError.code }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(code === 'upstream_rate_limited' ? limitedBy({ error }, providerError.message) : {}),
  });
}

/** `retry-after`, or else the wait in the body, or else the reset of the limit that was hit. */
function readWait(
  head: UpstreamAnswerHead,
  body: unknown,
  error: ProviderError,
  code: FailureCode,
  nowMs: number,
): number | null {
  const asked = readRetryAfter(head.headers, nowMs);
  if (asked !== null || !isCuredByWaiting(code)) return asked;
  const said = readWaitInBody(body, error.message, nowMs);
  return said !== null || code !== 'upstream_rate_limited' ? said : readReset(head, error, nowMs);
}

function readReset(head: UpstreamAnswerHead, error: ProviderError, nowMs: number): number | null {
  const limits = readChatRateLimits(head, nowMs);
  const resets = [
    limits.remainingRequests === 0 || error.type === 'requests' ? limits.resetRequestsMs : undefined,
    limits.remainingTokens === 0 || error.type === 'tokens' ? limits.resetTokensMs : undefined,
  ].filter((reset) => reset !== undefined);
  return resets.length === 0 ? readResetHeader(head.headers, nowMs) : Math.max(...resets);
}

const LIMIT_HEADERS = [
  ['limitRequests', 'x-ratelimit-limit-requests'],
  ['remainingRequests', 'x-ratelimit-remaining-requests'],
  ['limitTokens', 'x-ratelimit-limit-tokens'],
  ['remainingTokens', 'x-ratelimit-remaining-tokens'],
  // Cerebras and SambaNova (2026) name the period.
  ['limitRequests', 'x-ratelimit-limit-requests-minute'],
  ['remainingRequests', 'x-ratelimit-remaining-requests-minute'],
  ['limitTokens', 'x-ratelimit-limit-tokens-minute'],
  ['remainingTokens', 'x-ratelimit-remaining-tokens-minute'],
  ['limitRequestsDay', 'x-ratelimit-limit-requests-day'],
  ['remainingRequestsDay', 'x-ratelimit-remaining-requests-day'],
  ['limitTokensDay', 'x-ratelimit-limit-tokens-day'],
  ['remainingTokensDay', 'x-ratelimit-remaining-tokens-day'],
] as const;

const RESET_HEADERS = [
  ['resetRequestsMs', 'x-ratelimit-reset-requests'],
  ['resetTokensMs', 'x-ratelimit-reset-tokens'],
] as const;

export function readChatRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint {
  const hint: RateLimitHint = {};
  for (const [member, name] of LIMIT_HEADERS) {
    const value = Number(headerText(head.headers, name) ?? Number.NaN);
    if (Number.isFinite(value)) hint[member] = value;
  }
  for (const [member, name] of RESET_HEADERS) {
    const durationMs = parseReset(headerText(head.headers, name), nowMs);
    if (durationMs !== null) hint[member] = durationMs;
  }
  return hint;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
