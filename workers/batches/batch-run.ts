// Runs the lines of one batch in the process that owns it.
//
// The feeder reads lines and starts as many as the batch has slots; the committer stores results several times a second.
// Both end when every line has its result. At the deadline, or when the batch is cancelled, lines in flight are stopped
// and the remaining ones are recorded as not run.
import type { Batch } from '#src/batches/batch.ts';
import type { StoredFile } from '#src/batches/file-store.ts';
import type { LinePlace, OpenLine, RunPosition } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { Forecast } from '#src/batches/pacing.ts';
import { type ClaimedRun, LeaseLost } from '#src/batches/run-store.ts';
import type { BatchContext } from './batch-context.ts';
import type { LineRunner, LineRunnerHooks, StopReason } from './line-runner.ts';
import { loadLine, OpenLines, openInput, toRunnable } from './open-lines.ts';
import { ResultLog } from './result-log.ts';

export type RunEnd =
  /** Every line has its result. */
  | {
      kind: 'done';
      stopReason: StopReason | null;
      outputPieces: ResultLog['outputPieces'];
      errorPieces: ResultLog['errorPieces'];
    }
  /** The process is shutting down; another one resumes the batch. */
  | { kind: 'left' }
  | { kind: 'lease-lost' };

export interface RunInput {
  claimed: ClaimedRun;
  batch: Batch;
  file: StoredFile;
  createRunner(hooks: LineRunnerHooks): LineRunner;
}

const LINES_AT_ONCE = 100;
/** Lines of a stopped batch do not use Redis; this bounds their results in memory. */
const MAX_UNSTORED_LINES = 5_000;
/** Requests time out at the deadline by themselves; their results have this long to arrive. */
const EXPIRY_GRACE_MS = 1_500;
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const TICK_MS = 25;

export class BatchRun {
  readonly batch: Batch;
  readonly #context: BatchContext;
  readonly #input: RunInput;
  readonly #runner: LineRunner;
  readonly #results: ResultLog;
  /** Lines in flight. */
  readonly #open = new OpenLines();
  /** Results that are being committed. */
  #committing = 0;
  #next: LinePlace;
  #isRead = false;
  #slots = 1;
  #forecast: Forecast = { etaMs: null, isAtRisk: false };
  #leaseUntilMs: number;
  #stopReason: StopReason | null = null;
  #isLeaving = false;
  #isOver = false;
  /** Resolves the feeder's wait for a free slot. */
  #wakeFeeder: () => void = () => undefined;
  #drainWaiters: (() => void)[] = [];

