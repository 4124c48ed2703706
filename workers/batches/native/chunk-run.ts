// One chunk from its submission to its last stored result: a loop over its states.
import { LeaseLost } from '#src/batches/run-changes.ts';
import type { ChunkTask, Wait } from './chunk-task.ts';
import { searchChunk } from './search-chunk.ts';
import { submitChunk } from './submit-chunk.ts';
import { abandon, takeBack, takeResults } from './take-results.ts';
import { watchRecalled, watchRunning } from './watch-chunk.ts';

const TROUBLE_MS = 2_000;

export class ChunkRun {
  readonly task: ChunkTask;
  #wake: () => void = () => undefined;

  constructor(task: ChunkTask) {
    this.task = task;
  }

  start(): void {
    void this.#run();
  }

  /** The line is this owner's to write down. */
  attach(number: number, customId: string): void {
    this.task.attached.set(number, customId);
  }

  /** Its provider is told to cancel it; what it has done by then counts. */
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

  /** Results of lines are stored. True when all of the chunk's are. */
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
      const wait = await this.#step().catch((error: unknown) => this.#describe(error));
      if (wait === null) return;
      if (wait > 0 && !task.isLetGo) await this.#sleep(wait);
    }
  }

  #describe(error: unknown): Wait {
    if (error instanceof LeaseLost || this.task.isLetGo) return null;
    const { logger } = this.task.host.context;
    logger.warn({ err: error, chunk: this.task.chunk.id }, 'a provider’s batch could not be looked after');
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
