// A batch, and its row in SQL.
import type { Selectable } from 'kysely';
import type { BatchFault, BatchStatus } from '../contracts/batch.ts';
import { createFailure, type Failure } from '../contracts/failure.ts';
import type { BatchesTable } from '../storage/batch-tables.ts';
import { asBigint, asNumber } from '../storage/database.ts';
import type { LineTotals } from './line-result.ts';

export interface Batch {
  id: string;
  keyId: string;
  endpoint: string;
  inputFileId: string;
  /** As the client wrote it. */
  completionWindow: string;
  /** Lifetime of its result files; null for the configured one. */
  outputExpiresAfterSeconds: number | null;
  metadata: Record<string, string> | null;
  status: BatchStatus;
  errors: BatchFault[] | null;
  /** The model of all lines; null if there are several, and before validation. */
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
  /** Number of lines; 0 until the file was validated. */
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

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };
const MAX_WINDOW_MS = 7 * UNIT_MS.d!;

/** Milliseconds of `10m`, `2h`, `7d`. OpenAI allows only `24h` (npm openai 7.55.0); here it is a minute to a week. */
export function readCompletionWindow(text: string): number | Failure {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const windowMs = Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (windowMs > 0 && windowMs <= MAX_WINDOW_MS) return windowMs;
  const message = `Invalid value: '${text}'. The completion window is a time from '1m' to '7d', such as '10m', '2h' or '24h'.`;
  return createFailure('request_invalid', message, { param: 'completion_window' });
}
