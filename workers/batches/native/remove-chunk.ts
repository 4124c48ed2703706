// The results of a chunk are stored and in the books: nobody needs it any more, neither here nor at its provider. One that
// was abandoned stays until its provider has said what it wants for it (settle-left.ts).
import type { BatchContext } from '../batch-context.ts';
import { accessOf, askProvider, type ChunkTask } from './chunk-task.ts';

export async function removeChunk({ native, logger }: BatchContext, task: ChunkTask): Promise<void> {
  const { chunk, target, isWritten } = task;
  if (!isWritten || chunk.state === 'abandoned') return;
  await native.chunks.remove(chunk.id);
  if (target === null || chunk.providerBatchId === null) return;
  // What stays there expires by itself.
  void tidyProvider(task, target).catch((error: unknown) => {
    logger.warn({ err: error, chunk: chunk.id }, 'a provider’s batch could not be removed; it expires');
  });
}

async function tidyProvider(task: ChunkTask, target: NonNullable<ChunkTask['target']>): Promise<void> {
  const answer = await askProvider(task, target, (protocol, id) => protocol.retrieve(id));
  const batch = answer.kind === 'answered' ? target.protocol.readBatch(answer.value) : null;
  if (batch === null || !batch.hasEnded) return;
  for (const call of target.protocol.remove(batch))
    await task.host.context.native.providers.ask(accessOf(target), call);
}
