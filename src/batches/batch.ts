// A batch as its owner and the broker know it, and its row in SQL.
import type { Selectable } from 'kysely';
import type { BatchFault, BatchStatus } from '../contracts/batch.ts';
import type { BatchesTable } from '../storage/batch-tables.ts';
import { asBigint, asNumber } from '../storage/database.ts';
import type { LineTotals } from './line-totals.ts';

export interface Batch {
  id: string;
  keyId: string;
  endpoint: string;
  inputFileId: string;
  /** As its owner wrote it. */
  completionWindow: string;
  /** Life of its result files; null for the configured one. */
  outputExpiresAfterSeconds: number | null;
  metadata: Record<string, string> | null;
  status: BatchStatus;
  errors: BatchFault[] | null;
  /** The model of all lines; null where there are several, and before anybody has looked. */
  model: string | null;
  outputFileId: string | null;
  errorFileId: string | null;
  createdAtMs: number;
  inProgressAtMs: number | null;
  expiresAtMs: number;
  finalizingAtMs: number | null;
  completedAtMs: number | null;
  failedAtMs: number | null;
  expiredAtMs: number | null;
  cancellingAtMs: number | null;
  cancelledAtMs: number | null;
  /** Lines; 0 until the file has been read. */
  total: number;
  totals: LineTotals;
  etaMs: number | null;
  isAtRisk: boolean;
}

const optional = (value: unknown): number | null => (value === null ? null : asNumber(value));

export function readBatch(row: Selectable<BatchesTable>): Batch {
  return {
    id: row.id,
    keyId: row.key_id,
    endpoint: row.endpoint,
    inputFileId: row.input_file_id,
    completionWindow: row.completion_window,
    outputExpiresAfterSeconds: optional(row.output_expires_after_seconds),
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, string>),
    status: row.status as BatchStatus,
    errors: row.errors === null ? null : (JSON.parse(row.errors) as BatchFault[]),
    model: row.model,
    outputFileId: row.output_file_id,
    errorFileId: row.error_file_id,
    createdAtMs: asNumber(row.created_at),
    inProgressAtMs: optional(row.in_progress_at),
    expiresAtMs: asNumber(row.expires_at),
    finalizingAtMs: optional(row.finalizing_at),
    completedAtMs: optional(row.completed_at),
    failedAtMs: optional(row.failed_at),
    expiredAtMs: optional(row.expired_at),
    cancellingAtMs: optional(row.cancelling_at),
    cancelledAtMs: optional(row.cancelled_at),
    total: asNumber(row.total),
    totals: readTotals(row),
    etaMs: optional(row.eta),
    isAtRisk: asNumber(row.is_at_risk) === 1,
  };
}

function readTotals(row: Selectable<BatchesTable>): LineTotals {
  return {
    completed: asNumber(row.completed),
    failed: asNumber(row.failed),
    notRun: asNumber(row.not_run),
    inputTokens: asNumber(row.input_tokens),
    cachedInputTokens: asNumber(row.cached_input_tokens),
    outputTokens: asNumber(row.output_tokens),
    reasoningTokens: asNumber(row.reasoning_tokens),
    costPicoUsd: asBigint(row.cost_pico_usd),
  };
}

export function totalsRow(totals: LineTotals) {
  return {
    completed: totals.completed,
    failed: totals.failed,
    not_run: totals.notRun,
    input_tokens: totals.inputTokens,
    cached_input_tokens: totals.cachedInputTokens,
    output_tokens: totals.outputTokens,
    reasoning_tokens: totals.reasoningTokens,
    cost_pico_usd: totals.costPicoUsd.toString(),
  };
}

export function endedLines({ totals }: Pick<Batch, 'totals'>): number {
  return totals.completed + totals.failed + totals.notRun;
}
