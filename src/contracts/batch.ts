// What processes and clients know of a batch: its states, its events, the ids of its lines' requests.
import { ID_DIGITS, replyShardDigit, toDigits } from './ids.ts';

/**
 * OpenAI's states (docs/reference/openai-batch.md section 2).
 *
 *   validating  created; nobody has read the file yet. Left to in_progress, failed, or cancelling.
 *   in_progress lines run. Left when all have ended (finalizing), at `expires_at` (expired), or to cancelling.
 *   finalizing  every line has its result; the result files are being closed. Left to completed.
 *   cancelling  its owner asked for it: what runs is stopped. Left to cancelled.
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

/** Somebody must still do something about it. */
export const ACTIVE_STATUSES = ['validating', 'in_progress', 'finalizing', 'cancelling'] as const;

export function isActive(status: BatchStatus): boolean {
  return (ACTIVE_STATUSES as readonly string[]).includes(status);
}

/** One fault of an input file, as OpenAI lists them. */
export interface BatchFault {
  code: string;
  message: string;
  param: string | null;
  /** From 1; null where it is no single line's fault. */
  line: number | null;
}

export type BatchEventType =
  | 'batch.completed'
  | 'batch.failed'
  | 'batch.expired'
  | 'batch.cancelled'
  /** Ours: at its present rate it will not be done in time. Said once. */
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
 * The same line's same try has the same request id in every process, at any time: a process that takes a batch over accepts it
 * again and finds what is there. Reads as the batch's own digits, the line, the try.
 */
export function lineRequestId(batchId: string, line: number, tryNumber: number, replyShards: number): string {
  const digits = batchId.slice(batchId.indexOf('_') + 1);
  const own = digits.slice(0, ID_DIGITS - LINE_DIGITS - TRY_DIGITS);
  return `req_${replyShardDigit(line % replyShards)}${own}${toDigits(line, LINE_DIGITS)}${toDigits(tryNumber, TRY_DIGITS)}`;
}
