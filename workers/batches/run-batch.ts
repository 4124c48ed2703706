// Everything that happens to one batch while this process owns it: validation, its lines, its result files.
import type { ApiKey } from '#src/accounts/api-key.ts';
import type { Batch } from '#src/batches/batch.ts';
import type { StoredFile } from '#src/batches/file-store.ts';
import type { ClaimedRun, FinalStatus } from '#src/batches/run-store.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import type { ClientProtocol } from '#src/protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '#src/protocols/registry.ts';
import { totalBytes } from '#src/storage/blob-pieces.ts';
import type { BlobPiece } from '#src/storage/blobs.ts';
import type { BatchContext } from './batch-context.ts';
import { BatchRun } from './batch-run.ts';
import type { LineRunner, LineRunnerHooks } from './line-runner.ts';
import { NativeRunner } from './native/native-runner.ts';
import { RequestRunner } from './request-runner.ts';
import { validateBatch } from './validate-batch.ts';

export interface BatchTask {
  context: BatchContext;
  claimed: ClaimedRun;
  batch: Batch;
  key: ApiKey;
  /** Unix ms until which the lease holds. */
  leaseUntilMs(): number;
  /** Called when the lines begin to run. */
  onRunning(run: BatchRun): void;
}

const DAY_MS = 24 * 3_600_000;

/** Resolves when the batch has ended, or is another owner's to go on with. Rejects when it cannot go on here and now. */
export async function runBatch(task: BatchTask): Promise<void> {
  const { context, claimed } = task;
  const file = await context.files.findAny(task.batch.inputFileId);
  if (file === null) throw new Error(`the input file ${task.batch.inputFileId} is gone`);
  const batch = await prepare(task, file);
  if (batch === null) return;
  const finish = (status: FinalStatus, output: BlobPiece[], error: BlobPiece[]) =>
    finishBatch(context, claimed, batch, status, output, error);
  // Nobody has read the file: there are no lines to account for.
  if (batch.status === 'cancelling' && batch.total === 0) return finish('cancelled', [], []);
  if (batch.status === 'finalizing') return finish('completed', claimed.outputPieces, claimed.errorPieces);

  const run = new BatchRun(
    context,
    { claimed, batch, file, createRunner: (hooks) => createRunner(task, batch, hooks) },
    task.leaseUntilMs(),
  );
  if (batch.status === 'cancelling') run.stop('cancelled');
  task.onRunning(run);
  const end = await run.run();
  if (end.kind !== 'done') return;
  const isComplete = end.stopReason === null && (await context.runs.beginFinalizing(claimed.lease));
  // Cancelled when every line had its result already: it is cancelled all the same.
  const status = isComplete ? 'completed' : (end.stopReason ?? 'cancelled');
  await finish(status, end.outputPieces, end.errorPieces);
}

async function prepare({ context, claimed, batch, key }: BatchTask, file: StoredFile): Promise<Batch | null> {
  if (batch.status !== 'validating') return batch;
  const validated = await validateBatch(context, claimed.lease, batch, file, key);
  if (validated === null) context.metrics.batchEnded('failed');
  context.logger.info(
    { batch: batch.id, key: batch.keyId, status: validated?.status ?? 'failed', lines: validated?.total },
    'batch validated',
  );
  return validated;
}

/** Providers' own batches, where any are configured or an earlier owner may have used them; requests of the broker's own. */
function createRunner(task: BatchTask, batch: Batch, hooks: LineRunnerHooks): LineRunner {
  const { context, claimed, key } = task;
  const { batches } = context.configuration;
  // An earlier owner may have been this far ahead of what it committed.
  const maybeBegun = claimed.lease.epoch === 1 ? 0 : 2 * batches.open_lines;
  const origin = { batch, key, client: clientOf(batch.endpoint), replyShards: claimed.replyShards };
  const deployments = [...context.catalogue.deployments.values()];
  if (maybeBegun === 0 && !deployments.some(({ hasNativeBatches }) => hasNativeBatches)) {
    return new RequestRunner(context, origin, hooks, maybeBegun);
  }
  const { lease, position } = claimed;
  const { leaseUntilMs } = task;
  const ahead = maybeBegun === 0 ? 0 : maybeBegun + batches.native.lines;
  return new NativeRunner({ context, origin, lease, position, hooks, leaseUntilMs, maybeBegun: ahead });
}

function clientOf(path: string): ClientProtocol {
  const endpoint = CLIENT_ENDPOINTS.find(({ paths }) => paths.includes(path));
  const client = endpoint?.select({ path, query: {} });
  if (!client) throw new Error(`nobody speaks ${path}`);
  return client;
}

async function finishBatch(
  context: BatchContext,
  { lease }: ClaimedRun,
  batch: Batch,
  status: FinalStatus,
  output: BlobPiece[],
  error: BlobPiece[],
): Promise<void> {
  const files = {
    output: resultFile(context, batch, 'output', output),
    error: resultFile(context, batch, 'error', error),
  };
  await context.runs.finish(lease, status, files);
  context.metrics.batchEnded(status);
  context.logger.info({ batch: batch.id, key: batch.keyId, status }, 'batch ended');
}

/** A file without lines does not come to be: its id in the batch stays null. */
function resultFile(
  context: BatchContext,
  batch: Batch,
  kind: 'output' | 'error',
  pieces: BlobPiece[],
): StoredFile | null {
  const bytes = totalBytes(pieces);
  if (bytes === 0) return null;
  const createdAtMs = Date.now();
  const lifeMs = (batch.outputExpiresAfterSeconds ?? 0) * 1_000 || context.configuration.batches.output_days * DAY_MS;
  return {
    id: `file-${createSortableId(createdAtMs)}`,
    keyId: batch.keyId,
    purpose: 'batch_output',
    filename: `${batch.id}_${kind}.jsonl`,
    bytes,
    createdAtMs,
    expiresAtMs: createdAtMs + lifeMs,
    isInternal: batch.id.startsWith('msgbatch_'),
    store: context.blobs.id,
    pieces,
  };
}
