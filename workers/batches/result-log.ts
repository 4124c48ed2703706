// Writes the results of a batch into its files. A commit appends the gathered results, then records in SQL which lines are
// done and how long the files are; bytes that a dead owner appended without committing are never read. So no result is
// lost or written twice, with one transaction for hundreds of lines.
import { type Batch, endedLines } from '#src/batches/batch.ts';
import type { RunPosition } from '#src/batches/input-lines.ts';
import { countResult, encodeResult, isSuccess, type LineResult, type LineTotals } from '#src/batches/line-result.ts';
import type { Forecast } from '#src/batches/pacing.ts';
import { type ClaimedRun, LeaseLost } from '#src/batches/run-store.ts';
import type { BlobAppender, BlobPiece } from '#src/storage/blobs.ts';
import type { BatchContext } from './batch-context.ts';

interface Gathered {
  output: Buffer[];
  error: Buffer[];
  lines: number[];
  bytes: number;
}

const RETRY_AFTER_MS = 1_000;
const NOTHING = (): Gathered => ({ output: [], error: [], lines: [], bytes: 0 });

export class ResultLog {
  readonly #context: BatchContext;
  readonly #run: ClaimedRun;
  readonly #totals: LineTotals;
  readonly #output: FileTail;
  readonly #error: FileTail;
  #gathered = NOTHING();
  #isAbandoned = false;

  constructor(context: BatchContext, run: ClaimedRun, batch: Batch) {
    this.#context = context;
    this.#run = run;
    this.#totals = { ...batch.totals };
    // The epoch makes the key this owner's alone, even if this process stays alive after losing its lease.
    const keyOf = (kind: string) => `${batch.id}.${kind}.${run.lease.epoch}`;
    this.#output = new FileTail(context.blobs.openAppender(keyOf('output')), run.outputPieces);
    this.#error = new FileTail(context.blobs.openAppender(keyOf('error')), run.errorPieces);
  }

  /** Lines whose result is gathered but not stored. */
  get pendingLines(): number {
    return this.#gathered.lines.length;
  }

  get pendingBytes(): number {
    return this.#gathered.bytes;
  }

  get endedLines(): number {
    return endedLines({ totals: this.#totals });
  }

  get outputPieces(): BlobPiece[] {
    return this.#output.pieces;
  }

  get errorPieces(): BlobPiece[] {
    return this.#error.pieces;
  }

  add(line: { number: number; customId: string }, result: LineResult): void {
    const lineId = `${this.#run.lease.batchId.replace(/^\w+_/, '')}${line.number}`;
    const bytes = encodeResult(line.customId, result, lineId);
    countResult(this.#totals, result);
    this.#gathered[isSuccess(result) ? 'output' : 'error'].push(bytes);
    this.#gathered.lines.push(line.number);
    this.#gathered.bytes += bytes.length;
    const outcome = result.kind !== 'answered' ? result.kind : isSuccess(result) ? 'completed' : 'failed';
    this.#context.metrics.lineEnded(outcome);
  }

  /**
   * Returns the lines that were stored. `position` must be from the same turn of the event loop as the last result added.
   * Retried while the disk or SQL fails; rejects with LeaseLost if the batch has another owner.
   */
  async commit(position: RunPosition, forecast: Forecast): Promise<number[]> {
    const startedAtMs = performance.now();
    const { output, error, lines } = this.#gathered;
    const totals = { ...this.#totals };
    this.#gathered = NOTHING();
    const outputPieces = await this.#persist(() => this.#output.append(output));
    const errorPieces = await this.#persist(() => this.#error.append(error));
    const state = { position, outputPieces, errorPieces };
    await this.#persist(() => this.#context.runs.commit(this.#run.lease, state, totals, forecast));
    this.#context.metrics.committed((performance.now() - startedAtMs) / 1_000);
    return lines;
  }

  /** Ends retries; lines that are not committed run again under another owner. */
  async close(): Promise<void> {
    this.#isAbandoned = true;
    await Promise.all([this.#output.close(), this.#error.close()]);
  }

  async #persist<T>(step: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const done = await step();
        if (tries > 1) this.#context.logger.info({ batch: this.#run.lease.batchId }, 'results can be stored again');
        return done;
      } catch (error) {
        if (error instanceof LeaseLost) throw error;
        if (this.#isAbandoned) throw new LeaseLost(this.#run.lease.batchId);
        const { batchId } = this.#run.lease;
        if (tries === 1)
          this.#context.logger.error({ err: error, batch: batchId }, 'results cannot be stored; retrying');
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
      }
    }
  }
}

/** A file to which several owners append, one after the other. */
class FileTail {
  readonly #appender: BlobAppender;
  readonly #before: readonly BlobPiece[];
  #own: BlobPiece[] = [];

  constructor(appender: BlobAppender, before: readonly BlobPiece[]) {
    this.#appender = appender;
    this.#before = before;
  }

  get pieces(): BlobPiece[] {
    return [...this.#before, ...this.#own];
  }

  async append(bytes: readonly Buffer[]): Promise<BlobPiece[]> {
    if (bytes.length > 0) this.#own = await this.#appender.append(bytes);
    return this.pieces;
  }

  close(): Promise<void> {
    return this.#appender.close();
  }
}
