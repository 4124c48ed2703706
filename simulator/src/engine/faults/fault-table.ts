// The one table of faults: their names, what their numbers mean, and what they do to a call. A test checks
// that docs/simulator.md agrees with it.

import type { Refusal, RetryHint } from '../refusal.ts';
import type { BreakKind, FalseBody, FaultPlan } from './fault-plan.ts';

/** A requested fault. The amount is milliseconds, bytes or a status, depending on the fault. */
export interface Fault {
  name: FaultName;
  afterTokens?: number | undefined;
  amount?: number | undefined;
  hint?: RetryHint | undefined;
}

interface FaultAmount {
  unit: 'milliseconds' | 'bytes' | 'status';
  byDefault: number;
  least: number;
  most: number;
}

export interface FaultRow {
  summary: string;
  /** Default token after which it occurs; absent if it does not occur within the answer. */
  afterTokens?: number;
  amount?: FaultAmount;
  takesHint?: true;
  /** Whether it decides how the call ends. At most one such fault applies to a call; others can be combined. */
  isFinal: boolean;
  apply(plan: FaultPlan, fault: Fault): void;
}

/** Default place of a break: after a few tokens, so that the client has seen something. */
const DEFAULT_BREAK_TOKENS = 5;
const DEFAULT_GIANT_BYTES = 1_048_576;
const DEFAULT_RETRY_AFTER_MS = 1_000;
/** The longest wait that can be requested. */
export const MAX_WAIT_MS = 3_600_000;

function refusing(summary: string, refusal: Refusal): FaultRow {
  return {
    summary,
    isFinal: true,
    apply(plan) {
      plan.refusal = refusal;
    },
  };
}

function breaking(summary: string, kind: BreakKind, afterTokens = DEFAULT_BREAK_TOKENS): FaultRow {
  return {
    summary,
    afterTokens,
    isFinal: true,
    apply(plan, fault) {
      plan.break = { kind, afterTokens: fault.afterTokens ?? afterTokens };
    },
  };
}

function answering(summary: string, body: FalseBody): FaultRow {
  return {
    summary,
    isFinal: true,
    apply(plan) {
      plan.falseBody = body;
    },
  };
}

function closing(summary: string, connection: 'reset' | 'silence'): FaultRow {
  return {
    summary,
    isFinal: true,
    apply(plan) {
      plan.connection = connection;
    },
  };
}

function changing(summary: string, change: Partial<FaultPlan>): FaultRow {
  return {
    summary,
    isFinal: false,
    apply(plan) {
      Object.assign(plan, change);
    },
  };
}

