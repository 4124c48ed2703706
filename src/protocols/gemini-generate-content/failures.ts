// Failures in Google's shape, ours to the client: `{error: {code, message, status, details}}`. Source of the statuses and
// of the details: docs/reference/gemini-generate-content.md section 6.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { type FailureCode, type FailureKind, ruleOf } from '#src/contracts/failure-table.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { ArrayFraming } from '#src/protocols/gemini-generate-content/stream/chunk.ts';
import type { EncodedAnswer, UpstreamAnswerHead } from '#src/protocols/protocol.ts';
import { readResetHeader, readRetryAfter, readWaitInBody } from '#src/protocols/providers/waits.ts';
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
import { asNumber, asObject, asObjects, asText } from './wire-values.ts';

const GOOGLE_STATUS: Record<FailureKind, string> = {
  invalid_request: 'INVALID_ARGUMENT',
  authentication: 'UNAUTHENTICATED',
  // Google's status for billing problems; RESOURCE_EXHAUSTED would make clients retry.
  payment: 'FAILED_PRECONDITION',
  permission: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  conflict: 'ABORTED',
  too_large: 'INVALID_ARGUMENT',
  rate_limit: 'RESOURCE_EXHAUSTED',
  timeout: 'DEADLINE_EXCEEDED',
  overloaded: 'UNAVAILABLE',
  upstream: 'INTERNAL',
  internal: 'INTERNAL',
};

const TYPE = 'type.googleapis.com/google.rpc.';
const MS_PER_SECOND = 1_000;

/** Statuses of a provider's refusal that mean the same to the client. */
const PASSED_ON_STATUSES = new Set([400, 413, 415, 422]);

function statusOf(failure: Failure): number {
  const isPassedOn = failure.code === 'upstream_bad_request' && PASSED_ON_STATUSES.has(failure.upstreamStatus ?? 0);
  return isPassedOn ? failure.upstreamStatus! : ruleOf(failure.code).status;
}

function errorBody(failure: Failure, requestId: string): string {
  const { kind } = ruleOf(failure.code);
  return JSON.stringify({
    error: {
      code: statusOf(failure),
      message: failure.message,
      status: failure.code === 'request_cancelled' ? 'CANCELLED' : GOOGLE_STATUS[kind],
      details: statusDetails(failure, requestId),
    },
  });
}

function statusDetails(
  { code, message, param, retryAfterMs, details: provided }: Failure,
  requestId: string,
): JsonObject[] {
  const details: JsonObject[] = [
    { '@type': `${TYPE}ErrorInfo`, reason: code.toUpperCase(), domain: 'sluice', metadata: { requestId } },
  ];
  if (param !== undefined) {
    details.push({ '@type': `${TYPE}BadRequest`, fieldViolations: [{ field: param, description: message }] });
  }
  if (retryAfterMs !== undefined) {
    details.push({ '@type': `${TYPE}RetryInfo`, retryDelay: durationText(retryAfterMs) });
  }
  return Array.isArray(provided) ? [...details, ...provided] : details;
}

/** proto3 JSON of a Duration: seconds with up to nine decimals and an `s`. */
function durationText(ms: number): string {
  return `${Math.ceil(ms) / MS_PER_SECOND}s`;
}

export function encodeGeminiFailure(failure: Failure, requestId: string): EncodedAnswer {
  return {
    status: statusOf(failure),
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(errorBody(failure, requestId)),
  };
}

/** The SDK throws an ApiError on an event whose `error.code` is a number from 400 to 599 (npm @google/genai 3.1.0). */
export function encodeGeminiFailureEvent(failure: Failure, requestId: string): Buffer {
  return Buffer.from(`data: ${errorBody(failure, requestId)}\n\n`);
}

/** The last element of a started array, or the only element of a new one. */
export function encodeGeminiFailureElement(failure: Failure, requestId: string, isFirst = false): Buffer {
  const framing = new ArrayFraming({ hasBegun: !isFirst });
  return Buffer.from(framing.write(errorBody(failure, requestId)) + framing.end());
}

// Failures in Google's shape, the provider's to ours. Sources: docs/reference/gemini-generate-content.md section 6.

