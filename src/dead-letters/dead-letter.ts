// A request that failed for good, as it is kept.
import type { DeadLetterNotice } from '../contracts/dead-letter.ts';
import type { RequestOutcome } from '../contracts/ledger-entry.ts';
import type { RequestSpec, TimelinePart } from '../contracts/request-record.ts';
import type { StoredBody } from './body-seal.ts';

export interface DeadLetter extends DeadLetterNotice {
  spec: RequestSpec;
  /** Who failed it; null when nobody was asked. */
  provider: string | null;
  failedAtMs: number;
  attempts: number;
  costPicoUsd: bigint;
  timeline: readonly TimelinePart[];
  body: Pick<StoredBody, 'form' | 'keyId'>;
}

/** A later request in place of this one. */
export interface Replay {
  requestId: string;
  replayOf: string;
  /** The model that was asked for. */
  model: string;
  createdAtMs: number;
}

/** Which dead letters are meant: every part narrows the choice. */
export interface LetterFilter {
  ids?: readonly string[];
  model?: string;
  provider?: string;
  code?: string;
  keyId?: string;
  /** Of the failure, unix milliseconds; `fromMs` included, `toMs` not. */
  fromMs?: number;
  toMs?: number;
  /** Only those without, or with, a replay. */
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
