// A server's description of a batch and of a file, and how it is shown: messages on stderr, results on stdout. Only OpenAI's
// required members are relied on; members that Sluice adds are shown if present. Source: openai 7.55.0 `resources/batches`,
// `resources/files`.
import { z } from 'zod';
import { complain, formatCount, formatDollars, formatTable, print } from '../terminal.ts';
import { EXIT_CODES } from './exit-codes.ts';

const count = z.number().nonnegative();

/** Loose, so that members which other servers add are printed by `--json`. */
export const batchObject = z.looseObject({
  id: z.string(),
  status: z.string(),
  endpoint: z.string(),
  input_file_id: z.string(),
  completion_window: z.string().nullish(),
  /** Unix seconds, like all times here. */
  created_at: z.number(),
  in_progress_at: z.number().nullish(),
  expires_at: z.number().nullish(),
  completed_at: z.number().nullish(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
  /** Some servers omit it, or send null, during validation. */
  request_counts: z.looseObject({ total: count, completed: count, failed: count }).nullish(),
  errors: z
    .looseObject({
      data: z
        .array(z.looseObject({ code: z.string().nullish(), message: z.string().nullish(), line: z.number().nullish() }))
        .nullish(),
    })
    .nullish(),
  usage: z.looseObject({ total_tokens: count.nullish(), cost: count.nullish() }).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  /** Sluice only: cost of its answers so far, USD. */
  x_sluice_cost: count.nullish(),
  /** Sluice only: estimated end, unix seconds. */
  x_sluice_eta: z.number().nullish(),
  /** Sluice only: at the current rate it will miss its deadline. */
  x_sluice_at_risk: z.boolean().nullish(),
});

export type BatchObject = z.output<typeof batchObject>;

export const fileObject = z.looseObject({ id: z.string(), bytes: count.nullish(), filename: z.string().nullish() });

export type FileObject = z.output<typeof fileObject>;

export const batchPage = z.looseObject({ data: z.array(batchObject), has_more: z.boolean().nullish() });

const FINAL_STATUSES: ReadonlySet<string> = new Set(['completed', 'failed', 'expired', 'cancelled']);

export function hasEnded({ status }: BatchObject): boolean {
  return FINAL_STATUSES.has(status);
}

/** The status alone is not enough: a batch whose lines all failed is `completed` too. */
export function isWholeSuccess(batch: BatchObject): boolean {
  return batch.status === 'completed' && (batch.request_counts?.failed ?? 0) === 0;
}

/** USD so far; null if the server does not report it. */
export function costOf(batch: BatchObject): number | null {
  return batch.x_sluice_cost ?? batch.usage?.cost ?? null;
}

const MAX_ERRORS = 20;

export function say(text: string): void {
  complain(text);
}

/** Exit code for a batch that has ended. */
export function endingOf(batch: BatchObject): number {
  return isWholeSuccess(batch) ? EXIT_CODES.done : EXIT_CODES.incomplete;
}

/** Shows how a batch ended and what to do next; returns the exit code. */
export function showEnd(batch: BatchObject, json: boolean): number {
  if (json) print(JSON.stringify(batch));
  const { total = 0, completed = 0, failed = 0 } = batch.request_counts ?? {};
  const cost = costOf(batch);
  const sums = [
    `${formatCount(completed)} of ${formatCount(total)} lines succeeded`,
    ...(failed === 0 ? [] : [`${formatCount(failed)} failed`]),
    ...(batch.usage?.total_tokens ? [`${formatCount(batch.usage.total_tokens)} tokens`] : []),
    ...(cost === null ? [] : [formatDollars(cost)]),
  ];
  say(
    `${batch.id} ${batch.status === 'completed' ? 'has completed' : `has ended: ${batch.status}`}: ${sums.join(', ')}`,
  );
  showErrors(batch);
  const hasFiles = Boolean(batch.output_file_id ?? batch.error_file_id);
  if (hasFiles) say(`Results:    sluice batch download ${batch.id}`);
  if (failed > 0 || completed < total) say(`Retry:      sluice batch retry-failed ${batch.id}`);
  return endingOf(batch);
}

/** Faults found by the server's own validation. */
function showErrors({ errors }: BatchObject): void {
  const all = errors?.data ?? [];
  for (const { code, message, line } of all.slice(0, MAX_ERRORS)) {
    say(`  ${typeof line === 'number' ? `line ${line}: ` : ''}${message ?? code ?? 'no error message'}`);
  }
  if (all.length > MAX_ERRORS) say(`  … and ${all.length - MAX_ERRORS} more`);
}

export function batchTable(batches: readonly BatchObject[]): string {
  const rows = batches.map((batch) => {
    const { total = 0, completed = 0, failed = 0 } = batch.request_counts ?? {};
    const cost = costOf(batch);
    return [
      batch.id,
      batch.status,
      new Date(batch.created_at * 1_000).toISOString().slice(0, 16).replace('T', ' '),
      batch.endpoint,
      formatCount(total),
      formatCount(completed),
      formatCount(failed),
      cost === null ? '' : formatDollars(cost),
    ];
  });
  return formatTable(['ID', 'STATUS', 'CREATED (UTC)', 'ENDPOINT', 'LINES', 'DONE', 'FAILED', 'COST'], rows);
}
