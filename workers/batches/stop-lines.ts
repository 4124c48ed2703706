// Stops everything that a batch has running: what waits is taken out of the queues, workers are told to let go of the rest.
import type { BatchContext } from './batch-context.ts';
import { cancelLine } from './cancel-line.ts';
import type { RunningLine } from './running-line.ts';

export interface StopHooks {
  isAbandoned(): boolean;
  /** The line ended without an answer. A line that is answered meanwhile leaves `running` by itself. */
  onStopped(line: RunningLine): void;
}

const REPEAT_MS = 1_000;
/** A worker that does not let go is not waited for any longer. */
const LIMIT_MS = 30_000;
const CANCELS_AT_ONCE = 100;

/** Resolves when nothing of `running` is left, or the batch is another process's to stop. */
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
  const state = await cancelLine(context, line.spec).catch((error) => {
    context.logger.warn({ err: error }, 'a line could not be stopped yet');
    return 'running' as const;
  });
  if (state === 'removed') hooks.onStopped(line);
  // Its last frame may have been announced to nobody: pausing and going on reads the log.
  if (state !== 'over') return;
  line.subscription?.pause();
  line.subscription?.resume();
}
