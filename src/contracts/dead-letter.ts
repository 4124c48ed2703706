// Which failures are kept for an operator: those that he, and not the client, can do something about.
import type { Failure } from './failure.ts';
import { FAILURES, type FailureCode, type FailureKind, ruleOf } from './failure-table.ts';
import type { RequestSpec } from './request-record.ts';

/** Kinds that the client's own request is the reason for: the same request would fail again. */
const CLIENTS_OWN: ReadonlySet<FailureKind> = new Set([
  'invalid_request',
  'authentication',
  'payment',
  'permission',
  'conflict',
  'too_large',
]);

/** Instances of the batch engine: the names that it gives to its inboxes. */
const BATCHES_INBOX = /^batches_/;

/** A failed request as the ledger's message carries it; its body stands in Redis until it is kept. */
export interface DeadLetterNotice {
  spec: RequestSpec;
  failure: Failure;
}

/**
 * Whether a request that ended so is kept. Lines of batches are not: their batch tries them again itself, and its error
 * file says what became of them.
 */
export function isDeadLetter({ inbox }: Pick<RequestSpec, 'inbox'>, outcome: string): boolean {
  if (!Object.hasOwn(FAILURES, outcome) || BATCHES_INBOX.test(inbox)) return false;
  const code = outcome as FailureCode;
  if (code === 'key_rate_limited') return false;
  const { kind } = ruleOf(code);
  return kind === 'not_found' ? code.startsWith('upstream_') : !CLIENTS_OWN.has(kind);
}
