// Runs lines in their providers' own batches if the first step of their plan has them, and all others as ordinary requests;
// so do lines that come back without an answer. The first try of a line is its provider's; ordinary ones count from the
// second.
import { endedLines } from '#src/batches/batch.ts';
import type { OpenLine, RunPosition } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { Lease } from '#src/batches/run-store.ts';
import type { BatchContext } from '../batch-context.ts';
import { type LineOrigin, requestIdOf } from '../line-request.ts';
import type { LineRunner, LineRunnerHooks, RunnableLine, StopReason } from '../line-runner.ts';
import { RequestRunner } from '../request-runner.ts';
import { Chunks } from './chunks.ts';
import { type GatheredLine, LinePacker } from './line-packer.ts';
import { findTarget, keyOf, NATIVE_TRY, type NativeTarget } from './native-line.ts';
import { lastCallMs, recallAtMs } from './native-services.ts';

export interface NativeRunnerInput {
  context: BatchContext;
  origin: LineOrigin;
  lease: Lease;
  /** The last committed position. */
  position: RunPosition;
  hooks: LineRunnerHooks;
  leaseUntilMs(): number;
  /** How many of the next lines an earlier owner may have started; 0 if there was none. */
  maybeBegun: number;
}

const TICK_MS = 500;
/** Pause after a provider refused a batch. */
const REFUSED_MS = 300_000;

export class NativeRunner implements LineRunner {
  readonly #context: BatchContext;
  readonly #origin: LineOrigin;
  readonly #hooks: LineRunnerHooks;
  readonly #requests: RequestRunner;
  readonly #packer: LinePacker;
  readonly #chunks: Chunks;
  /** Returned line → number of its next try. */
  readonly #returned = new Map<number, number>();
  readonly #refusedUntilMs = new Map<string, number>();
  readonly #ticker: NodeJS.Timeout;
  #loaded: Promise<void> | null = null;
  #maybeBegun: number;
  #ended = 0;
  #stopReason: StopReason | null = null;

