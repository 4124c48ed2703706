// How lines get their answers. Requests of the broker's own are one way (request-runner.ts); handing the lines to a
// provider's batch API can be another. A batch is fed, its results stored and its deadline kept by batch-run.ts, whichever
// way its lines run.
import type { LineResult } from '#src/batches/line-result.ts';
import type { OpenLine } from '#src/batches/run-position.ts';

export interface RunnableLine extends OpenLine {
  customId: string;
  /** As its author wrote it, and parsed. */
  body: Buffer;
  value: Record<string, unknown>;
  /** The first try that is made here: a provider's batch had those before. Absent: 1. */
  firstTry?: number;
}

export interface LineRunner {
  /**
   * Resolves when the lines are in good hands: also if this process dies they come to their end. Each gets exactly one
   * result, some perhaps before this resolves. May be called again in another process for lines that have no result yet.
   */
  start(lines: readonly RunnableLine[]): Promise<void>;
  /** As `start`, but only what an earlier owner has begun; what nobody began gets `reason` as its result. */
  join(lines: readonly RunnableLine[], reason: StopReason): Promise<void>;
  /** Ends what runs: every line without an answer gets `reason` as its result, soon. */
  stop(reason: StopReason): void;
  /** The results of these lines are stored. */
  forget(numbers: readonly number[]): Promise<void>;
  /** Lets go without ending anything: another process goes on. */
  abandon(): void;
}

export type StopReason = 'expired' | 'cancelled';

export interface LineRunnerHooks {
  /** Must not throw. */
  onResult(line: OpenLine & { customId: string }, result: LineResult): void;
  /** The line as it stands in the input, for another try: bodies are not kept in memory. */
  reload(line: OpenLine): Promise<RunnableLine>;
  /** A provider has these lines, in a batch of its own: they need no room here until they come back. */
  onParked(numbers: readonly number[]): void;
  /** They have come back without an answer, to be started (or joined) again as soon as there is room. */
  onReturned(numbers: readonly number[]): void;
  /** Resolves when there is room for more results. */
  drained(): Promise<void>;
}
