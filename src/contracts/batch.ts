// Shared definitions of batches: their states, their events, the ids of their lines' requests.
import { ID_DIGITS, replyShardDigit, toDigits } from './ids.ts';

/**
 * OpenAI's states (docs/reference/openai-batch.md section 2).
 *
 *   validating  created; the file has not been validated. Next: in_progress, failed or cancelling.
 *   in_progress lines run. Next: finalizing when all have ended, expired at `expires_at`, or cancelling.
 *   finalizing  every line has its result; the result files are being closed. Next: completed.
 *   cancelling  requested by its owner; running lines are stopped. Next: cancelled.
 *   completed, failed (the file is at fault: nothing ran), expired, cancelled: final.
 */
export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** States of a batch that still has to be worked on. */
export const ACTIVE_STATUSES = ['validating', 'in_progress', 'finalizing', 'cancelling'] as const;

export function isActive(status: BatchStatus): boolean {
  return (ACTIVE_STATUSES as readonly string[]).includes(status);
}

/** One fault of an input file, as OpenAI lists them. */
export interface BatchFault {
  code: string;
  message: string;
  param: string | null;
  /** From 1; null if the fault is not of a single line. */
  line: number | null;
}

export type BatchEventType =
  | 'batch.completed'
  | 'batch.failed'
  | 'batch.expired'
  | 'batch.cancelled'
  /** Sluice's own: at its current rate the batch will not be done in time. Sent once. */
  | 'batch.at_risk';

export interface BatchEvent {
  type: BatchEventType;
  batchId: string;
  keyId: string;
  atMs: number;
}

const LINE_DIGITS = 5;
const TRY_DIGITS = 2;
/** As many line numbers as a request id has digits for. */
export const MAX_BATCH_LINES = 32 ** LINE_DIGITS - 1;
export const MAX_LINE_TRIES = 32 ** TRY_DIGITS - 1;

/**
 * Deterministic: a try of a line has the same request id in every process, so that a process that takes over a batch submits the
 * request again and finds the existing one. Made of the batch's own digits, the line and the try.
 */
export function lineRequestId(batchId: string, line: number, tryNumber: number, replyShards: number): string {
  const digits = batchId.slice(batchId.indexOf('_') + 1);
  const own = digits.slice(0, ID_DIGITS - LINE_DIGITS - TRY_DIGITS);
  return `req_${replyShardDigit(line % replyShards)}${own}${toDigits(line, LINE_DIGITS)}${toDigits(tryNumber, TRY_DIGITS)}`;
}