  constructor(context: BatchContext, input: RunInput, leaseUntilMs: number) {
    this.#context = context;
    this.#input = input;
    this.batch = input.batch;
    this.#leaseUntilMs = leaseUntilMs;
    this.#next = input.claimed.position.next;
    this.#results = new ResultLog(context, input.claimed, input.batch);
    this.#runner = input.createRunner({
      onResult: (line, result) => this.#accept(line, result),
      reload: (line) => loadLine(context.blobs, input.file, line, input.batch.endpoint),
      onParked: (numbers) => this.#open.park(numbers),
      onReturned: (numbers) => {
        this.#open.return(numbers);
        this.#wakeFeeder();
      },
      drained: () => this.#drained(),
    });
  }

  get openCount(): number {
    return this.#open.size;
  }

  get openBytes(): number {
    return this.#open.bytes;
  }

  /** Lines in a provider's own batch: they have no results until that whole batch has ended. */
  get parkedCount(): number {
    return this.#open.parked;
  }

  get endedLines(): number {
    return this.#results.endedLines;
  }

  /** How many lines may be in flight at once. */
  setSlots(lines: number): void {
    this.#slots = lines;
    this.#wakeFeeder();
  }

  setForecast(forecast: Forecast): void {
    this.#forecast = forecast;
  }

  /** No line is started after this time: another process may own the batch. */
  setLease(untilMs: number): void {
    this.#leaseUntilMs = untilMs;
  }

  stop(reason: StopReason): void {
    if (this.#stopReason !== null) return;
    this.#stopReason = reason;
    this.#runner.stop(reason);
    this.#wakeFeeder();
  }

  /** Another process will resume the batch: lines without a result stay as they are. */
  leave(): void {
    this.#isLeaving = true;
    this.#wakeFeeder();
  }

  /** The lease is lost: nothing may be written from here on. */
  async abandon(): Promise<void> {
    this.#isOver = true;
    this.#runner.abandon();
    await this.#results.close();
    this.#wakeAll();
  }

  async run(): Promise<RunEnd> {
    const expiry = setInterval(() => this.#checkDeadline(), 500);
    this.#checkDeadline();
    try {
      await Promise.all([this.#feed(), this.#commitForever()]);
      if (this.#isOver) return { kind: 'lease-lost' };
      if (!this.#isDone) return { kind: 'left' };
      const { outputPieces, errorPieces } = this.#results;
      return { kind: 'done', stopReason: this.#stopReason, outputPieces, errorPieces };
    } catch (error) {
      if (error instanceof LeaseLost) return { kind: 'lease-lost' };
      throw error;
    } finally {
      clearInterval(expiry);
      this.#isOver = true;
      this.#wakeAll();
      this.#runner.abandon();
      await this.#results.close();
    }
  }

  get #isDone(): boolean {
    return this.#isRead && this.#open.size === 0 && this.#results.pendingLines === 0 && this.#committing === 0;
  }

  get #isEnding(): boolean {
    return this.#isOver || this.#isLeaving;
  }

  #checkDeadline(): void {
    if (Date.now() > this.batch.expiresAtMs + EXPIRY_GRACE_MS) this.stop('expired');
  }

  async #feed(): Promise<void> {
    await this.#resume();
    const { file } = this.#input;
    const maxLineBytes = this.#context.configuration.server.body_limit_bytes;
    const reader = openInput(this.#context.blobs, file, this.#next, maxLineBytes);
    let isAtEnd = false;
    while (!this.#isEnding && !(isAtEnd && this.#open.parked === 0)) {
      const room = this.#room();
      const returned = this.#open.takeReturned(Math.min(room, LINES_AT_ONCE));
      if (returned.length > 0) {
        await this.#startAgain(returned);
        continue;
      }
      if (room === 0 || isAtEnd || this.#isProviderFull) {
        await new Promise<void>((resolve) => {
          this.#wakeFeeder = resolve;
        });
        continue;
      }
      const found = await reader.next(Math.min(room, LINES_AT_ONCE));
      if (this.#isEnding) return;
      // The position and the open lines change in one turn: a commit in between would lose the lines.
      const lines = found.map((line) => toRunnable(line, this.batch.endpoint));
      for (const line of lines) this.#open.add(line);
      this.#next = reader.place;
      isAtEnd = lines.length === 0;
      if (this.#stopReason === null) await this.#runner.start(lines);
      else for (const line of lines) this.#accept(line, { kind: this.#stopReason });
    }
    if (!this.#isEnding) this.#isRead = true;
  }

  /** Starts lines that an earlier owner had in flight. */
  async #resume(): Promise<void> {
    const { position } = this.#input.claimed;
    for (const line of position.open) this.#open.add(line);
    for (let from = 0; from < position.open.length && !this.#isEnding; from += LINES_AT_ONCE) {
      await this.#startAgain(position.open.slice(from, from + LINES_AT_ONCE));
    }
  }

  async #startAgain(places: readonly OpenLine[]): Promise<void> {
    const { blobs } = this.#context;
    const load = (line: OpenLine) => loadLine(blobs, this.#input.file, line, this.batch.endpoint);
    const lines = await Promise.all(places.map(load));
    if (this.#stopReason === null) await this.#runner.start(lines);
    else await this.#runner.join(lines, this.#stopReason);
  }

  get #isProviderFull(): boolean {
    return this.#stopReason === null && this.#open.parked >= this.#context.configuration.batches.native.lines;
  }

  /** Slots become free with commits, since uncommitted results are still in Redis; so lines start by the hundred. */
  #room(): number {
    if (this.#stopReason !== null) {
      return Math.max(0, MAX_UNSTORED_LINES - this.#results.pendingLines - this.#committing);
    }
    if (Date.now() > Math.min(this.#leaseUntilMs, this.batch.expiresAtMs)) return 0;
    if (this.#open.bytes > 0 && this.#open.bytes >= this.#bytesAllowed()) return 0;
    return Math.max(0, this.#slots - this.#open.here - this.#results.pendingLines - this.#committing);
  }

  /** A batch's share of the bytes is its share of the slots. */
  #bytesAllowed(): number {
    const { open_bytes: openBytes, open_lines: openLineCount } = this.#context.configuration.batches;
    return (openBytes * this.#slots) / openLineCount;
  }

  #accept(line: OpenLine & { customId: string }, result: LineResult): void {
    if (this.#isOver || !this.#open.remove(line.number)) return;
    this.#results.add(line, result);
    // Slots become free with the commit; the feeder only needs to know now if it waits for the last parked line.
    if (this.#open.parked === 0) this.#wakeFeeder();
    // A worker noticed the deadline first.
    if (result.kind === 'expired') this.stop('expired');
  }

  async #commitForever(): Promise<void> {
    let lastAtMs = Date.now();
    let lastForecast = this.#forecast;
    while (!this.#isOver) {
      const isLast = this.#isLeaving || (this.#isRead && this.#open.size === 0);
      const hasNews = this.#results.pendingLines > 0 || lastForecast !== this.#forecast;
      if (hasNews && (isLast || this.#isDue(Date.now() - lastAtMs))) {
        lastForecast = this.#forecast;
        await this.#commit();
        lastAtMs = Date.now();
      } else if (isLast) return;
      else await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  #isDue(ageMs: number): boolean {
    const { bytes, intervalMs } = this.#context.blobs.appendPolicy;
    const { pendingBytes, pendingLines } = this.#results;
    return ageMs >= intervalMs || pendingBytes >= bytes || pendingLines >= Math.max(this.#slots / 2, 1);
  }

  async #commit(): Promise<void> {
    this.#committing = this.#results.pendingLines;
    const lines = await this.#results.commit(this.#position(), this.#forecast);
    this.#committing = 0;
    this.#wakeAll();
    // A process that dies here leaves request records behind; they expire.
    await this.#runner.forget(lines).catch((error) => {
      this.#context.onTrouble(error as Error);
    });
  }

  #wakeAll(): void {
    this.#wakeFeeder();
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  /** A provider's batch returns thousands of results at once: those not stored yet must fit into memory. */
  async #drained(): Promise<void> {
    while (
      !this.#isOver &&
      (this.#results.pendingBytes > MAX_PENDING_BYTES || this.#results.pendingLines > MAX_UNSTORED_LINES)
    ) {
      await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
    }
  }

  #position(): RunPosition {
    return { next: this.#next, open: this.#open.list() };
  }
}
