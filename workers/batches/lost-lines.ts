// Lines that Redis has lost: in a crash without its last fsync, in a flush. Either the whole request is gone, or only the
// job that would bring it to a worker. A loss is rarely one line's, so a few lines are looked at often; when one of them
// is gone, all are looked at.
import type { RequestView } from '#src/reply/request-store.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { BatchContext } from './batch-context.ts';
import type { RunningLine } from './running-line.ts';

export const LOOK_AFTER_MS = 5_000;
/** What runs for a shorter time than this was hardly lost, and a worker may have it in its hands. */
const YOUNG_MS = 5_000;
const SAMPLE_LINES = 16;
/** A line without a word for so long is looked at whatever became of the others. */
const SILENT_MS = 60_000;
const SILENT_LOOKS_MS = 30_000;

interface Looked {
  line: RunningLine;
  /** Null when its request is gone. */
  view: RequestView | null;
}

export class LostLines {
  readonly #context: BatchContext;
  #lookedAtSilentMs = Date.now();

  constructor(context: BatchContext) {
    this.#context = context;
  }

  /** Lines whose requests are gone; what only lacks its job gets it again. Rejects while Redis is away. */
  async find(running: Iterable<RunningLine>): Promise<RunningLine[]> {
    const now = Date.now();
    // A request that is still on its way into Redis is not lost.
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

  /** Without those that were answered, or tried again, meanwhile. */
  async #look(lines: readonly RunningLine[]): Promise<Looked[]> {
    const specs = lines.map(({ spec }) => spec);
    const views = await Promise.all(specs.map((spec) => spec && this.#context.store.read(spec.requestId)));
    return lines
      .map((line, at) => ({ line, view: views[at]! }))
      .filter(({ line }, at) => specs[at] !== null && line.spec === specs[at]);
  }

  /** A job that is there stays as it is. */
  async #queueAgain(views: readonly RequestView[]): Promise<void> {
    const byProvider = Map.groupBy(views, ({ spec, step, progress }) => stepAt(spec.plan, step, progress).provider);
    for (const [provider, queued] of byProvider) {
      const jobs = queued.map(({ spec, step }) => ({ requestId: spec.requestId, step }));
      await this.#context.producer.enqueueAll(provider, 'batch', jobs);
    }
  }
}

function sample(lines: readonly RunningLine[]): RunningLine[] {
  const step = Math.max(1, Math.floor(lines.length / SAMPLE_LINES));
  return lines.filter((_, index) => index % step === 0);
}
