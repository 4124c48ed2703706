// The interface between a batch and what runs its lines: ordinary requests (request-runner.ts) or providers' own batch
// APIs (native/native-runner.ts). Feeding lines, storing results and the deadline are batch-run.ts's in either case.

import type { OpenLine } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';

export interface RunnableLine extends OpenLine {
  customId: string;
  /** The body as it was uploaded, and parsed. */
  body: Buffer;
  value: Record<string, unknown>;
  /** Number of the next try, if a provider's batch made the earlier ones. Default: 1. */
  firstTry?: number;
}

export interface LineRunner {
  /**
   * Resolves when the lines are stored durably: they finish even if this process dies. Each gets exactly one result, some
   * possibly before this resolves. Safe to call again, in another process, for lines without a result.
   */
  start(lines: readonly RunnableLine[]): Promise<void>;
  /** Like `start`, but only for lines that an earlier owner started; the others get `reason` as their result. */
  join(lines: readonly RunnableLine[], reason: StopReason): Promise<void>;
  /** Cancels lines in flight: each line without an answer soon gets `reason` as its result. */
  stop(reason: StopReason): void;
  /** The results of these lines are stored; their records can go. */
  forget(numbers: readonly number[]): Promise<void>;
  /** Detaches without cancelling anything: another process resumes. */
  abandon(): void;
}

export type StopReason = 'expired' | 'cancelled';

export interface LineRunnerHooks {
  /** Must not throw. */
  onResult(line: OpenLine & { customId: string }, result: LineResult): void;
  /** Reads the line again, for a retry: bodies are not kept in memory. */
  reload(line: OpenLine): Promise<RunnableLine>;
  /** These lines go into a provider's own batch: they use no slot until they come back. */
  onParked(numbers: readonly number[]): void;
  /** They came back without an answer and are started (or joined) again as soon as a slot is free. */
  onReturned(numbers: readonly number[]): void;
  /** Resolves when memory has room for more results. */
  drained(): Promise<void>;
}
