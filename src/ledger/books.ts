// The end of a request, told to everyone who counts it: the ledger, the budget that it was reserved in, the lines in which
// it may still stand. Whoever ends a request closes its books here.
import type { Failure } from '../contracts/failure.ts';
import type { LedgerEntry } from '../contracts/ledger-entry.ts';
import type { RequestProgress, RequestSpec } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import { encodeMessage, failureMessage, requestOutcome } from './messages.ts';

export interface RequestEnding {
  spec: RequestSpec;
  /** With its last attempt. */
  progress: RequestProgress;
  /** Null: it was answered. */
  failure: Failure | null;
  /** Whose answer its client has, or the beginning of it. */
  answeredBy: RouteStep | null;
  /** The place of its plan at which it may still wait; null for one that ends with its call. */
  waitedAt: RouteStep | null;
  /** Its last attempt, where the books do not have it yet: both are written in one step. */
  attempt?: LedgerEntry;
}

type Append = (message: string) => Promise<void>;

export interface Books {
  /**
   * Safe to repeat. Rejects where Redis does not take it; but for the lines, which the janitor puts right.
   * @param append another way into the ledger: with the permit of the last attempt (limits/settle.lua).
   */
  close(ending: RequestEnding, append?: Append): Promise<void>;
}

/** What the books are told through; each belongs to another part (limits/lines.ts, accounts/budgets.ts). */
export interface BookKeepers {
  ledger: { append: Append };
  budgets: {
    settle(hold: NonNullable<RequestSpec['budgetHold']>, requestId: string, chargeUnits: number): Promise<void>;
  };
  /** Absent where nothing is counted: lines of batches have bounds of their own. */
  bodies?: { leave(spec: RequestSpec): Promise<void> };
  lines: { forget(spec: RequestSpec, step: RouteStep): Promise<void> };
  onError: (error: Error) => void;
}

export function createBooks({ ledger, budgets, bodies, lines, onError }: BookKeepers): Books {
  return {
    async close({ spec, progress, failure, answeredBy, waitedAt, attempt }, append = ledger.append) {
      const request = requestOutcome(spec, {
        outcome: failure === null ? 'ok' : failure.code,
        answeredBy,
        attempts: progress.calls,
        cost: BigInt(progress.costPicoUsd),
        timeline: progress.timeline,
        finishedAtMs: Date.now(),
      });
      const message = failure === null ? { request } : failureMessage(spec, request, failure);
      bodies?.leave(spec).catch(onError);
      if (waitedAt !== null) lines.forget(spec, waitedAt).catch(onError);
      await Promise.all([
        append(encodeMessage(attempt === undefined ? message : { attempt, ...message })),
        spec.budgetHold === null ? undefined : budgets.settle(spec.budgetHold, spec.requestId, request.chargeUnits),
      ]);
    },
  };
}
