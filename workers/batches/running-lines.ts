// Lines in flight as ordinary requests: finding those that Redis lost, stopping them.
import type { OpenLine } from '#src/batches/input-lines.ts';
import { createFailure } from '#src/contracts/failure.ts';
import type { HeadMeta } from '#src/contracts/frame.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { RequestView } from '#src/reply/request-store.ts';
import type { ReplySubscription } from '#src/reply/subscriber.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { BatchContext } from './batch-context.ts';
import type { RunnableLine } from './line-runner.ts';

export interface RunningLine extends OpenLine {
  customId: string;
  /** From 1. */
  tryNumber: number;
  /** Tries that a provider failed. */
  faults: number;
  /** Null during the backoff before the next try. */
  spec: RequestSpec | null;
  /** The request is in Redis. */
  isAccepted: boolean;
  subscription: ReplySubscription | null;
  timer: NodeJS.Timeout | null;
  /** Start of this try. Unix ms. */
  startedAtMs: number;
  head: HeadMeta | null;
  pieces: Buffer[];
}

/** Without the body: it is in Redis, and in the input file for a retry. */
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

export const LOOK_AFTER_MS = 5_000;
/** Younger requests are not checked: a worker may just be working on them. */
const YOUNG_MS = 5_000;
const SAMPLE_LINES = 16;
/** Lines without an answer for this long are all checked, not only a sample. */
const SILENT_MS = 60_000;
const SILENT_LOOKS_MS = 30_000;

interface Looked {
  line: RunningLine;
  /** Null if its request is lost. */
  view: RequestView | null;
}

/**
 * Finds lines that Redis lost in a crash or a flush: either the whole request, or only its job. A loss rarely concerns a
 * single line, so a small sample is checked often, and all lines once a sampled one is lost.
 */
export class LostLines {
  readonly #context: BatchContext;
  #lookedAtSilentMs = Date.now();

  constructor(context: BatchContext) {
    this.#context = context;
  }

  /** Lines whose requests are lost. Those that only lost their job are enqueued again. Rejects while Redis is down. */
  async find(running: Iterable<RunningLine>): Promise<RunningLine[]> {
    const now = Date.now();
    // A request that is still being written is not lost.
    const lines = [...running].filter((line) => line.isAccepted && line.startedAtMs < now - YOUNG_MS);
    const sampled = await this.#look(sample(lines));
    if (sampled.some(({ view }) => view === null)) return this.#restore(lines);
    if (now - this.#lookedAtSilentMs < SILENT_LOOKS_MS) return [];
    this.#lookedAtSilentMs = now;
    return this.#restore(lines.filter((line) => line.startedAtMs < now - SILENT_MS));
  }

  async #restore(lines: readonly RunningLine[]): Promise<RunningLine[]> {
    const looked = await this.#look(lines);
    await this.#queueAgain(looked.flatMap(({ view }) => (view?.state === 'queued' ? [view] : [])));
    return looked.filter(({ view }) => view === null).map(({ line }) => line);
  }

  /** Without lines that were answered or retried in the meantime. */
  async #look(lines: readonly RunningLine[]): Promise<Looked[]> {
    const specs = lines.map(({ spec }) => spec);
    const views = await Promise.all(specs.map((spec) => spec && this.#context.store.read(spec.requestId)));
    return lines
      .map((line, at) => ({ line, view: views[at]! }))
      .filter(({ line }, at) => specs[at] !== null && line.spec === specs[at]);
  }

  /** An existing job is unchanged. */
  async #queueAgain(views: readonly RequestView[]): Promise<void> {
    const byProvider = Map.groupBy(views, ({ spec, step, progress }) => stepAt(spec.plan, step, progress).provider);
    for (const [provider, queued] of byProvider) {
      const jobs = queued.map(({ spec, step }) => ({ requestId: spec.requestId, step }));
      await this.#context.producer.enqueueAll(provider, 'batch', jobs);
    }
  }
}

/** A different sample each time, so that a sample without lost lines is not checked repeatedly. */
function sample(lines: readonly RunningLine[]): RunningLine[] {
  const step = Math.max(1, Math.floor(lines.length / SAMPLE_LINES));
  const first = Math.floor(Math.random() * step);
  return lines.filter((_, index) => index % step === first);
}

interface StopHooks {
  isAbandoned(): boolean;
  /** The line ended without an answer. A line that is answered in the meantime leaves `running` by itself. */
  onStopped(line: RunningLine): void;
}

const REPEAT_MS = 1_000;
/** How long workers have to stop their calls. */
const LIMIT_MS = 30_000;
const CANCELS_AT_ONCE = 100;

/** Removes waiting jobs and tells workers to cancel the rest. Resolves when `running` is empty or the batch was abandoned. */
export async function stopLines(
  context: BatchContext,
  running: ReadonlyMap<number, RunningLine>,
  hooks: StopHooks,
): Promise<void> {
  const untilMs = Date.now() + LIMIT_MS;
  while (running.size > 0 && !hooks.isAbandoned()) {
    const lines = [...running.values()];
    for (let from = 0; from < lines.length; from += CANCELS_AT_ONCE) {
      await Promise.all(lines.slice(from, from + CANCELS_AT_ONCE).map((line) => stopOne(context, line, hooks)));
    }
    if (running.size === 0 || Date.now() > untilMs) break;
    await new Promise((resolve) => setTimeout(resolve, REPEAT_MS));
  }
  if (!hooks.isAbandoned()) for (const line of [...running.values()]) hooks.onStopped(line);
}

async function stopOne(context: BatchContext, line: RunningLine, hooks: StopHooks): Promise<void> {
  if (line.spec === null) return hooks.onStopped(line);
  const state = await cancelLine(context, line.spec).catch((error: Error) => {
    context.onTrouble(error);
    return 'running' as const;
  });
  if (state === 'removed') hooks.onStopped(line);
  // The announcement of its last frame may be lost: pausing and resuming reads the log.
  if (state !== 'over') return;
  line.subscription?.pause();
  line.subscription?.resume();
}

const CANCELLED = createFailure('request_cancelled', 'The batch was cancelled or has expired.');

/**
 * `removed`: no worker will run it, and its books are closed. `over`: its last frame is in the log. `running`: its worker
 * was asked to cancel; call again.
 */
async function cancelLine(context: BatchContext, spec: RequestSpec): Promise<'removed' | 'over' | 'running'> {
  const { store, producer } = context;
  const result = await store.cancel(spec.requestId);
  if (result.kind === 'done') return 'over';
  if (result.kind === 'running') return 'running';
  const view = await store.read(spec.requestId);
  if (view === null) return 'removed';
  // By the plan in the record, which an earlier owner may have made.
  const step = stepAt(view.spec.plan, result.step, result.progress);
  const job = { requestId: spec.requestId, step: result.step };
  if (!(await producer.remove(step.provider, 'batch', job))) return 'running';
  // Order matters here: once the record is gone, nothing would close its books.
  await context.books.close({
    spec: view.spec,
    progress: result.progress,
    failure: CANCELLED,
    answeredBy: null,
    waitedAt: step,
  });
  await store.forget([spec.requestId]);
  return 'removed';
}
