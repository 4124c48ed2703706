// One chunk from its submission to its last stored result, in the process that owns its batch. The states are those of
// src/batches/native-chunk.ts; each has a method here that says how long to wait before the next look.
import type { ChunkState, NativeChunk } from '#src/batches/native-chunk.ts';
import { LeaseLost } from '#src/batches/run-changes.ts';
import type { OpenLine } from '#src/batches/run-position.ts';
import { createFailure } from '#src/contracts/failure.ts';
import type { VendorBatch } from '#src/protocols/batch-protocol.ts';
import { requestIdOf } from '../line-request.ts';
import type { ChunkHost } from './chunk-host.ts';
import { encodeChunk } from './encode-chunk.ts';
import { findSubmission } from './find-submission.ts';
import { keyOf, NATIVE_TRY, type NativeTarget } from './native-line.ts';
import { abandonChunk, takeResults } from './take-results.ts';
import { type Submission, submitChunk } from './submit-chunk.ts';

export interface ChunkRunInput {
  host: ChunkHost;
  /** Null when the configuration does not know its deployment any more. */
  target: NativeTarget | null;
  chunk: NativeChunk;
  /** It stands in SQL: an earlier owner wrote it. */
  isResumed: boolean;
  /** Lines without a stored result. */
  pending: Iterable<number>;
}

/** Waits between steps; null when nothing is left to do but to wait for results to be stored. */
type Wait = number | null;

const AGAIN: Wait = 0;
const TROUBLE_MS = 2_000;
/** A request of a process that died can still be on its way for so long. */
const IN_FLIGHT_MS = 15_000;
const SEARCH_MS = 2_000;
const SUBMIT_TRIES = 4;
const SUBMIT_RETRY_MS = 1_000;
const RECALLED_POLL_MS = 1_000;
const ATTACH_MS = 200;
/** How much less often a vendor is asked each time. */
const POLL_GROWTH = 1.5;

export class ChunkRun {
  readonly #host: ChunkHost;
  readonly #target: NativeTarget | null;
  readonly #pending: Set<number>;
  /** Lines whose results are for this owner to write down. */
  readonly #attached = new Map<number, string>();
  #chunk: NativeChunk;
  #isWritten: boolean;
  /** Its submission was begun once, by whomever. */
  #maybeSubmitted: boolean;
  #tries = 0;
  #pollMs: number;
  #recalledAtMs: number | null = null;
  /** The batch is being stopped: lines that are not attached now never will be. */
  #isStopping = false;
  #isLetGo = false;
  #wake: () => void = () => undefined;

  constructor({ host, target, chunk, isResumed, pending }: ChunkRunInput) {
    this.#host = host;
    this.#target = target;
    this.#chunk = chunk;
    this.#isWritten = isResumed;
    this.#maybeSubmitted = isResumed;
    this.#pending = new Set(pending);
    this.#pollMs = host.context.configuration.batches.native.poll_ms;
  }

  get chunk(): NativeChunk {
    return this.#chunk;
  }

  get key(): string {
    return `${this.#chunk.deployment} ${this.#chunk.upstreamModel}`;
  }

  start(): void {
    void this.#run();
  }

  attach(number: number, customId: string): void {
    this.#attached.set(number, customId);
  }

