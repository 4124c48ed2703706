// Maps errors of a provider’s connection and bytes to failures of the table. Error codes: undici 8
// (`UND_ERR_*`) and Node’s system errors.
import type { Provider } from '#src/config/catalogue.ts';
import { createFailure, type Failure, type FailureDetails } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { ContentUnreadable } from '#src/http/content-decoding.ts';
import { MAX_SSE_EVENT_BYTES } from '#src/protocols/wire/sse-splitter.ts';
import type { Expiry } from './attempt-clock.ts';

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** @param hasStatus the answer had begun. @param isStreaming its events were being relayed. */
export function describeNetworkError(error: Error, hasStatus: boolean, isStreaming: boolean): Failure {
  if (error instanceof ContentUnreadable)
    return failure('upstream_malformed', `The provider’s response cannot be read: ${error.message}.`);
  const code = networkCode(error);
  if (isStreaming)
    return failure(
      'upstream_stream_cut',
      `The connection to the provider was lost before the stream was finished (${code}).`,
    );
  if (hasStatus)
    return failure('upstream_reset', `The connection to the provider was lost during its response (${code}).`);
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return failure('upstream_connect_timeout', 'The connection to the provider timed out.');
  }
  if (UNREACHABLE.has(code) || /^(CERT_|ERR_TLS|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    return failure('upstream_unreachable', `The provider cannot be reached (${code}).`);
  }
  return failure('upstream_reset', `The connection to the provider was lost before its response (${code}).`);
}

const WHAT_EXPIRED: Partial<Record<FailureCode, string>> = {
  upstream_first_byte_timeout: 'The provider sent no first byte',
  upstream_first_token_timeout: 'The provider sent no content',
  upstream_idle_timeout: 'The provider sent nothing more of its response',
  upstream_total_timeout: 'The provider did not finish its response',
  deadline_passed: 'The request did not finish',
};

export function describeExpiry({ code, afterMs }: Expiry): Failure {
  const seconds = Math.round(afterMs / 100) / 10;
  const limit = code === 'deadline_passed' ? `before its deadline, ${seconds} s after the call` : `within ${seconds} s`;
  return failure(code, `${WHAT_EXPIRED[code]} ${limit}.`);
}

function failure(code: FailureCode, message: string): Failure {
  return createFailure(code, message);
}

function networkCode(error: Error): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  if (typeof code === 'string') return code;
  return typeof cause?.code === 'string' ? cause.code : error.name;
}

export const NOT_UTF8: Failure = createFailure(
  'upstream_malformed',
  'The provider sent bytes that are not UTF-8; the response may be incomplete.',
);

export const EVENT_TOO_LARGE: Failure = createFailure(
  'upstream_answer_too_large',
  `The provider sent an event that is larger than ${MAX_SSE_EVENT_BYTES} bytes, or has too many lines.`,
);

export function tooLarge(maxBytes: number): Failure {
  return createFailure('upstream_answer_too_large', `The provider's response is larger than ${maxBytes} bytes.`);
}

export function notAStream(status: number): Failure {
  return createFailure('upstream_malformed', 'The provider did not respond to a streaming request with a stream.', {
    upstreamStatus: status,
  });
}

/** Masks what the body's own mask cannot detect: a secret written with escapes, or one in a network error. */
export function maskFailure(failure: Failure, { name, secrets }: Provider): Failure {
  const { message, upstreamCode, param, details } = failure;
  const mask = secrets.ofFailures.text;
  return {
    ...failure,
    message: mask(message),
    ...(upstreamCode === undefined ? {} : { upstreamCode: mask(upstreamCode) }),
    ...(param === undefined ? {} : { param: mask(param) }),
    ...(details === undefined ? {} : { details: maskDetails(details, mask) }),
    provider: name,
  };
}

function maskDetails(details: FailureDetails, mask: (text: string) => string): FailureDetails {
  return JSON.parse(JSON.stringify(details), (_key, value) => (typeof value === 'string' ? mask(value) : value));
}
