// The one table of expected bad outcomes: what each means to the client, to the retry logic, to the circuit and to the
// books. Nothing else in the broker decides by HTTP status. A test checks that this table and docs/failures.md agree.

/** Broad kinds that every client protocol has an error type for; the protocols' encoders map them. */
export type FailureKind =
  | 'invalid_request'
  | 'authentication'
  | 'payment'
  | 'permission'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'rate_limit'
  | 'timeout'
  | 'overloaded'
  | 'upstream'
  | 'internal';

/**
 * How a failure is handled.
 * - `retry`: the same deployment may be called again after a wait. `true`: before the next step; `alone`: only if there is no
 *   other step, so that after a provider's timeout a request does not wait for it again while another could answer.
 * - `fallback`: the next step of the plan may be called.
 * - `cooldown`: effect on the deployment's circuit. `count` adds to its failures, `open` opens it at once, `none` means that the
 *   failure says nothing about the deployment's health.
 * - `rank`: how much it tells the client. If every step failed, the highest rank is reported (the later one on a tie).
 * - `isUnseen`: it is not known how far the provider came. The prompt may be billed, so its cost is estimated.
 * - `shouldRetry`: value of `x-should-retry` for the client's SDK; absent leaves it to the status.
 */
export interface FailureRule {
  status: number;
  kind: FailureKind;
  /** The `code` of OpenAI-shaped errors on the wire, if it differs from the failure's own code. */
  wireCode?: string | null;
  retry: boolean | 'alone';
  fallback: boolean;
  cooldown: 'none' | 'count' | 'open';
  rank: number;
  isUnseen?: true;
  shouldRetry?: boolean;
}

const client = (
  status: number,
  kind: FailureKind,
  wireCode?: string | null,
  more: Partial<FailureRule> = {},
): FailureRule => ({
  status,
  kind,
  ...(wireCode === undefined ? {} : { wireCode }),
  retry: false,
  fallback: false,
  cooldown: 'none',
  rank: 100,
  ...more,
});

/** A provider's answer tells more than the reason why another was not called. */
const NOT_ASKED = 20;

