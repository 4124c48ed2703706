// What the commands say of a batch: talk to stderr, results to stdout.
import { complain, formatTable, print } from '../terminal.ts';
import { type BatchObject, costOf, isWholeSuccess } from './batch-object.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { formatCount, formatDollars } from './figures.ts';

const MAX_ERRORS = 20;

export function say(text: string): void {
  complain(text);
}

/** The exit code that a batch which has ended stands for. */
export function endingOf(batch: BatchObject): number {
  return isWholeSuccess(batch) ? EXIT_CODES.done : EXIT_CODES.incomplete;
}

/** How it ended and what to do next; gives the exit code. */
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
  if (failed > 0 || completed < total) say(`Try again:  sluice batch retry-failed ${batch.id}`);
  return endingOf(batch);
}

/** The faults that validation on the server found. */
function showErrors({ errors }: BatchObject): void {
  const all = errors?.data ?? [];
  for (const { code, message, line } of all.slice(0, MAX_ERRORS)) {
    say(`  ${typeof line === 'number' ? `line ${line}: ` : ''}${message ?? code ?? 'no explanation'}`);
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
