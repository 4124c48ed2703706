// Lines by their vendors' own batches, where the first place of their plan says so; all others, and those that come back
// without an answer, as ordinary requests. The first try of a line is its vendor's; ordinary ones count from the second.
import { endedLines } from '#src/batches/batch.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { NativeChunk } from '#src/batches/native-chunk.ts';
import type { Lease } from '#src/batches/run-changes.ts';
import type { OpenLine, RunPosition } from '#src/batches/run-position.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import type { BatchContext } from '../batch-context.ts';
import { type LineOrigin, requestIdOf } from '../line-request.ts';
import type { LineRunner, LineRunnerHooks, RunnableLine, StopReason } from '../line-runner.ts';
import { RequestRunner } from '../request-runner.ts';
import { ChunkRun } from './chunk-run.ts';
import type { ChunkTask } from './chunk-task.ts';
import { type LineGroup, LinePacker } from './line-packer.ts';
import { findTarget, keyOf, NATIVE_TRY, type NativeTarget, targetOf } from './native-line.ts';
import { lastCallMs, recallAtMs } from './ordinary-rate.ts';
import { removeChunk } from './remove-chunk.ts';

export interface NativeRunnerInput {
  context: BatchContext;
  origin: LineOrigin;
  lease: Lease;
  /** Where an earlier owner was. */
  position: RunPosition;
  hooks: LineRunnerHooks;
  leaseUntilMs(): number;
  /** So many lines that come next may be requests of an earlier owner; 0 where there was none. */
  maybeBegun: number;
}

const TICK_MS = 500;
/** A vendor that has refused a batch is left alone for so long. */
const REFUSED_MS = 300_000;

export class NativeRunner implements LineRunner {
  readonly #input: NativeRunnerInput;
  readonly #requests: RequestRunner;
  readonly #packer: LinePacker;
  readonly #chunks = new Set<ChunkRun>();
  readonly #chunkOf = new Map<number, ChunkRun>();
  /** Lines that came back, with the try that is next. */
  readonly #returned = new Map<number, number>();
  readonly #refusedUntilMs = new Map<string, number>();
  readonly #ticker: NodeJS.Timeout;
  #loaded: Promise<void> | null = null;
  #maybeBegun: number;
  #ended = 0;
  #stopReason: StopReason | null = null;
  #isAbandoned = false;

