// What a chunk needs of the batch that it is of.
import type { LineResult } from '#src/batches/line-result.ts';
import type { Lease } from '#src/batches/run-changes.ts';
import type { OpenLine } from '#src/batches/run-position.ts';
import type { BatchContext } from '../batch-context.ts';
import type { LineOrigin } from '../line-request.ts';
import type { RunnableLine } from '../line-runner.ts';
import type { GatheredLine } from './line-packer.ts';

export interface ChunkHost {
  context: BatchContext;
  origin: LineOrigin;
  lease: Lease;
  /** Unix ms until which something may be begun. */
  leaseUntilMs(): number;
  /** Unix ms from which ordinary calls need all the time that is left. */
  lastCallMs(): number;
  reload(line: OpenLine): Promise<RunnableLine>;
  /** Resolves when there is room for more results. */
  drained(): Promise<void>;
  onResult(line: OpenLine & { customId: string }, result: LineResult): void;
  /** They run as ordinary requests, from this try on. */
  onReturned(numbers: readonly number[], firstTry: number): void;
  /** There was no room for them in their chunk. */
  onLeft(lines: readonly GatheredLine[]): void;
  /** The provider takes no batches of this kind at the moment. */
  onRefused(key: string): void;
}
