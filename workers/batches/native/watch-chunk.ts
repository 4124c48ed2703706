// running and recalled: the provider is asked, less and less often, whether it has done.
import { askProvider, become, type ChunkTask, giveUpAtMs, type Wait } from './chunk-task.ts';

/** How much less often each time. */
const GROWTH = 1.5;
/** The end of a cancelled batch is waited for eagerly: its lines have to run elsewhere. */
const RECALLED_POLL_MS = 1_000;
const NOT_FOUND = 404;

export async function watchRunning(task: ChunkTask): Promise<Wait> {
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

export async function watchRecalled(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (target === null) return become(task, 'abandoned');
  // An earlier owner has asked for it.
  task.recalledAtMs ??= Date.now();
  const next = await look(task);
  if (next !== null) return next;
  if (Date.now() > giveUpAtMs(task)) return become(task, 'abandoned');
  // The provider may not have heard it the first time.
  await askProvider(task, target, (protocol, id) => protocol.cancel(id));
  return RECALLED_POLL_MS;
}

/** Null while it has not ended, or the provider does not say. */
async function look(task: ChunkTask): Promise<Wait> {
  const target = task.target!;
  const answer = await askProvider(task, target, (protocol, id) => protocol.retrieve(id));
  if (answer.kind === 'answered') {
    return target.protocol.readBatch(answer.value)?.hasEnded ? become(task, 'ended') : null;
  }
  // Somebody has deleted it.
  return answer.failure.upstreamStatus === NOT_FOUND ? become(task, 'abandoned') : null;
}