  constructor(input: NativeRunnerInput) {
    this.#input = input;
    this.#maybeBegun = input.maybeBegun;
    const { context, origin, hooks } = input;
    const ordinary = { ...hooks, onResult: this.#onOrdinaryResult.bind(this) };
    this.#requests = new RequestRunner(context, origin, ordinary, input.maybeBegun);
    const { chunk_lines: lines, chunk_bytes: bytes } = context.configuration.batches.native;
    this.#packer = new LinePacker({ lines, bytes }, (group) => this.#handOver(group));
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  async start(lines: readonly RunnableLine[]): Promise<void> {
    await this.#load();
    const begun = await this.#findBegun(lines);
    const parked: RunnableLine[] = [];
    const ordinary: RunnableLine[] = [];
    const targets = new Map<RunnableLine, NativeTarget>();
    for (const line of lines) {
      const isOpen = !this.#returned.has(line.number);
      const target = isOpen && !begun.has(line.number) ? this.#targetFor(line) : null;
      if (target !== null) targets.set(line, target);
      if (isOpen && (target !== null || this.#chunkOf.has(line.number))) parked.push(line);
      else ordinary.push(this.#asOrdinary(line));
    }
    this.#input.hooks.onParked(parked.map(({ number }) => number));
    for (const line of parked) {
      const target = targets.get(line);
      if (target === undefined) this.#chunkOf.get(line.number)!.attach(line.number, line.customId);
      else this.#packer.add(target, line);
    }
    if (ordinary.length > 0) await this.#requests.start(ordinary);
  }

  async join(lines: readonly RunnableLine[], reason: StopReason): Promise<void> {
    this.#stopReason ??= reason;
    await this.#load();
    const chunked = lines.filter(({ number }) => this.#chunkOf.has(number) && !this.#returned.has(number));
    this.#input.hooks.onParked(chunked.map(({ number }) => number));
    for (const { number, customId } of chunked) this.#chunkOf.get(number)!.attach(number, customId);
    const others = lines.filter((line) => !chunked.includes(line));
    if (others.length > 0)
      await this.#requests.join(
        others.map((line) => this.#asOrdinary(line)),
        reason,
      );
  }

  stop(reason: StopReason): void {
    this.#stopReason = reason;
    for (const line of this.#packer.takeAll()) this.#onResult(line, { kind: reason });
    for (const chunk of this.#chunks) chunk.stop();
    this.#requests.stop(reason);
  }

  async forget(numbers: readonly number[]): Promise<void> {
    const stored: ChunkRun[] = [];
    for (const number of numbers) {
      this.#returned.delete(number);
      const chunk = this.#chunkOf.get(number);
      if (chunk === undefined) continue;
      this.#chunkOf.delete(number);
      if (chunk.stored(number)) stored.push(chunk);
    }
    await this.#requests.forget(numbers);
    for (const chunk of stored) await this.#finish(chunk);
  }

  abandon(): void {
    this.#isAbandoned = true;
    clearInterval(this.#ticker);
    for (const chunk of this.#chunks) chunk.letGo();
    this.#requests.abandon();
  }

  #onResult(line: OpenLine & { customId: string }, result: LineResult): void {
    this.#ended += 1;
    this.#input.hooks.onResult(line, result);
  }

  #onOrdinaryResult(line: OpenLine & { customId: string }, result: LineResult): void {
    if (result.kind === 'answered') this.#input.context.native.rate.note();
    this.#onResult(line, result);
  }

  #asOrdinary(line: RunnableLine): RunnableLine {
    const firstTry = this.#returned.get(line.number);
    return firstTry === undefined ? line : { ...line, firstTry };
  }

  /** Null for a line that is another's already, or that had better run as a request. */
  #targetFor(line: RunnableLine): NativeTarget | null {
    if (this.#stopReason !== null || this.#chunkOf.has(line.number)) return null;
    const { context, origin } = this.#input;
    const target = findTarget(context, origin, line);
    if (target === null || (this.#refusedUntilMs.get(keyOf(target)) ?? 0) > Date.now()) return null;
    const { poll_ms: pollMs } = context.configuration.batches.native;
    return Date.now() + pollMs < this.#recallAtMs(target) ? target : null;
  }

  /** Lines that an earlier owner began as requests. Once begun they stay what they are. */
  async #findBegun(lines: readonly RunnableLine[]): Promise<ReadonlySet<number>> {
    if (this.#maybeBegun === 0) return new Set();
    const { context, origin } = this.#input;
    const unknown = lines.filter(({ number }) => !this.#chunkOf.has(number) && !this.#returned.has(number));
    this.#maybeBegun = Math.max(0, this.#maybeBegun - unknown.length);
    const views = await Promise.all(
      unknown.map(({ number }) => context.store.read(requestIdOf(origin, number, NATIVE_TRY))),
    );
    return new Set(unknown.filter((_, index) => views[index] !== null).map(({ number }) => number));
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#loadChunks();
    return this.#loaded;
  }

  /** What earlier owners handed over. */
  async #loadChunks(): Promise<void> {
    const { context, origin, position } = this.#input;
    if (this.#maybeBegun === 0) return;
    const open = new Set(position.open.map(({ number }) => number));
    const isDone = (number: number) => number < position.next.number && !open.has(number);
    for (const chunk of await context.native.chunks.list(origin.batch.id)) {
      const pending = chunk.lines.map(({ number }) => number).filter((number) => !isDone(number));
      const target = targetOf(context, origin, chunk);
      const run = this.#add(target, chunk, { pending, isWritten: true });
      if (pending.length === 0) await this.#finish(run);
      else run.start();
    }
  }

  #handOver({ target, lines }: LineGroup): void {
    const { origin } = this.#input;
    const { deployment, upstreamModel, protocol } = target;
    const places = lines.map(({ number, offset, length }) => ({ number, offset, length }));
    const chunk: NativeChunk = {
      id: `nb_${createSortableId()}`,
      batchId: origin.batch.id,
      keyId: origin.key.id,
      provider: deployment.provider.name,
      deployment: deployment.id,
      upstreamModel,
      protocol: protocol.vendor,
      state: 'submitting',
      lines: places,
      replyShards: origin.replyShards,
      vendorBatchId: null,
      hold: null,
      createdAtMs: Date.now(),
    };
    const run = this.#add(target, chunk, { pending: places.map(({ number }) => number), isWritten: false });
    for (const { number, customId } of lines) run.attach(number, customId);
    run.start();
  }

  #add(
    target: NativeTarget | null,
    chunk: NativeChunk,
    { pending, isWritten }: { pending: readonly number[]; isWritten: boolean },
  ): ChunkRun {
    const { context, position } = this.#input;
    const task: ChunkTask = {
      host: this.#hostOf(target),
      target,
      chunk,
      isWritten,
      maybeSubmitted: isWritten,
      tries: 0,
      pollMs: context.configuration.batches.native.poll_ms,
      recalledAtMs: null,
      isStopping: false,
      isLetGo: this.#isAbandoned,
      pending: new Set(pending),
      unstored: new Set(),
      attached: new Map(),
      resumedBefore: position.next.number,
    };
    const run = new ChunkRun(task);
    this.#chunks.add(run);
    for (const number of pending) this.#chunkOf.set(number, run);
    if (this.#stopReason !== null) run.stop();
    return run;
  }

  #hostOf(target: NativeTarget | null): ChunkTask['host'] {
    const { context, origin, lease, hooks, leaseUntilMs } = this.#input;
    return {
      context,
      origin,
      lease,
      leaseUntilMs,
      reload: hooks.reload,
      drained: hooks.drained,
      lastCallMs: () => lastCallMs(this.#outlook(target)),
      onResult: (line, result) => this.#onResult(line, result),
      onReturned: (numbers, firstTry) => this.#takeBack(numbers, firstTry),
      onRefused: (key) => this.#refusedUntilMs.set(key, Date.now() + REFUSED_MS),
    };
  }

  #outlook(target: NativeTarget | null) {
    const { context, origin } = this.#input;
    const { batch } = origin;
    return {
      deadlineAtMs: batch.expiresAtMs,
      remaining: batch.total - endedLines(batch) - this.#ended,
      linesPerSecond: context.native.rate.of(target?.deployment ?? null),
    };
  }

  #recallAtMs(target: NativeTarget | null): number {
    const { cancel_ms: cancelMs } = this.#input.context.configuration.batches.native;
    return recallAtMs({ ...this.#outlook(target), cancelMs });
  }

  #tick(): void {
    if (this.#stopReason !== null) return;
    this.#packer.flushDue();
    const now = Date.now();
    for (const chunk of this.#chunks) if (now >= this.#recallAtMs(chunk.task.target)) chunk.recall();
  }

  #takeBack(numbers: readonly number[], firstTry: number): void {
    if (this.#isAbandoned) return;
    for (const number of numbers) {
      this.#returned.set(number, firstTry);
      // Nothing of it was written down.
      if (firstTry === NATIVE_TRY) this.#chunkOf.delete(number);
    }
    this.#input.hooks.onReturned(numbers);
  }

  async #finish(chunk: ChunkRun): Promise<void> {
    chunk.letGo();
    this.#chunks.delete(chunk);
    await removeChunk(this.#input.context, chunk.task);
  }
}
