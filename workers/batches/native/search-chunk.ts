// submitting, by an earlier owner or without an answer: is it there?
import { requestIdOf } from '../line-request.ts';
import { AT_ONCE, accessOf, become, type ChunkTask, giveUpAtMs, type Wait } from './chunk-task.ts';
import { findSubmission, type Search } from './find-submission.ts';
import { NATIVE_TRY, type NativeTarget } from './native-line.ts';
import { giveUpSubmitting, SUBMIT_TRIES } from './submit-chunk.ts';

const SEARCH_MS = 2_000;
/** What a process sent that died can still arrive. */
const IN_FLIGHT_MS = 15_000;
const FIRST_RETRY_MS = 1_000;

export async function searchChunk(task: ChunkTask): Promise<Wait> {
  const { target } = task;
  if (target === null) return become(task, 'abandoned');
  const isLate = Date.now() > giveUpAtMs(task);
  const found = await search(task, target).catch((error: unknown): Search => {
    if (!isLate) throw error;
    return { kind: 'unsure' };
  });
  if (found.kind === 'found') return become(task, 'running', found.batch.id);
  if (found.kind === 'unsure') return isLate ? become(task, 'abandoned') : SEARCH_MS;
  if (task.tries === 0 && Date.now() < task.chunk.createdAtMs + IN_FLIGHT_MS) return SEARCH_MS;
  // It is not there: it can be sent again.
  task.maybeSubmitted = false;
  if (task.tries >= SUBMIT_TRIES) return giveUpSubmitting(task, target);
  return task.tries === 0 ? AT_ONCE : FIRST_RETRY_MS * 2 ** (task.tries - 1);
}

async function search({ host, chunk }: ChunkTask, target: NativeTarget): Promise<Search> {
  const { context, origin } = host;
  return findSubmission({
    client: context.native.providers,
    access: accessOf(target),
    protocol: target.protocol,
    chunk,
    requestIds: new Set(chunk.lines.map(({ number }) => requestIdOf(origin, number, NATIVE_TRY))),
    known: await context.native.chunks.providerBatchIds(chunk.provider),
    maxLineBytes: context.configuration.workers.max_answer_bytes,
  });
}
