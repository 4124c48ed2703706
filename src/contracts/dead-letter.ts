// Decides which failures are kept for operators: those that an operator can fix, and the client cannot.
import type { Failure } from './failure.ts';
import { FAILURES, type FailureCode, type FailureKind, ruleOf } from './failure-table.ts';
import type { RequestSpec } from './request-record.ts';

/** Kinds caused by the client's request itself: the same request would fail again. */
const CLIENTS_OWN: ReadonlySet<FailureKind> = new Set([
  'invalid_request',
  'authentication',
  'payment',
  'permission',
  'conflict',
  'too_large',
]);

/** Matches the inboxes of the batch engine's instances. */
const BATCHES_INBOX = /^batches_/;

/** A failed request within a ledger message. Its body is in Redis until the dead letter is stored. */
export interface DeadLetterNotice {
  spec: RequestSpec;
  failure: Failure;
}

/**
 * Whether a request with this outcome is kept. Batch lines are not: the batch itself retries them, and its error file reports
 * their outcome.
 */
export function isDeadLetter({ inbox }: Pick<RequestSpec, 'inbox'>, outcome: string): boolean {
  if (!Object.hasOwn(FAILURES, outcome) || BATCHES_INBOX.test(inbox)) return false;
  const code = outcome as FailureCode;
  if (code === 'key_rate_limited') return false;
  const { kind } = ruleOf(code);
  return kind === 'not_found' ? code.startsWith('upstream_') : !CLIENTS_OWN.has(kind);
}
