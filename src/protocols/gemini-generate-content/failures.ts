// Failures in Google's shape, ours to the client: `{error: {code, message, status, details}}`. Source of the statuses and
// of the details: docs/reference/gemini-generate-content.md section 6.
import type { Failure } from '../../contracts/failure.ts';
import { type FailureKind, ruleOf } from '../../contracts/failure-table.ts';
import type { JsonObject } from '../codec.ts';
import type { EncodedAnswer } from '../protocol.ts';
import { ArrayFraming } from './framing.ts';

const GOOGLE_STATUS: Record<FailureKind, string> = {
  invalid_request: 'INVALID_ARGUMENT',
  authentication: 'UNAUTHENTICATED',
  // Google's word for billing; RESOURCE_EXHAUSTED would make clients try again.
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
      details: detailsOf(failure, requestId),
    },
  });
}

function detailsOf({ code, message, param, retryAfterMs }: Failure, requestId: string): JsonObject[] {
  const details: JsonObject[] = [
    { '@type': `${TYPE}ErrorInfo`, reason: code.toUpperCase(), domain: 'sluice', metadata: { requestId } },
  ];
  if (param !== undefined) {
    details.push({ '@type': `${TYPE}BadRequest`, fieldViolations: [{ field: param, description: message }] });
  }
  if (retryAfterMs !== undefined) {
    details.push({ '@type': `${TYPE}RetryInfo`, retryDelay: durationText(retryAfterMs) });
  }
  return details;
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

/** The last element of an array that has begun, or the only one of an array that has not. */
export function encodeGeminiFailureElement(failure: Failure, requestId: string, isFirst = false): Buffer {
  const framing = new ArrayFraming({ hasBegun: !isFirst });
  return Buffer.from(framing.write(errorBody(failure, requestId)) + framing.end());
}