interface ProviderError {
  message: string;
  status: string;
  details: JsonObject[];
}

/** `{error: {…}}`, or the same in an array (streams without `alt=sse`), or the error object itself. */
function readProviderError(value: unknown): ProviderError {
  const outer = asObject(Array.isArray(value) ? value[0] : value);
  const error = asObject(outer?.error) ?? outer;
  const words = { message: asText(error?.message) ?? asText(outer?.error) ?? '', status: asText(error?.status) ?? '' };
  return { ...cutWords(words), details: asObjects(error?.details) };
}

function detailOf({ details }: ProviderError, type: string): JsonObject | null {
  return details.find((detail) => asText(detail['@type'])?.endsWith(type)) ?? null;
}

const BAD_KEY =
  /^(API_KEY_|ACCESS_TOKEN_|CREDENTIALS_|ACCOUNT_STATE_INVALID|CONSUMER_|SERVICE_DISABLED|BILLING_DISABLED)/;
/** 400 FAILED_PRECONDITION that is about the broker's account. */
const ACCOUNT_WORDS = /location is not supported|enable billing|billing (account|is )/i;
/** 403 about a file or cache that the client named. */
const RESOURCE_WORDS = /permission to access the (file|cached|tuned)/i;
const CONTEXT_LENGTH =
  /token count .{0,60}exceeds|exceeds the (maximum|max) (number of )?(input )?tokens|input is too long|context (length|window)/i;
const CONTENT_FILTER = /responsible ai|violat\w{1,8} .{0,60}polic|blocked by .{0,30}safety|usage guidelines/i;
const PER_DAY = /PerDay/i;
const SPENT_WORDS = /credits? (are|is) depleted|spend(ing)? (cap|limit)/i;

/** Classifies an error: by its details, then its status, then its message. */
function classify(httpStatus: number, error: ProviderError): FailureCode {
  const { message } = error;
  if (BAD_KEY.test(asText(detailOf(error, 'ErrorInfo')?.reason) ?? '')) return 'upstream_credential_refused';
  const known = knownByWords(httpStatus, { code: '', type: error.status, message });
  if (known !== null) return known;
  switch (httpStatus) {
    case 401:
      return 'upstream_credential_refused';
    case 402:
      return 'upstream_quota_exhausted';
    case 403:
      return RESOURCE_WORDS.test(message) ? 'upstream_bad_request' : 'upstream_credential_refused';
    case 404:
      return isAboutNamedThing({ code: '', message }) ? 'upstream_bad_request' : 'upstream_model_missing';
    case 429:
      return isSpent(error) ? 'upstream_quota_exhausted' : 'upstream_rate_limited';
    case 503:
    case 529:
      return 'upstream_overloaded';
    case 408:
    case 409:
    case 499:
      return 'upstream_server_error';
  }
  if (httpStatus >= 500 || httpStatus < 400) {
    return /overloaded/i.test(message) ? 'upstream_overloaded' : 'upstream_server_error';
  }
  return classifyBadRequest(error);
}

function classifyBadRequest({ message, status }: ProviderError): FailureCode {
  if (CONTEXT_LENGTH.test(message)) return 'upstream_context_length';
  if (CONTENT_FILTER.test(message)) return 'upstream_content_filter';
  const isAboutAccount = status === 'FAILED_PRECONDITION' && ACCOUNT_WORDS.test(message);
  return isAboutAccount ? 'upstream_credential_refused' : 'upstream_bad_request';
}

function violationsOf(error: ProviderError): JsonObject[] {
  return asObjects(detailOf(error, 'QuotaFailure')?.violations);
}

/** A quota for which a short wait does not help: daily, spending, or zero (a model that the account may not use). */
function isSpent(error: ProviderError): boolean {
  const violations = violationsOf(error);
  return (
    violations.some((violation) => PER_DAY.test(asText(violation.quotaId) ?? '') || violation.quotaValue === '0') ||
    SPENT_WORDS.test(error.message)
  );
}

