// Failures in Anthropic's shape, ours to the client: `{type: "error", error: {type, message}, request_id}`. Source:
// docs/reference/anthropic-messages.md section 5.

import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { type FailureCode, type FailureKind, ruleOf } from '#src/contracts/failure-table.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import type { EncodedAnswer, RateLimitHint, UpstreamAnswerHead } from '#src/protocols/protocol.ts';
import { headerText, readResetHeader, readRetryAfter, readWaitInBody } from '#src/protocols/providers/waits.ts';
import {
  cutWords,
  isAboutNamedThing,
  isCuredByWaiting,
  knownByWords,
  limitedBy,
  tellClient,
  tellDetails,
} from '#src/protocols/providers/words.ts';
import { parseJson } from '../wire/exact-json.ts';
import { asObject, asText } from './loose-json.ts';

const ERROR_TYPE: Record<FailureKind, string> = {
  invalid_request: 'invalid_request_error',
  authentication: 'authentication_error',
  payment: 'billing_error',
  permission: 'permission_error',
  not_found: 'not_found_error',
  conflict: 'conflict_error',
  too_large: 'request_too_large',
  rate_limit: 'rate_limit_error',
  timeout: 'timeout_error',
  // With status 503, as from Anthropic's edge; 529 would mean that Anthropic itself is overloaded.
  overloaded: 'overloaded_error',
  upstream: 'api_error',
  internal: 'api_error',
};

/** Statuses of a provider's refusal, besides 400, that have an error type of their own. */
const PASSED_ON: Readonly<Record<number, string>> = { 404: ERROR_TYPE.not_found, 413: ERROR_TYPE.too_large };

function passedOnStatus({ code, upstreamStatus = 0 }: Failure): number | null {
  return code === 'upstream_bad_request' && upstreamStatus in PASSED_ON ? upstreamStatus : null;
}

/** SDKs decide by `details.error_code` whether to send a conversation again, or without a thread. */
function errorBody(failure: Failure, requestId: string): string {
  const { message, details } = failure;
  const type = PASSED_ON[passedOnStatus(failure) ?? 0] ?? ERROR_TYPE[ruleOf(failure.code).kind];
  const shown = details === undefined || Array.isArray(details) ? {} : { details };
  return JSON.stringify({ type: 'error', error: { type, message, ...shown }, request_id: requestId });
}

export function encodeMessagesFailure(failure: Failure, requestId: string): EncodedAnswer {
  return {
    status: passedOnStatus(failure) ?? ruleOf(failure.code).status,
    // Where Anthropic's SDKs look for the id that their errors show.
    headers: { 'content-type': 'application/json; charset=utf-8', 'request-id': requestId },
    body: Buffer.from(errorBody(failure, requestId)),
  };
}

/** The SDK throws on an event of this name; no `message_stop` follows. */
export function encodeMessagesFailureEvent(failure: Failure, requestId: string): Buffer {
  return Buffer.from(`event: error\ndata: ${errorBody(failure, requestId)}\n\n`);
}

// What an Anthropic error means, as a failure of the table. Source: docs/reference/anthropic-messages.md section 5.

interface ProviderError {
  type: string;
  message: string;
  /** `details.error_code`: tells spending limits from rates. */
  code: string;
}

/** `{type: "error", error: {…}}`; providers that copy the protocol leave out the envelope, or send a text. */
function readProviderError(body: unknown): ProviderError {
  const outer = asObject(body) ?? {};
  const inner = asObject(outer.error) ?? outer;
  const details = detailsOf(body) ?? {};
  return cutWords({
    type: asText(inner.type),
    message: asText(inner.message) || asText(outer.error),
    code: asText(details.error_code) || asText(inner.code),
  });
}

function detailsOf(body: unknown): JsonObject | null {
  const outer = asObject(body);
  return asObject((asObject(outer?.error) ?? outer)?.details);
}

const SPEND_CODES = /spend_limit_reached$|^insufficient_quota$/;
const CONTEXT_LENGTH =
  /prompt is too long|exceeds? (the )?(context|maximum context)|context[_ ](length|window)|too many (input )?tokens/i;
const CONTENT_FILTER = /content[_ ]?filter|blocked by .{0,80}(policy|filter)/i;

