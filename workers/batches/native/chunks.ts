// The chunks of one batch: those of earlier owners, and those that this one submits.

import type { OpenLine, RunPosition } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { NativeChunk } from '#src/batches/native-chunk-store.ts';
import type { Lease } from '#src/batches/run-store.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import type { BatchContext } from '../batch-context.ts';
import type { LineOrigin } from '../line-request.ts';
import type { LineRunnerHooks } from '../line-runner.ts';
import { ChunkRun } from './chunk-run.ts';
import { accessOf, askProvider, type ChunkHost, type ChunkTask } from './chunk-task.ts';
import type { GatheredLine, LineGroup } from './line-packer.ts';
import { type NativeTarget, targetOf } from './native-line.ts';

interface ChunksInput {
  context: BatchContext;
  origin: LineOrigin;
  lease: Lease;
  /** The last committed position. */
  position: RunPosition;
  hooks: Pick<LineRunnerHooks, 'reload' | 'drained'>;
  leaseUntilMs(): number;
  onResult(line: OpenLine & { customId: string }, result: LineResult): void;
  onReturned(numbers: readonly number[], firstTry: number): void;
  onOverflow(target: NativeTarget | null, lines: readonly GatheredLine[]): void;
  onRefused(key: string): void;
  lastCallMs(target: NativeTarget | null): number;
}

export class Chunks {
  readonly #input: ChunksInput;
  readonly #runs = new Set<ChunkRun>();
  readonly #runOf = new Map<number, ChunkRun>();
  #isStopping = false;
  #isLetGo = false;

  constructor(input: ChunksInput) {
    this.#input = input;
  }

  /** Whether a chunk has the line. */
  has(number: number): boolean {
    return this.#runOf.has(number);
  }

  attach({ number, customId }: { number: number; customId: string }): void {
    this.#runOf.get(number)?.attach(number, customId);
  }

  /** The line is no longer in a chunk, and its chunk was stored without it. */
  drop(number: number): void {
    this.#runOf.delete(number);
  }

  /** Loads the chunks that earlier owners submitted. */
  async load(): Promise<void> {
    const { context, origin, position } = this.#input;
    const open = new Set(position.open.map(({ number }) => number));
    const isDone = (number: number) => number < position.next.number && !open.has(number);
    for (const chunk of await context.native.chunks.list(origin.batch.id)) {
      const pending = chunk.lines.map(({ number }) => number).filter((number) => !isDone(number));
      const run = this.#add(targetOf(context, origin, chunk), chunk, pending, true);
      if (pending.length === 0) await this.#finish(run);
      else run.start();
    }
  }

  handOver({ target, lines }: LineGroup): void {
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
      protocol: protocol.upstream,
      state: 'submitting',
      lines: places,
      replyShards: origin.replyShards,
      providerBatchId: null,
      credential: null,
      reservation: null,
      createdAtMs: Date.now(),
    };
    const numbers = places.map(({ number }) => number);
    const run = this.#add(target, chunk, numbers, false);
    for (const line of lines) this.attach(line);
    run.start();
  }

  /** Has providers cancel chunks whose lines must start as ordinary requests now. */
  recallDue(recallAtMs: (target: NativeTarget | null) => number): void {
    const now = Date.now();
    for (const run of this.#runs) if (now >= recallAtMs(run.task.target)) run.recall();
  }

  stop(): void {
    this.#isStopping = true;
    for (const run of this.#runs) run.stop();
  }

  /** The results of these lines are stored. */
  async stored(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      const run = this.#runOf.get(number);
      this.#runOf.delete(number);
      if (run?.stored(number)) await this.#finish(run);
    }
  }

  letGo(): void {
    this.#isLetGo = true;
    for (const run of this.#runs) run.letGo();
  }

  #add(target: NativeTarget | null, chunk: NativeChunk, pending: readonly number[], isWritten: boolean): ChunkRun {
    const { context, position } = this.#input;
    const run = new ChunkRun({
      host: this.#hostOf(target),
      target,
      chunk,
      isWritten,
      maybeSubmitted: isWritten,
      tries: 0,
      refusedBy: new Set(),
      pollMs: context.configuration.batches.native.poll_ms,
      recalledAtMs: null,
      isStopping: false,
      isLetGo: this.#isLetGo,
      pending: new Set(pending),
      unstored: new Set(),
      attached: new Map(),
      resumedBefore: position.next.number,
    });
    this.#runs.add(run);
    for (const number of pending) this.#runOf.set(number, run);
    if (this.#isStopping) run.stop();
    return run;
  }

  #hostOf(target: NativeTarget | null): ChunkHost {
    const { context, origin, lease, hooks, leaseUntilMs, onResult, onReturned, onRefused } = this.#input;
    return {
      context,
      origin,
      lease,
      leaseUntilMs,
      reload: hooks.reload,
      drained: hooks.drained,
      onResult,
      onReturned,
      onRefused,
      onOverflow: (lines) => this.#input.onOverflow(target, lines),
      lastCallMs: () => this.#input.lastCallMs(target),
    };
  }

  async #finish(run: ChunkRun): Promise<void> {
    run.letGo();
    this.#runs.delete(run);
    await removeChunk(this.#input.context, run.task);
  }
}

/**
 * Deletes a chunk whose results are stored and booked, here and at its provider. An abandoned one stays until its provider
 * reports its usage (settle-orphaned.ts).
 */
async function removeChunk({ native, logger }: BatchContext, task: ChunkTask): Promise<void> {
  const { chunk, target, isWritten } = task;
  if (!isWritten || chunk.state === 'abandoned') return;
  await native.chunks.remove(chunk.id);
  if (target === null || chunk.providerBatchId === null) return;
  // Otherwise it expires.
  void tidyProvider(task, target).catch((error: unknown) => {
    logger.warn({ err: error, chunk: chunk.id }, 'a batch could not be deleted at its provider; it will expire');
  });
}

async function tidyProvider(task: ChunkTask, target: NonNullable<ChunkTask['target']>): Promise<void> {
  const answer = await askProvider(task, target, (protocol, id) => protocol.retrieve(id));
  const batch = answer.kind === 'answered' ? target.protocol.readBatch(answer.value) : null;
  if (batch === null || !batch.hasEnded) return;
  for (const call of target.protocol.remove(batch))
    await task.host.context.native.providers.ask(accessOf(task, target), call);
}
