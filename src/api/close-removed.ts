// The books of a request that was taken out of the queue: no worker will see it again, so they are closed here, with the
// attempts that it has had.
import type { Budgets } from '../accounts/budgets.ts';
import type { LedgerStream } from '../ledger/ledger-stream.ts';
import { encodeMessage, failureMessage, requestOutcome } from '../ledger/messages.ts';
import { type Lines, lineEntry } from '../limits/lines.ts';
import type { RemovedRequest } from './cancel-request.ts';

export interface RemovalBooks {
  ledger: LedgerStream;
  budgets: Budgets;
  lines: Lines;
}

export async function closeRemoved(
  { ledger, budgets, lines }: RemovalBooks,
  { spec, step, progress, failure }: RemovedRequest,
): Promise<void> {
  const request = requestOutcome(spec, {
    outcome: failure.code,
    answeredBy: null,
    attempts: progress.calls,
    cost: BigInt(progress.costPicoUsd),
    timeline: progress.timeline,
    finishedAtMs: Date.now(),
  });
  const { budgetHold, requestId } = spec;
  await Promise.all([
    ledger.append(encodeMessage(failureMessage(spec, request, failure))),
    lines.leave(lineEntry(spec, step)),
    budgetHold === null ? undefined : budgets.settle(budgetHold, requestId, request.chargeUnits),
  ]);
}