  /** Its vendor is told to cancel it; what it has done by then counts. */
  recall(): void {
    if (this.#recalledAtMs !== null) return;
    this.#recalledAtMs = Date.now();
    this.#wake();
  }

  stop(): void {
    this.#isStopping = true;
    this.recall();
    this.#wake();
  }

  /** Lines whose results are stored. Gives true when all are. */
  stored(numbers: readonly number[]): boolean {
    for (const number of numbers) this.#pending.delete(number);
    return this.#pending.size === 0;
  }

  /** Another owner goes on. */
  letGo(): void {
    this.#isLetGo = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { logger } = this.#host.context;
    while (!this.#isLetGo) {
      const wait = await this.#step().catch((error: unknown) => {
        if (error instanceof LeaseLost) return null;
        if (!this.#isLetGo) logger.warn({ err: error, chunk: this.#chunk.id }, 'a vendor’s batch could not be looked after');
        return TROUBLE_MS;
      });
      if (wait === null) return;
      if (wait > 0 && !this.#isLetGo) await this.#sleep(wait);
    }
  }

  #sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #step(): Promise<Wait> {
    switch (this.#chunk.state) {
      case 'submitting':
        return this.#maybeSubmitted ? this.#search() : this.#submit();
      case 'running':
        return this.#poll();
      case 'recalled':
        return this.#pollRecalled();
      case 'ended':
        return this.#takeResults();
      case 'returned':
        return this.#giveBack([...this.#pending], this.#isWritten ? NATIVE_TRY + 1 : NATIVE_TRY);
      case 'abandoned':
        return this.#abandon();
    }
  }

