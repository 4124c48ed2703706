// A batch as OpenAI shows it: members without a value are explicit nulls (docs/reference/openai-batch.md section 2).
import type { Batch } from '../../batches/batch.ts';
import { formatUsd } from '../../contracts/money.ts';
import type { ClientProtocol } from '../../protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '../../protocols/registry.ts';
import { unixSeconds } from './file-object.ts';

export function batchObject(batch: Batch) {
  const { totals } = batch;
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    ...(batch.model === null ? {} : { model: batch.model }),
    errors: batch.errors === null ? null : { object: 'list', data: batch.errors },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: unixSeconds(batch.createdAtMs),
    in_progress_at: unixSeconds(batch.inProgressAtMs),
    expires_at: unixSeconds(batch.expiresAtMs),
    finalizing_at: unixSeconds(batch.finalizingAtMs),
    completed_at: unixSeconds(batch.completedAtMs),
    failed_at: unixSeconds(batch.failedAtMs),
    expired_at: unixSeconds(batch.expiredAtMs),
    cancelling_at: unixSeconds(batch.cancellingAtMs),
    cancelled_at: unixSeconds(batch.cancelledAtMs),
    request_counts: { total: batch.total, completed: totals.completed, failed: totals.failed },
    usage: {
      input_tokens: totals.inputTokens,
      input_tokens_details: { cached_tokens: totals.cachedInputTokens },
      output_tokens: totals.outputTokens,
      output_tokens_details: { reasoning_tokens: totals.reasoningTokens },
      total_tokens: totals.inputTokens + totals.outputTokens,
    },
    metadata: batch.metadata,
    // Extensions: the forecast end, whether that is after the deadline, the cost so far (USD).
    x_sluice_eta: unixSeconds(batch.etaMs),
    x_sluice_at_risk: batch.isAtRisk,
    x_sluice_cost: Number(formatUsd(totals.costPicoUsd)),
  };
}

// Endpoints that batch lines may call: all those whose answer depends on the body alone.
/** The protocol of a client path; null if batches do not support it. */
export function batchEndpoint(path: string): ClientProtocol | null {
  const endpoint = CLIENT_ENDPOINTS.find(({ paths }) => paths[0] === path);
  const client = endpoint?.select({ path, query: {} }) ?? null;
  return client === null || client.passThrough.operation === 'count-tokens' ? null : client;
}

export function batchEndpointPaths(): string[] {
  return CLIENT_ENDPOINTS.flatMap(({ paths }) => {
    const [path] = paths;
    return path !== undefined && batchEndpoint(path) !== null ? [path] : [];
  });
}