/** Thoughts of another model, changed thoughts, or missing ones: all are fixed by sending no thoughts. */
const THOUGHTS_REFUSED =
  /invalid `?signature`? in `?(redacted_)?thinking`?|expected `thinking` or `redacted_thinking`|thinking`? blocks? .{0,80}(cannot|must not) be modified/i;
/** Matches refusals of members and values that other models accept. */
const MODEL_REFUSES =
  /(not supported|deprecated) (for|by|on|with) this model|this model does not support|does not support assistant message prefill/i;

/**
 * "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", "… should have at most 128 characters";
 * "messages.0.content.0.image.source.base64: invalid base64 data".
 */
const UNFIT =
  /^(tools|messages|tool_choice|metadata)\.\S*\b(name|id|tool_use_id|user_id): string should (match pattern|have at most)|invalid base64/i;

/** Statuses of error types: an error inside a stream has only the type. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** By code, then type, then status and message: edges send neither code nor type, and proxies change the status. */
function classify(status: number, { type, code, message }: ProviderError): FailureCode {
  const isNamed = isAboutNamedThing({ code, message: status === 404 ? message : '' });
  if (isNamed && status >= 400 && status < 500) return 'upstream_bad_request';
  if (SPEND_CODES.test(code) || type === 'billing_error' || status === 402) return 'upstream_quota_exhausted';
  const known = knownByWords(status, { code, type, message });
  if (known !== null) return known;
  if (type === 'overloaded_error' || status === 529 || status === 503) return 'upstream_overloaded';
  if (status === 401 || type === 'authentication_error') return 'upstream_credential_refused';
  if (status === 403) return CONTENT_FILTER.test(message) ? 'upstream_content_filter' : 'upstream_credential_refused';
  if (status === 404) return 'upstream_model_missing';
  if (status === 429 || type === 'rate_limit_error') return 'upstream_rate_limited';
  // Seen as status 500 with type `api_error`.
  if (status >= 500 && /\boverloaded\b/i.test(message)) return 'upstream_overloaded';
  if (status === 408 || status === 409 || status >= 500 || status < 400) return 'upstream_server_error';
  if (CONTEXT_LENGTH.test(message)) return 'upstream_context_length';
  return CONTENT_FILTER.test(message) ? 'upstream_content_filter' : 'upstream_bad_request';
}

/** How much of a body that is not JSON is shown. */
const MAX_SHOWN_BYTES = 300;

export function readMessagesFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure {
  const parsed = parseJson(body.toString());
  const error = readProviderError(parsed);
  const code = classify(head.status, error);
  const said = error.message || body.toString('utf8', 0, MAX_SHOWN_BYTES).trim();
  const shown = said === '' ? `The provider responded with status ${head.status} and no message.` : said;
  const retryAfterMs = readWait(head, parsed, error, code, nowMs);
  return createFailure(code, tellClient(code, shown), {
    upstreamStatus: head.status,
    ...(error.code === '' ? {} : { upstreamCode: error.code }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(code === 'upstream_rate_limited' ? limitedBy(parsed, error.message) : {}),
    ...cureOf(code, error),
    ...tellDetails(code, detailsOf(parsed)),
  });
}

function cureOf(code: FailureCode, { message }: ProviderError): Pick<Failure, 'cure'> {
  if (code !== 'upstream_bad_request') return {};
  if (THOUGHTS_REFUSED.test(message)) return { cure: 'forget-thoughts' };
  if (UNFIT.test(message)) return { cure: 'fit' };
  return MODEL_REFUSES.test(message) ? { cure: 'adapt' } : {};
}

/** `retry-after`, or else the wait in the body, or else the reset of a rate limit that was used up. */
function readWait(
  head: UpstreamAnswerHead,
  body: unknown,
  { message }: ProviderError,
  code: FailureCode,
  nowMs: number,
): number | null {
  const asked = readRetryAfter(head.headers, nowMs);
  if (asked !== null || !isCuredByWaiting(code)) return asked;
  const said = readWaitInBody(body, message, nowMs);
  if (said !== null || code !== 'upstream_rate_limited') return said;
  const limits = readMessagesRateLimits(head, nowMs);
  const resets = [
    limits.remainingRequests === 0 ? limits.resetRequestsMs : undefined,
    limits.remainingTokens === 0 ? limits.resetTokensMs : undefined,
    limits.remainingInputTokens === 0 ? limits.resetInputTokensMs : undefined,
    limits.remainingOutputTokens === 0 ? limits.resetOutputTokensMs : undefined,
  ].filter((reset) => reset !== undefined);
  return resets.length === 0 ? readResetHeader(head.headers, nowMs) : Math.max(...resets);
}

/** An `error` event, or an error with status 200. */
export function readMessagesEventFailure(event: unknown): Failure {
  const error = readProviderError(event);
  const status = STATUS_OF_TYPE[error.type];
  const code = (status === undefined ? knownByWords(200, error) : null) ?? classify(status ?? 500, error);
  const said = error.message || 'The provider reported an error inside the stream.';
  const retryAfterMs = isCuredByWaiting(code) ? readWaitInBody(event, error.message, Date.now()) : null;
  return createFailure(code, tellClient(code, said), {
    ...(error.code === '' ? {} : { upstreamCode: error.code }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(code === 'upstream_rate_limited' ? limitedBy(event, error.message) : {}),
    ...tellDetails(code, detailsOf(event)),
  });
}

// Rate-limit headers of an Anthropic answer (docs/reference/anthropic-messages.md section 5).

const PREFIX = 'anthropic-ratelimit-';

interface Limit {
  limit?: number;
  remaining?: number;
  /** From now. */
  resetMs?: number;
}

function readLimit({ headers }: UpstreamAnswerHead, name: string, nowMs: number): Limit {
  const text = (member: string) => headerText(headers, `${PREFIX}${name}-${member}`);
  const limit = Number(text('limit') ?? Number.NaN);
  const remaining = Number(text('remaining') ?? Number.NaN);
  // A time of day (RFC 3339), unlike OpenAI's durations.
  const resetAtMs = Date.parse(text('reset') ?? '');
  return {
    ...(Number.isFinite(limit) ? { limit } : {}),
    ...(Number.isFinite(remaining) ? { remaining } : {}),
    ...(Number.isNaN(resetAtMs) ? {} : { resetMs: Math.max(0, resetAtMs - nowMs) }),
  };
}

const KINDS = [
  ['requests', 'Requests'],
  // The tighter of the two below.
  ['tokens', 'Tokens'],
  ['input-tokens', 'InputTokens'],
  ['output-tokens', 'OutputTokens'],
] as const;

export function readMessagesRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint {
  const hint: RateLimitHint = {};
  for (const [name, kind] of KINDS) {
    const { limit, remaining, resetMs } = readLimit(head, name, nowMs);
    if (limit !== undefined) hint[`limit${kind}`] = limit;
    if (remaining !== undefined) hint[`remaining${kind}`] = remaining;
    if (resetMs !== undefined) hint[`reset${kind}Ms`] = resetMs;
  }
  return hint;
}