/** Daily quotas reset at midnight Pacific time, despite their short `retryDelay`; for other quotas `retryDelay` is used. */
function readWaitMs(body: unknown, error: ProviderError, code: FailureCode, nowMs: number): number | null {
  const isDaily = violationsOf(error).some((violation) => PER_DAY.test(asText(violation.quotaId) ?? ''));
  if (code === 'upstream_quota_exhausted') return isDaily ? msUntilPacificMidnight(nowMs) : null;
  return isCuredByWaiting(code) ? readWaitInBody(body, error.message, nowMs) : null;
}

/** A signature of another model or project, or a missing one that this model requires. */
const THOUGHTS_REFUSED = /thought[_ ]?signature/i;
const MODEL_REFUSES =
  /(not supported|not enabled|unsupported) (for|by|on|with|in) (this model|models?\/)|this model (does not|doesn't|only) support|model does not support|thinking.{0,40}(is )?not supported/i;

/** "Invalid function name. Must start with a letter or an underscore. Must be alphameric …". */
const UNFIT = /invalid function name|function[ _]name.{0,40}must (start|be)/i;

function cureOf(code: FailureCode, { message }: ProviderError): Pick<Failure, 'cure'> {
  if (code !== 'upstream_bad_request') return {};
  if (THOUGHTS_REFUSED.test(message)) return { cure: 'forget-thoughts' };
  if (UNFIT.test(message)) return { cure: 'fit' };
  return MODEL_REFUSES.test(message) ? { cure: 'adapt' } : {};
}

export function readGeminiFailure(head: UpstreamAnswerHead, body: Buffer, nowMs: number): Failure {
  const parsed = parseJson(body.toString());
  const error = readProviderError(parsed);
  const code = classify(head.status, error);
  const retryAfterMs = readWaitMs(parsed, error, code, nowMs) ?? readWaitInHeaders(head, code, nowMs);
  const said = error.message || body.toString('utf8', 0, MAX_SHOWN_BYTES).trim();
  return createFailure(
    code,
    tellClient(code, said || `The provider responded with status ${head.status} and no message.`),
    {
      upstreamStatus: head.status,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
      ...detailsOf(parsed, error, code),
      ...cureOf(code, error),
    },
  );
}

/** How much of a body that is not JSON is shown. */
const MAX_SHOWN_BYTES = 300;

function readWaitInHeaders({ headers }: UpstreamAnswerHead, code: FailureCode, nowMs: number): number | null {
  const asked = readRetryAfter(headers, nowMs);
  return asked !== null || code !== 'upstream_rate_limited' ? asked : readResetHeader(headers, nowMs);
}

function detailsOf(body: unknown, error: ProviderError, code: FailureCode): Partial<Failure> {
  return {
    ...(error.status === '' ? {} : { upstreamCode: error.status }),
    ...(code === 'upstream_rate_limited' ? limitedBy(body, error.message) : {}),
    ...tellDetails(code, error.details),
  };
}

/** An error that came inside a stream, or with status 200: its `code` is the HTTP status it would have had. */
export function readGeminiEventFailure(value: JsonObject): Failure {
  const error = readProviderError(value);
  const status = asNumber(value.code) ?? 500;
  const code = classify(status >= 400 && status < 600 ? status : 500, error);
  const said = error.message || 'The provider reported an error inside the stream.';
  const retryAfterMs = readWaitMs(value, error, code, Date.now());
  return createFailure(code, tellClient(code, said), {
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...detailsOf(value, error, code),
  });
}

// When Google's daily quotas reset (ai.google.dev docs, "Rate limits": midnight Pacific time).

const PACIFIC = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  hourCycle: 'h23',
});

const SECONDS_PER_DAY = 86_400;

/** Milliseconds from `nowMs`. On the two days when clocks change it is an hour off, as any quota table would be. */
function msUntilPacificMidnight(nowMs: number): number {
  const parts = Object.fromEntries(PACIFIC.formatToParts(nowMs).map(({ type, value }) => [type, Number(value)]));
  const passedSeconds = parts.hour! * 3_600 + parts.minute! * 60 + parts.second!;
  return (SECONDS_PER_DAY - passedSeconds) * 1_000;
}