export const FAULTS = {
  rate_limited: {
    summary: 'The provider’s rate limit: 429 with a wait',
    amount: { unit: 'milliseconds', byDefault: DEFAULT_RETRY_AFTER_MS, least: 0, most: MAX_WAIT_MS },
    takesHint: true,
    isFinal: true,
    apply(plan, fault) {
      const retryAfterMs = fault.amount ?? DEFAULT_RETRY_AFTER_MS;
      const hint = fault.hint ?? 'both';
      plan.refusal = { kind: 'rate_limited', thing: 'requests', limit: 60, used: 60, requested: 1, retryAfterMs, hint };
    },
  },
  quota_exhausted: refusing('Exhausted quota: 429 that waiting does not resolve', { kind: 'quota_exhausted' }),
  server_error: refusing('500', { kind: 'server_error' }),
  unavailable: refusing('503', { kind: 'unavailable' }),
  overloaded: refusing('529', { kind: 'overloaded' }),
  bad_request: refusing('400 for a parameter', {
    kind: 'invalid',
    message: "Invalid value for 'temperature': the simulator was told to refuse this request.",
    param: 'temperature',
    code: 'invalid_value',
  }),
  context_length: refusing('400: the prompt does not fit the context window', {
    kind: 'context_length',
    limit: 8_192,
    promptTokens: 10_000,
    outputTokens: 0,
  }),
  content_filter: refusing('400: the prompt was filtered', { kind: 'content_filtered' }),
  unauthorized: refusing('401, as for a wrong key', { kind: 'key_wrong', shownKey: 'sk-********tion' }),
  model_missing: refusing('404: unknown model', { kind: 'model_missing' }),
  status: {
    summary: 'Any other error status, with a plain error body',
    amount: { unit: 'status', byDefault: 418, least: 400, most: 599 },
    isFinal: true,
    apply(plan, fault) {
      plan.refusal = { kind: 'status', status: fault.amount ?? 418 };
    },
  },

  reset: closing('The connection is reset before the response', 'reset'),
  silence: closing('The request is accepted and never answered', 'silence'),
  reset_after_headers: breaking('Status and headers, then a reset', 'reset', 0),
  slow: {
    summary: 'The first token is delayed by this time',
    amount: { unit: 'milliseconds', byDefault: 5_000, least: 0, most: MAX_WAIT_MS },
    isFinal: false,
    apply(plan, fault) {
      plan.firstTokenMs = fault.amount ?? 5_000;
    },
  },

  cut: breaking('The connection breaks in the middle of the answer', 'cut'),
  end_early: breaking('The answer stops without a finish reason; the connection is closed cleanly', 'end'),
  stall: breaking('No more data is sent; the connection stays open', 'stall'),
  malformed: breaking('An event that is not JSON, then the stream ends', 'malformed'),
  malformed_once: {
    summary: 'An event that is not JSON; the stream continues',
    afterTokens: DEFAULT_BREAK_TOKENS,
    isFinal: false,
    apply(plan, fault) {
      plan.malformedAfterTokens = fault.afterTokens ?? DEFAULT_BREAK_TOKENS;
    },
  },
  error_event: breaking('An error inside a response that began with status 200', 'error'),
  failed: breaking('The answer ends with the state failed', 'failed'),
  filtered: {
    summary: 'The answer ends with the finish reason of a content filter',
    afterTokens: DEFAULT_BREAK_TOKENS,
    isFinal: false,
    apply(plan, fault) {
      plan.filteredAfterTokens = fault.afterTokens ?? DEFAULT_BREAK_TOKENS;
    },
  },
  missing_done: changing('The stream ends without its terminator', { omitsTerminator: true }),
  no_usage: changing('The answer has no token usage', { hidesUsage: true }),
  absurd_usage: changing('The answer reports more tokens than it has', { misstatesUsage: true }),

  empty: answering('200 with an empty body', 'empty'),
  garbage: answering('200 with truncated JSON', 'garbage'),
  wrong_type: answering('200 with plain text', 'plain_text'),
  html: answering('502 with a proxy’s HTML page', 'html_page'),

  comments: changing('Comment lines before every token; spaces before an unstreamed response', { hasComments: true }),
  crlf: changing('Lines of the stream end in CR LF', { hasCarriageReturns: true }),
  dribble: {
    summary: 'The response is sent in pieces of this many bytes',
    amount: { unit: 'bytes', byDefault: 7, least: 1, most: 65_536 },
    isFinal: false,
    apply(plan, fault) {
      plan.dribbleBytes = fault.amount ?? 7;
    },
  },
  giant_event: {
    summary: 'One event of this many bytes and of an unknown type; the stream continues',
    afterTokens: DEFAULT_BREAK_TOKENS,
    amount: { unit: 'bytes', byDefault: DEFAULT_GIANT_BYTES, least: 100, most: 256 * 1024 * 1024 },
    isFinal: false,
    apply(plan, fault) {
      plan.giantEvent = {
        afterTokens: fault.afterTokens ?? DEFAULT_BREAK_TOKENS,
        bytes: fault.amount ?? DEFAULT_GIANT_BYTES,
      };
    },
  },
} as const satisfies Record<string, FaultRow>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName, ...FaultName[]];

export function rowOf(name: FaultName): FaultRow {
  return FAULTS[name];
}
