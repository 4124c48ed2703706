// Failures in Anthropic's shape, ours to the client: `{type: "error", error: {type, message}, request_id}`. Source:
// docs/reference/anthropic-messages.md section 5.
import type { Failure } from '../../contracts/failure.ts';
import { type FailureKind, ruleOf } from '../../contracts/failure-table.ts';
import type { EncodedAnswer } from '../protocol.ts';

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
  // With status 503, as Anthropic's edge has it; 529 would say that Anthropic itself is overloaded.
  overloaded: 'overloaded_error',
  upstream: 'api_error',
  internal: 'api_error',
};

/** The one status of a provider's refusal, beside 400, that has a type of its own. */
const TOO_LARGE = 413;

function isTooLarge({ code, upstreamStatus }: Failure): boolean {
  return code === 'upstream_bad_request' && upstreamStatus === TOO_LARGE;
}

function errorBody(failure: Failure, requestId: string): string {
  const type = isTooLarge(failure) ? ERROR_TYPE.too_large : ERROR_TYPE[ruleOf(failure.code).kind];
  return JSON.stringify({ type: 'error', error: { type, message: failure.message }, request_id: requestId });
}

export function encodeMessagesFailure(failure: Failure, requestId: string): EncodedAnswer {
  return {
    status: isTooLarge(failure) ? TOO_LARGE : ruleOf(failure.code).status,
    // Where Anthropic's SDKs look for the id that their errors show.
    headers: { 'content-type': 'application/json; charset=utf-8', 'request-id': requestId },
    body: Buffer.from(errorBody(failure, requestId)),
  };
}

/** The SDK throws on an event of this name; no `message_stop` follows. */
export function encodeMessagesFailureEvent(failure: Failure, requestId: string): Buffer {
  return Buffer.from(`event: error\ndata: ${errorBody(failure, requestId)}\n\n`);
}
