// One batch while this process owns it: validation, its lines, its result files.
import { type ApiKey, mayUseModel } from '#src/accounts/api-key.ts';
import type { Batch } from '#src/batches/batch.ts';
import type { StoredFile } from '#src/batches/file-store.ts';
import { FIRST_LINE, type LineFault } from '#src/batches/input-lines.ts';
import type { ClaimedRun, FinalStatus, Lease } from '#src/batches/run-store.ts';
import { validateLines } from '#src/batches/validate-lines.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import type { ClientProtocol } from '#src/protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '#src/protocols/registry.ts';
import { type BlobPiece, totalBytes } from '#src/storage/blobs.ts';
import type { BatchContext } from './batch-context.ts';
import { BatchRun } from './batch-run.ts';
import type { LineRunner, LineRunnerHooks } from './line-runner.ts';
import { NativeRunner } from './native/native-runner.ts';
import { openInput } from './open-lines.ts';
import { RequestRunner } from './request-runner.ts';

interface BatchTask {
  context: BatchContext;
  claimed: ClaimedRun;
  batch: Batch;
  key: ApiKey;
  /** Unix ms until which the lease holds. */
  leaseUntilMs(): number;
  /** Called when the lines start to run. */
  onRunning(run: BatchRun): void;
}

const DAY_MS = 24 * 3_600_000;

/** Resolves when the batch has ended, or another owner resumes it. Rejects when it cannot run here at the moment. */
export async function runBatch(task: BatchTask): Promise<void> {
  const { context, claimed } = task;
  const file = await context.files.findAny(task.batch.inputFileId);
  if (file === null) throw new Error(`the input file ${task.batch.inputFileId} is gone`);
  const batch = await prepare(task, file);
  if (batch === null) return;
  const finish = (status: FinalStatus, output: BlobPiece[], error: BlobPiece[]) =>
    finishBatch(context, claimed, batch, status, output, error);
  // The file was never read: there are no lines to account for.
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
  // Cancelled after the last line: still `cancelled`.
  const status = isComplete ? 'completed' : (end.stopReason ?? 'cancelled');
  await finish(status, end.outputPieces, end.errorPieces);
}

async function prepare({ context, claimed, batch, key }: BatchTask, file: StoredFile): Promise<Batch | null> {
  if (batch.status !== 'validating') return batch;
  const validated = await validateBatch(context, claimed.lease, batch, file, key);
  if (validated === null) context.metrics.batchEnded('failed');
  if (validated === null) context.tracing?.batchEnded(batch, 'failed');
  context.logger.info(
    { batch: batch.id, key: batch.keyId, status: validated?.status ?? 'failed', lines: validated?.total },
    'batch validated',
  );
  return validated;
}

/** Native if a deployment has a batch API, or an earlier owner may have used one. */
function createRunner(task: BatchTask, batch: Batch, hooks: LineRunnerHooks): LineRunner {
  const { context, claimed, key } = task;
  const { batches } = context.configuration;
  // How far an earlier owner may have been ahead of its last commit.
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
  if (!client) throw new Error(`no protocol serves ${path}`);
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
  context.tracing?.batchEnded(batch, status);
  context.logger.info({ batch: batch.id, key: batch.keyId, status }, 'batch ended');
}

/** No file without lines: its id in the batch stays null. */
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

/** validating → in_progress or failed. Returns the batch after that; null if it has failed. */
export async function validateBatch(
  context: BatchContext,
  lease: Lease,
  batch: Batch,
  file: StoredFile,
  key: ApiKey,
): Promise<Batch | null> {
  const { server, batches } = context.configuration;
  const reader = openInput(context.blobs, file, FIRST_LINE, server.body_limit_bytes);
  const { total, model, faults } = await validateLines(reader, {
    endpoint: batch.endpoint,
    // An internal file was checked by the endpoint that accepted it, against the limits of that endpoint's protocol.
    maxLines: file.isInternal ? Number.POSITIVE_INFINITY : batches.max_lines,
    // Anthropic reports each faulty request in its own result.
    checkModel: file.isInternal ? () => null : (name) => checkModel(context, key, name),
  });
  if (faults.length === 0) return context.runs.begin(lease, { total, model });
  await context.runs.fail(lease, faults);
  return null;
}

function checkModel({ catalogue }: BatchContext, key: ApiKey, model: string): LineFault | null {
  if (catalogue.findModel(model) === null) {
    return {
      code: 'model_not_found',
      message: `The model '${model}' does not exist or you do not have access to it.`,
      param: 'body.model',
    };
  }
  if (mayUseModel(key, model)) return null;
  return { code: 'model_not_allowed', message: `This key may not use the model '${model}'.`, param: 'body.model' };
}
