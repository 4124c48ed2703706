// A request that failed for good, as it is stored.
import type { DeadLetterNotice } from '../contracts/dead-letter.ts';
import type { RequestOutcome } from '../contracts/ledger-entry.ts';
import type { RequestSpec, TimelinePart } from '../contracts/request-record.ts';
import type { StoredBody } from './body-seal.ts';

export interface DeadLetter extends DeadLetterNotice {
  spec: RequestSpec;
  /** The provider that failed it; null if none was called. */
  provider: string | null;
  failedAtMs: number;
  attempts: number;
  costPicoUsd: bigint;
  timeline: readonly TimelinePart[];
  body: Pick<StoredBody, 'form' | 'keyId'>;
}

/** A later request that replaces a dead letter. */
export interface Replay {
  requestId: string;
  replayOf: string;
  /** The model that was requested. */
  model: string;
  createdAtMs: number;
}

/** Selects dead letters: all parts given must match. */
export interface LetterFilter {
  ids?: readonly string[];
  model?: string;
  provider?: string;
  code?: string;
  keyId?: string;
  /** Time of the failure, unix milliseconds; `fromMs` is inclusive, `toMs` exclusive. */
  fromMs?: number;
  toMs?: number;
  /** Only those with (true) or without (false) a replay. */
  isReplayed?: boolean;
}

export function deadLetterOf({ spec, failure }: DeadLetterNotice, outcome: RequestOutcome): Omit<DeadLetter, 'body'> {
  const lastAttempt = outcome.timeline.findLast(({ kind }) => kind === 'attempt');
  return {
    spec,
    failure,
    provider: failure.provider ?? lastAttempt?.provider ?? null,
    failedAtMs: outcome.finishedAtMs,
    attempts: outcome.attempts,
    costPicoUsd: BigInt(outcome.costPicoUsd),
    timeline: outcome.timeline,
  };
}
