// Runs one chunk from its submission to its last stored result: a loop over its states.

import { LeaseLost } from '#src/batches/run-store.ts';
import { createTroubleLog, type TroubleLog } from '#src/telemetry/trouble-log.ts';
import { askProvider, become, type ChunkTask, giveUpAtMs, retrieveBatch, type Wait } from './chunk-task.ts';
import { searchChunk } from './search-chunk.ts';
import { submitChunk } from './submit-chunk.ts';
import { abandon, takeBack, takeResults } from './take-results.ts';

const TROUBLE_MS = 2_000;

export class ChunkRun {
  readonly task: ChunkTask;
  readonly #trouble: TroubleLog;
  #wake: () => void = () => undefined;

  constructor(task: ChunkTask) {
    this.task = task;
    this.#trouble = createTroubleLog(task.host.context.logger, `the provider batch of chunk ${task.chunk.id}`);
  }

  start(): void {
    void this.#run();
  }

  /** This owner writes the line's result. */
  attach(number: number, customId: string): void {
    this.task.attached.set(number, customId);
  }

  /** Asks the provider to cancel it; lines that it has completed by that time count. */
  recall(): void {
    if (this.task.recalledAtMs !== null) return;
    this.task.recalledAtMs = Date.now();
    this.#wake();
  }

  /** The batch is being stopped. */
  stop(): void {
    this.task.isStopping = true;
    this.recall();
    this.#wake();
  }

  /** The line's result is stored. True if those of all its lines are. */
  stored(number: number): boolean {
    const { pending, unstored } = this.task;
    unstored.delete(number);
    return pending.size === 0 && unstored.size === 0;
  }

  letGo(): void {
    this.task.isLetGo = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { task } = this;
    while (!task.isLetGo) {
      const wait = await this.#step().then(
        (next) => {
          this.#trouble.over();
          return next;
        },
        (error: unknown) => this.#waitAfter(error),
      );
      if (wait === null) return;
      if (wait > 0 && !task.isLetGo) await this.#sleep(wait);
    }
  }

  #waitAfter(error: unknown): Wait {
    if (error instanceof LeaseLost || this.task.isLetGo) return null;
    this.#trouble.note(error as Error);
    return TROUBLE_MS;
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

  async #step(): Promise<Wait> {
    const { task } = this;
    switch (task.chunk.state) {
      case 'submitting':
        return task.maybeSubmitted ? searchChunk(task) : submitChunk(task);
      case 'running':
        return watchRunning(task);
      case 'recalled':
        return watchRecalled(task);
      case 'ended':
        return takeResults(task);
      case 'returned':
        return takeBack(task);
      case 'abandoned':
        return abandon(task);
    }
  }
}

/** The interval between polls grows by this factor. */
const GROWTH = 1.5;
/** A cancelled batch is polled often: its lines have to run elsewhere. */
const RECALLED_POLL_MS = 1_000;
const NOT_FOUND = 404;

async function watchRunning(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (target === null) return become(task, 'abandoned');
  if (task.recalledAtMs !== null) {
    await askProvider(task, target, (protocol, id) => protocol.cancel(id));
    return become(task, 'recalled');
  }
  const wait = task.pollMs;
  task.pollMs = Math.min(wait * GROWTH, task.host.context.configuration.batches.native.max_poll_ms);
  return (await look(task)) ?? wait;
}

async function watchRecalled(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (target === null) return become(task, 'abandoned');
  // An earlier owner asked for the cancellation.
  task.recalledAtMs ??= Date.now();
  const next = await look(task);
  if (next !== null) return next;
  if (Date.now() > giveUpAtMs(task)) return become(task, 'abandoned');
  // The provider may have missed the first call.
  await askProvider(task, target, (protocol, id) => protocol.cancel(id));
  return RECALLED_POLL_MS;
}

/** Null while it has not ended, or the provider does not answer. */
async function look(task: ChunkTask): Promise<Wait> {
  const target = task.target!;
  const answer = await retrieveBatch(task, target);
  if (answer.kind === 'answered') {
    return target.protocol.readBatch(answer.value)?.hasEnded ? become(task, 'ended') : null;
  }
  // It was deleted at the provider.
  return answer.failure.upstreamStatus === NOT_FOUND ? become(task, 'abandoned') : null;
}