  async #become(state: ChunkState, vendorBatchId = this.#chunk.vendorBatchId): Promise<Wait> {
    if (this.#isWritten) {
      await this.#host.context.native.chunks.change(this.#host.lease, this.#chunk.id, { state, vendorBatchId });
    }
    this.#chunk = { ...this.#chunk, state, vendorBatchId };
    this.#host.context.metrics.vendorChunk(state);
    const { id, provider, batchId: batch } = this.#chunk;
    this.#host.context.logger.info({ chunk: id, batch, provider, state, vendorBatchId }, 'vendor’s batch');
    return AGAIN;
  }

  #submit(): Promise<Wait> {
    const target = this.#target;
    if (target === null || this.#recalledAtMs !== null) return this.#become('returned');
    return this.#host.context.native.submissions.take(async () => {
      if (this.#isLetGo) return null;
      const { context, origin, reload } = this.#host;
      const maxBytes = context.configuration.batches.native.chunk_bytes;
      const encoded = await encodeChunk(
        { context, origin, target, chunk: this.#chunk },
        this.#chunk.lines,
        maxBytes,
        reload,
      );
      if (!this.#isWritten && !(await this.#writeDown(encoded.kept, encoded.rejected, encoded.chargeUnits))) {
        return this.#become('returned');
      }
      if (this.#isLetGo) return null;
      this.#tries += 1;
      this.#maybeSubmitted = true;
      return this.#follow(await submitChunk(this.#host, target, this.#chunk, encoded));
    });
  }

  /** False when nothing can be handed over: no line can be said there, or the key's budget has no room. */
  async #writeDown(kept: OpenLine[], rejected: OpenLine[], chargeUnits: number): Promise<boolean> {
    const { context, lease, origin } = this.#host;
    const numbers = rejected.map(({ number }) => number);
    for (const number of numbers) this.#pending.delete(number);
    if (numbers.length > 0) this.#host.onReturned(numbers, NATIVE_TRY);
    if (kept.length === 0) return false;
    const untilMs = origin.batch.expiresAtMs + context.configuration.batches.native.cancel_ms;
    const reservation = await context.budgets.reserve(origin.key, this.#chunk.id, chargeUnits, untilMs);
    if (reservation.kind === 'exhausted') return false;
    const hold = reservation.kind === 'held' ? reservation.hold : null;
    this.#chunk = { ...this.#chunk, lines: kept, hold, createdAtMs: Date.now() };
    await context.native.chunks.insert(lease, this.#chunk);
    this.#isWritten = true;
    return true;
  }

  async #follow(submission: Submission): Promise<Wait> {
    if (submission.kind === 'submitted') return this.#adopt(submission.batch);
    const { failure, kind } = submission;
    const { logger } = this.#host.context;
    logger.warn({ failure, chunk: this.#chunk.id, kind }, 'a batch was not handed over to its vendor');
    if (kind !== 'unknown') this.#maybeSubmitted = false;
    const waitMs = failure.retryAfterMs ?? SUBMIT_RETRY_MS * 2 ** this.#tries;
    const isOver = kind === 'refused' || this.#tries >= SUBMIT_TRIES || Date.now() + waitMs > this.#host.lastCallMs();
    if (kind === 'unknown' || !isOver) return waitMs;
    return this.#refused();
  }

  #adopt({ id }: VendorBatch): Promise<Wait> {
    return this.#become('running', id);
  }

  #refused(): Promise<Wait> {
    this.#host.onRefused(this.key);
    return this.#become('returned');
  }

  async #search(): Promise<Wait> {
    const { context, origin } = this.#host;
    if (this.#target === null) return this.#become('abandoned');
    const { protocol, route, deployment } = this.#target;
    const isLate = Date.now() > this.#giveUpAtMs;
    const search = await findSubmission({
      client: context.native.vendors,
      access: { provider: deployment.provider, vendor: route.vendor },
      protocol,
      chunk: this.#chunk,
      requestIds: new Set(this.#chunk.lines.map(({ number }) => requestIdOf(origin, number, NATIVE_TRY))),
      known: await context.native.chunks.vendorBatchIds(this.#chunk.provider),
      maxLineBytes: context.configuration.workers.max_answer_bytes,
    }).catch((error: unknown) => {
      if (!isLate) throw error;
      return { kind: 'unsure' as const };
    });
    if (search.kind === 'found') return this.#adopt(search.batch);
    if (search.kind === 'unsure') return isLate ? this.#become('abandoned') : SEARCH_MS;
    // It could still arrive.
    if (this.#tries === 0 && Date.now() < this.#chunk.createdAtMs + IN_FLIGHT_MS) return SEARCH_MS;
    this.#maybeSubmitted = false;
    return this.#tries >= SUBMIT_TRIES ? this.#refused() : AGAIN;
  }

  async #poll(): Promise<Wait> {
    if (this.#target === null) return this.#become('abandoned');
    if (this.#recalledAtMs !== null) {
      await this.#ask((protocol, id) => protocol.cancel(id));
      return this.#become('recalled');
    }
    const ended = await this.#look();
    if (ended !== null) return ended;
    const waitMs = this.#pollMs;
    this.#pollMs = Math.min(waitMs * POLL_GROWTH, this.#host.context.configuration.batches.native.max_poll_ms);
    return waitMs;
  }

  async #pollRecalled(): Promise<Wait> {
    if (this.#target === null) return this.#become('abandoned');
    this.#recalledAtMs ??= Date.now();
    const ended = await this.#look();
    if (ended !== null) return ended;
    if (Date.now() > this.#giveUpAtMs) return this.#become('abandoned');
    // The first time it may not have been heard.
    await this.#ask((protocol, id) => protocol.cancel(id));
    return RECALLED_POLL_MS;
  }

  /** Unix ms until which a vendor that was told to cancel is waited for. */
  get #giveUpAtMs(): number {
    const { cancel_ms: cancelMs } = this.#host.context.configuration.batches.native;
    const untilMs = (this.#recalledAtMs ?? Number.POSITIVE_INFINITY) + cancelMs;
    return this.#isStopping ? untilMs : Math.min(untilMs, this.#host.lastCallMs());
  }

  /** Null while it has not ended. */
  async #look(): Promise<Wait> {
    const answer = await this.#ask((protocol, id) => protocol.retrieve(id));
    if (answer.kind === 'failed') {
      // Somebody has deleted it.
      return answer.failure.upstreamStatus === 404 ? this.#become('abandoned') : null;
    }
    const batch = this.#target!.protocol.readBatch(answer.value);
    return batch?.hasEnded ? this.#become('ended') : null;
  }

  #ask(call: (protocol: NativeTarget['protocol'], id: string) => Parameters<typeof this.vendorAsk>[0]) {
    return this.vendorAsk(call(this.#target!.protocol, this.#chunk.vendorBatchId!));
  }

  async #takeResults(): Promise<Wait> {
    return null;
  }
}
