// A line that runs as a request: which try it is at, and what has come of its answer.
import type { OpenLine } from '#src/batches/run-position.ts';
import type { HeadMeta } from '#src/contracts/frame.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { ReplySubscription } from '#src/reply/subscriber.ts';
import type { RunnableLine } from './line-runner.ts';

export interface RunningLine extends OpenLine {
  customId: string;
  /** From 1. */
  tryNumber: number;
  /** Tries at which a provider failed. */
  faults: number;
  /** Null while it waits for its next try. */
  spec: RequestSpec | null;
  /** Redis has it. */
  isAccepted: boolean;
  subscription: ReplySubscription | null;
  timer: NodeJS.Timeout | null;
  /** Of the present try. Unix ms. */
  startedAtMs: number;
  head: HeadMeta | null;
  pieces: Buffer[];
}

/** The body is not kept: it stands in Redis, and in the file for another try. */
export function createRunningLine({ number, offset, length, customId, firstTry }: RunnableLine): RunningLine {
  return {
    number,
    offset,
    length,
    customId,
    tryNumber: firstTry ?? 1,
    faults: 0,
    spec: null,
    isAccepted: false,
    subscription: null,
    timer: null,
    startedAtMs: Date.now(),
    head: null,
    pieces: [],
  };
}
