// validating → in_progress or failed, in the process that owns the batch.
import { type ApiKey, mayUseModel } from '#src/accounts/api-key.ts';
import type { Batch } from '#src/batches/batch.ts';
import type { StoredFile } from '#src/batches/file-store.ts';
import { FIRST_LINE } from '#src/batches/line-reader.ts';
import type { LineFault } from '#src/batches/read-line.ts';
import type { Lease } from '#src/batches/run-changes.ts';
import { validateLines } from '#src/batches/validate-lines.ts';
import type { BatchContext } from './batch-context.ts';
import { openLines } from './input-lines.ts';

/** The batch as it is afterwards; null when it has failed. */
export async function validateBatch(
  context: BatchContext,
  lease: Lease,
  batch: Batch,
  file: StoredFile,
  key: ApiKey,
): Promise<Batch | null> {
  const { server, batches } = context.configuration;
  const reader = openLines(context.blobs, file, FIRST_LINE, server.body_limit_bytes);
  const { total, model, faults } = await validateLines(reader, {
    endpoint: batch.endpoint,
    // Whoever was allowed to hand it over may have it run: limits of another protocol hold at its own door.
    maxLines: file.isInternal ? Number.POSITIVE_INFINITY : batches.max_lines,
    // Anthropic answers every fault of a request with a result of its own.
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
  if (mayUseModel(key.settings, model)) return null;
  return { code: 'model_not_allowed', message: `This key may not use the model '${model}'.`, param: 'body.model' };
}