  constructor(input: NativeRunnerInput) {
    const { context, origin, hooks, maybeBegun } = input;
    this.#context = context;
    this.#origin = origin;
    this.#hooks = hooks;
    this.#maybeBegun = maybeBegun;
    const ordinary = { ...hooks, onResult: this.#onOrdinaryResult.bind(this) };
    this.#requests = new RequestRunner(context, origin, ordinary, maybeBegun);
    const { chunk_lines: lines, chunk_bytes: bytes } = context.configuration.batches.native;
    this.#packer = new LinePacker({ lines, bytes }, (group) => this.#chunks.handOver(group));
    this.#chunks = new Chunks({
      ...input,
      onResult: this.#onResult.bind(this),
      onReturned: this.#takeBack.bind(this),
      onOverflow: this.#packAgain.bind(this),
      onRefused: (key) => this.#refusedUntilMs.set(key, Date.now() + REFUSED_MS),
      lastCallMs: (target) => lastCallMs(this.#outlook(target)),
    });
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  async start(lines: readonly RunnableLine[]): Promise<void> {
    await this.#load();
    const begun = await this.#findBegun(lines);
    const parked: RunnableLine[] = [];
    const ordinary: RunnableLine[] = [];
    const targets = new Map<RunnableLine, NativeTarget>();
    for (const line of lines) {
      const target = begun.has(line.number) ? null : this.#targetFor(line);
      if (target !== null) targets.set(line, target);
      if (target !== null || this.#isChunked(line)) parked.push(line);
      else ordinary.push(this.#asOrdinary(line));
    }
    this.#hooks.onParked(parked.map(({ number }) => number));
    for (const line of parked) {
      const target = targets.get(line);
      if (target === undefined) this.#chunks.attach(line);
      else this.#packer.add(target, line);
    }
    if (ordinary.length > 0) await this.#requests.start(ordinary);
  }

  async join(lines: readonly RunnableLine[], reason: StopReason): Promise<void> {
    this.#stopReason ??= reason;
    this.#chunks.stop();
    await this.#load();
    const chunked = lines.filter((line) => this.#isChunked(line));
    this.#hooks.onParked(chunked.map(({ number }) => number));
    for (const line of chunked) this.#chunks.attach(line);
    const others = lines.filter((line) => !this.#isChunked(line)).map((line) => this.#asOrdinary(line));
    if (others.length > 0) await this.#requests.join(others, reason);
  }

  stop(reason: StopReason): void {
    this.#stopReason = reason;
    for (const line of this.#packer.takeAll()) this.#onResult(line, { kind: reason });
    this.#chunks.stop();
    this.#requests.stop(reason);
  }

  async forget(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) this.#returned.delete(number);
    await this.#requests.forget(numbers);
    await this.#chunks.stored(numbers);
  }

  abandon(): void {
    clearInterval(this.#ticker);
    this.#chunks.letGo();
    this.#requests.abandon();
  }

  #onResult(line: OpenLine & { customId: string }, result: LineResult): void {
    this.#ended += 1;
    this.#hooks.onResult(line, result);
  }

  #onOrdinaryResult(line: OpenLine & { customId: string }, result: LineResult): void {
    if (result.kind === 'answered') this.#context.native.rate.note();
    this.#onResult(line, result);
  }

  /** A chunk has it and has not returned it. */
  #isChunked({ number }: RunnableLine): boolean {
    return this.#chunks.has(number) && !this.#returned.has(number);
  }

  #asOrdinary(line: RunnableLine): RunnableLine {
    const firstTry = this.#returned.get(line.number);
    return firstTry === undefined ? line : { ...line, firstTry };
  }

  /** Null for a line that is already in a chunk, was returned, or would be late in one. */
  #targetFor(line: RunnableLine): NativeTarget | null {
    const { number } = line;
    if (this.#stopReason !== null || this.#chunks.has(number) || this.#returned.has(number)) return null;
    const target = findTarget(this.#context, this.#origin, line);
    if (target === null || this.#context.native.isHeld(target.deployment)) return null;
    if ((this.#refusedUntilMs.get(keyOf(target)) ?? 0) > Date.now()) return null;
    const { poll_ms: pollMs } = this.#context.configuration.batches.native;
    return Date.now() + pollMs < this.#recallAtMs(target) ? target : null;
  }

  /** Lines that an earlier owner started as ordinary requests; they stay that. */
  async #findBegun(lines: readonly RunnableLine[]): Promise<ReadonlySet<number>> {
    if (this.#maybeBegun === 0) return new Set();
    const unknown = lines.filter(({ number }) => !this.#chunks.has(number) && !this.#returned.has(number));
    this.#maybeBegun = Math.max(0, this.#maybeBegun - unknown.length);
    const { store } = this.#context;
    const views = await Promise.all(
      unknown.map(({ number }) => store.read(requestIdOf(this.#origin, number, NATIVE_TRY))),
    );
    return new Set(unknown.filter((_, index) => views[index] !== null).map(({ number }) => number));
  }

  /** Only a batch with an earlier owner can have chunks in SQL. */
  #load(): Promise<void> {
    this.#loaded ??= this.#maybeBegun === 0 ? Promise.resolve() : this.#chunks.load();
    return this.#loaded;
  }

  #outlook(target: NativeTarget | null) {
    const { batch } = this.#origin;
    return {
      deadlineAtMs: batch.expiresAtMs,
      remaining: batch.total - endedLines(batch) - this.#ended,
      linesPerSecond: this.#context.native.rate.of(target?.deployment ?? null),
    };
  }

  #recallAtMs(target: NativeTarget | null): number {
    const { cancel_ms: cancelMs } = this.#context.configuration.batches.native;
    return recallAtMs({ ...this.#outlook(target), cancelMs });
  }

  #tick(): void {
    if (this.#stopReason !== null) return;
    this.#packer.flushDue();
    this.#chunks.recallDue((target) => this.#recallAtMs(target));
  }

  /** These lines run as ordinary requests once slots are free; in a stopped batch they get its reason instead. */
  #takeBack(numbers: readonly number[], firstTry: number): void {
    for (const number of numbers) {
      this.#returned.set(number, firstTry);
      if (firstTry === NATIVE_TRY) this.#chunks.drop(number);
    }
    if (numbers.length > 0) this.#hooks.onReturned(numbers);
  }

  #packAgain(target: NativeTarget | null, lines: readonly GatheredLine[]): void {
    for (const line of lines) {
      this.#chunks.drop(line.number);
      if (target !== null && this.#stopReason === null) this.#packer.add(target, line);
      else this.#takeBack([line.number], NATIVE_TRY);
    }
  }
}