export const FAILURES = {
  // Faults of the request, found before anything is queued.
  request_malformed: client(400, 'invalid_request', null),
  request_invalid: client(400, 'invalid_request', 'invalid_value'),
  parameter_missing: client(400, 'invalid_request', 'missing_required_parameter'),
  parameter_unsupported: client(400, 'invalid_request', 'unsupported_parameter'),
  key_invalid: client(401, 'authentication', 'invalid_api_key'),
  budget_exhausted: client(402, 'payment', 'insufficient_quota', { shouldRetry: false }),
  key_forbidden: client(403, 'permission', 'model_not_allowed'),
  model_not_found: client(404, 'not_found'),
  route_not_found: client(404, 'not_found'),
  request_not_found: client(404, 'not_found'),
  response_not_found: client(404, 'not_found', null),
  conversation_not_found: client(404, 'not_found', null),
  previous_response_not_found: client(400, 'invalid_request'),
  // OpenAI's status and code (observed 2026-03); its own SDKs retry a 400 only if `x-should-retry` says so.
  conversation_locked: client(400, 'invalid_request', undefined, { shouldRetry: true }),
  method_not_allowed: client(405, 'invalid_request'),
  batch_ended: client(409, 'conflict', null, { shouldRetry: false }),
  request_too_large: client(413, 'too_large', 'request_too_large'),
  headers_too_large: client(431, 'too_large'),
  body_too_slow: client(408, 'timeout', 'request_timeout'),
  files_quota_exceeded: client(400, 'invalid_request', undefined, { shouldRetry: false }),
  websocket_connection_limit_reached: client(400, 'invalid_request'),
  upgrade_unsupported: client(426, 'invalid_request', undefined, { shouldRetry: false }),
  content_type_unsupported: client(415, 'invalid_request', 'unsupported_media_type'),
  range_unsatisfiable: client(416, 'invalid_request', null),
  idempotency_conflict: client(409, 'conflict', undefined, { shouldRetry: false }),
  key_rate_limited: client(429, 'rate_limit', 'rate_limit_exceeded'),
  too_many_wrong_keys: client(429, 'rate_limit', 'rate_limit_exceeded'),
  request_cancelled: client(499, 'invalid_request', undefined, { isUnseen: true }),

  // Failures of the broker itself.
  deadline_passed_waiting: client(408, 'timeout', 'deadline_exceeded'),
  deadline_passed: client(504, 'timeout', 'deadline_exceeded', { isUnseen: true }),
  capacity_exhausted: client(503, 'overloaded', undefined, { rank: NOT_ASKED }),
  no_deployment: client(503, 'overloaded', undefined, { rank: NOT_ASKED }),
  queue_unavailable: client(503, 'overloaded'),
  shutting_down: client(503, 'overloaded', undefined, { isUnseen: true }),
  worker_lost: client(500, 'internal'),
  /** Only of an attempt, never of a request: the parallel attempt has begun to answer. */
  hedge_lost: client(500, 'internal', undefined, { isUnseen: true, rank: 0 }),
  stream_interrupted: client(500, 'internal', undefined, { isUnseen: true }),
  internal: client(500, 'internal', 'internal_error', { isUnseen: true }),

  // Failures of a provider: recognised by its status, its error code or its silence.
  upstream_bad_request: {
    status: 400,
    kind: 'invalid_request',
    retry: false,
    fallback: false,
    cooldown: 'none',
    rank: 90,
  },
  // Both end the request unless its model configures a detour (`on_context_length`, `on_content_filter`).
  upstream_context_length: {
    status: 400,
    kind: 'invalid_request',
    wireCode: 'context_length_exceeded',
    retry: false,
    fallback: false,
    cooldown: 'none',
    rank: 85,
  },
  upstream_content_filter: {
    status: 400,
    kind: 'invalid_request',
    wireCode: 'content_filter',
    retry: false,
    fallback: false,
    cooldown: 'none',
    rank: 80,
  },
  upstream_model_missing: {
    status: 404,
    kind: 'not_found',
    wireCode: 'model_not_found',
    retry: false,
    fallback: true,
    cooldown: 'count',
    rank: 60,
  },
  upstream_rate_limited: {
    status: 429,
    kind: 'rate_limit',
    wireCode: 'rate_limit_exceeded',
    retry: true,
    fallback: true,
    cooldown: 'none',
    rank: 70,
  },
  upstream_quota_exhausted: {
    status: 429,
    kind: 'rate_limit',
    wireCode: 'insufficient_quota',
    retry: false,
    fallback: true,
    cooldown: 'open',
    rank: 50,
    shouldRetry: false,
  },
  upstream_credential_refused: {
    status: 502,
    kind: 'upstream',
    // The provider's own `invalid_api_key` would be read as being about the client's key.
    wireCode: 'upstream_credential_refused',
    retry: false,
    fallback: true,
    cooldown: 'open',
    rank: 30,
    shouldRetry: false,
  },
  upstream_overloaded: { status: 503, kind: 'overloaded', retry: true, fallback: true, cooldown: 'count', rank: 65 },
  upstream_server_error: { status: 502, kind: 'upstream', retry: true, fallback: true, cooldown: 'count', rank: 55 },
  upstream_unreachable: { status: 502, kind: 'upstream', retry: true, fallback: true, cooldown: 'count', rank: 40 },
  upstream_reset: {
    status: 502,
    kind: 'upstream',
    retry: true,
    fallback: true,
    cooldown: 'count',
    rank: 45,
    isUnseen: true,
  },
  upstream_malformed: {
    status: 502,
    kind: 'upstream',
    retry: true,
    fallback: true,
    cooldown: 'count',
    rank: 45,
    isUnseen: true,
  },
  upstream_answer_too_large: {
    status: 502,
    kind: 'upstream',
    retry: false,
    fallback: false,
    cooldown: 'none',
    rank: 75,
    isUnseen: true,
  },
  upstream_connect_timeout: {
    status: 504,
    kind: 'timeout',
    retry: 'alone',
    fallback: true,
    cooldown: 'count',
    rank: 42,
  },
  upstream_first_byte_timeout: {
    status: 504,
    kind: 'timeout',
    retry: 'alone',
    fallback: true,
    cooldown: 'count',
    rank: 48,
    isUnseen: true,
  },
  /** For a deployment with `first_token_ms`; never at the last step. */
  upstream_first_token_timeout: {
    status: 504,
    kind: 'timeout',
    retry: 'alone',
    fallback: true,
    cooldown: 'count',
    rank: 48,
    isUnseen: true,
  },
  upstream_idle_timeout: {
    status: 504,
    kind: 'timeout',
    retry: 'alone',
    fallback: true,
    cooldown: 'count',
    rank: 48,
    isUnseen: true,
  },
  upstream_total_timeout: {
    status: 504,
    kind: 'timeout',
    retry: false,
    fallback: true,
    cooldown: 'count',
    rank: 48,
    isUnseen: true,
  },
  /** After a cut, the repeated answer differs from the beginning that the client already has. */
  upstream_answer_differs: {
    status: 502,
    kind: 'upstream',
    retry: false,
    fallback: true,
    cooldown: 'none',
    rank: 5,
    isUnseen: true,
  },
  upstream_stream_cut: {
    status: 502,
    kind: 'upstream',
    retry: true,
    fallback: true,
    cooldown: 'count',
    rank: 48,
    isUnseen: true,
  },
} as const satisfies Record<string, FailureRule>;

export type FailureCode = keyof typeof FAILURES;

export function ruleOf(code: FailureCode): FailureRule {
  return FAILURES[code];
}
