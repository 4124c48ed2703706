// submitting: hands a chunk to its provider. It is written down before, its provider's id after: whatever dies in between, a
// new owner knows what to look for (search-chunk.ts).
import type { OpenLine } from '#src/batches/run-position.ts';
import type { Failure } from '#src/contracts/failure.ts';
import { createFailure } from '#src/contracts/failure.ts';
import type { ProviderBatch } from '#src/protocols/batch-protocol.ts';
import { AT_ONCE, accessOf, become, type ChunkTask, type Wait } from './chunk-task.ts';
import { type EncodedChunk, encodeChunk } from './encode-chunk.ts';
import type { GatheredLine } from './line-packer.ts';
import { keyOf, NATIVE_TRY, type NativeTarget } from './native-line.ts';
import type { ProviderAnswer } from './provider-client.ts';

export const SUBMIT_TRIES = 4;
const FIRST_RETRY_MS = 1_000;
const LEASE_WAIT_MS = 200;

type Submission =
  | { kind: 'submitted'; batch: ProviderBatch }
  /** The provider does not take it. `isFinal`: it has looked at it, and will not take it later either. */
  | { kind: 'refused'; failure: Failure; isFinal: boolean }
  /** Nobody knows whether it has it. */
  | { kind: 'unknown'; failure: Failure };

export function submitChunk(task: ChunkTask): Promise<Wait> {
  const { target, host } = task;
  if (target === null || task.recalledAtMs !== null) return become(task, 'returned');
  if (host.context.native.isHeld(target.deployment)) return become(task, 'returned');
  return host.context.native.submissions.take(async () => {
    if (task.isLetGo) return null;
    const encoded = await encode(task, target);
    if (!task.isWritten && !(await writeDown(task, encoded))) return become(task, 'returned');
    return follow(task, target, await send(task, target, encoded));
  });
}

function encode({ host, chunk }: ChunkTask, target: NativeTarget): Promise<EncodedChunk> {
  const { context, origin, reload } = host;
  return encodeChunk({ context, origin, target, chunk }, chunk.lines, reload);
}

/** False when nothing can be handed over: no line can be said there, or the key's budget has no room for them. */
async function writeDown(task: ChunkTask, { kept, rejected, left, chargeUnits }: EncodedChunk): Promise<boolean> {
  const { context, lease, origin, onReturned, onLeft } = task.host;
  onLeft(letOut(task, left));
  onReturned(
    letOut(task, rejected).map(({ number }) => number),
    NATIVE_TRY,
  );
  if (kept.length === 0) return false;
  const untilMs = origin.batch.expiresAtMs + context.configuration.batches.native.cancel_ms;
  const reservation = await context.budgets.reserve(origin.key, task.chunk.id, chargeUnits, untilMs);
  if (reservation.kind === 'exhausted') return false;
  const hold = reservation.kind === 'held' ? reservation.hold : null;
  task.chunk = { ...task.chunk, lines: kept, hold, createdAtMs: Date.now() };
  await context.native.chunks.insert(lease, task.chunk);
  task.isWritten = true;
  return true;
}

/** They are not the chunk's any more. */
function letOut(task: ChunkTask, lines: readonly OpenLine[]): GatheredLine[] {
  return lines.map((line) => {
    const customId = task.attached.get(line.number)!;
    task.pending.delete(line.number);
    task.attached.delete(line.number);
    return { ...line, customId };
  });
}

async function send(task: ChunkTask, target: NativeTarget, encoded: EncodedChunk): Promise<Submission> {
  const { providers } = task.host.context.native;
  const { protocol, upstreamModel } = target;
  const access = accessOf(target);
  const upload = { id: task.chunk.id, upstreamModel, lines: encoded.lines };
  task.tries += 1;
  let fileId: string | null = null;
  if (protocol.upload !== null) {
    const answer = await providers.ask(access, protocol.upload(upload));
    fileId = answer.kind === 'answered' ? protocol.readUpload(answer.value) : null;
    // Nothing runs by a file alone: whether it is there or not, it can be sent again.
    if (fileId === null) return { kind: 'refused', failure: failureOf(answer), isFinal: isFinal(answer) };
  }
  await leased(task);
  task.maybeSubmitted = true;
  const answer = await providers.ask(access, protocol.create(upload, fileId), encoded.headers);
  const batch = answer.kind === 'answered' ? protocol.readBatch(answer.value) : null;
  if (batch !== null) return { kind: 'submitted', batch };
  const failure = failureOf(answer);
  const isRefused = isFinal(answer) || failure.upstreamStatus === 429;
  return isRefused ? { kind: 'refused', failure, isFinal: isFinal(answer) } : { kind: 'unknown', failure };
}

/** By then another process may own the batch, and do the same. */
async function leased({ host }: ChunkTask): Promise<void> {
  while (Date.now() > host.leaseUntilMs()) await new Promise((resolve) => setTimeout(resolve, LEASE_WAIT_MS));
}

/** A timeout, a conflict and a full limit are not the provider's last word. */
function isFinal(answer: ProviderAnswer): boolean {
  const status = answer.kind === 'failed' ? answer.failure.upstreamStatus : undefined;
  return status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

function failureOf(answer: ProviderAnswer): Failure {
  if (answer.kind === 'failed') return answer.failure;
  return createFailure('upstream_malformed', 'The provider’s answer to a batch could not be read.');
}

function follow(task: ChunkTask, target: NativeTarget, submission: Submission): Promise<Wait> | Wait {
  if (submission.kind === 'submitted') return become(task, 'running', submission.batch.id);
  const { kind, failure } = submission;
  const { logger } = task.host.context;
  logger.warn({ failure, chunk: task.chunk.id, kind }, 'a batch was not handed over to its provider');
  const waitMs = failure.retryAfterMs ?? FIRST_RETRY_MS * 2 ** (task.tries - 1);
  if (kind === 'unknown') return AT_ONCE;
  task.maybeSubmitted = false;
  if (!submission.isFinal && task.tries < SUBMIT_TRIES && Date.now() + waitMs < task.host.lastCallMs()) return waitMs;
  return giveUpSubmitting(task, target);
}

/** Its lines run as ordinary requests, and so do those of the next minutes. */
export function giveUpSubmitting(task: ChunkTask, target: NativeTarget): Promise<Wait> {
  task.host.onRefused(keyOf(target));
  return become(task, 'returned');
}
