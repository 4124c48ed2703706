// Exports the rows of the ledger for spreadsheets and warehouses. They are read in pages, so that memory does not grow with them.
import { sql } from 'kysely';
import { formatUsd } from '../contracts/money.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import { type ReportDimension, type ReportSubject, type Selection, selectionOf } from './dimensions.ts';
import type { ReportRow } from './reports.ts';

export type ExportedRow = Record<string, string | number | null>;

const PAGE_ROWS = 2_000;
const TABLE = { attempt: 'ledger_entries', request: 'requests' } as const;

/** Ordered by request id, and so by time of acceptance. Money is in USD; everything else is as stored. */
export async function* exportRows(
  database: Database,
  per: ReportSubject,
  selection: Selection,
): AsyncGenerator<ExportedRow> {
  let last: { request_id?: string; attempt?: unknown } = {};
  for (;;) {
    const conditions = selectionOf(selection, per);
    if (last.request_id !== undefined) conditions.push(after(per, last.request_id, last.attempt));
    const where = conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`;
    const order = sql.raw(per === 'attempt' ? 'request_id, attempt' : 'request_id');
    const { rows } = await sql<Record<string, unknown>>`
      select * from ${sql.table(TABLE[per])}${where} order by ${order} limit ${sql.lit(PAGE_ROWS)}`.execute(database);
    for (const row of rows) yield shownRow(row);
    if (rows.length < PAGE_ROWS) return;
    last = rows.at(-1)!;
  }
}

function after(per: ReportSubject, requestId: string, attempt: unknown) {
  if (per === 'request') return sql`request_id > ${requestId}`;
  return sql`(request_id > ${requestId} or (request_id = ${requestId} and attempt > ${attempt}))`;
}

/** Integer columns, which the database drivers return as bigint or as text. */
const COUNT = /^(attempts?|is_stream|charge_units)$|_(tokens|ms|at)$/;

/** Without the timeline, which is long and has no billing data. */
function shownRow({ timeline: _, cost_pico_usd: cost, tags, ...row }: Record<string, unknown>): ExportedRow {
  const shown = Object.entries(row).map(([name, value]) => [
    name,
    value !== null && COUNT.test(name) ? asNumber(value) : value,
  ]);
  return {
    ...(Object.fromEntries(shown) as ExportedRow),
    tags: typeof tags === 'string' ? tags.replace(/^,|,$/g, '') : null,
    cost_usd: formatUsd(asBigint(cost)),
  };
}

/** `pico` is the exact amount beside the `usd` column, which is a double in Parquet; other formats leave it out. */
export interface ExportColumn {
  name: string;
  kind: 'text' | 'count' | 'time' | 'flag' | 'usd' | 'pico';
}

const text = (...names: string[]): ExportColumn[] => names.map((name) => ({ name, kind: 'text' }));
const count = (...names: string[]): ExportColumn[] => names.map((name) => ({ name, kind: 'count' }));
const COST: readonly ExportColumn[] = [
  { name: 'cost_usd', kind: 'usd' },
  { name: 'cost_pico_usd', kind: 'pico' },
];
const LABELS = text('project_id', 'organisation_id', 'batch_id', 'session', 'tags');

/** The columns of exported rows, for formats that need them in advance. */
export const EXPORT_COLUMNS: Readonly<Record<ReportSubject, readonly ExportColumn[]>> = {
  attempt: [
    ...text('request_id'),
    ...count('attempt'),
    ...text('day', 'key_id', 'model', 'provider', 'deployment', 'credential', 'upstream_model', 'protocol', 'lane'),
    { name: 'is_stream', kind: 'flag' },
    ...text('state', 'outcome'),
    { name: 'started_at', kind: 'time' },
    ...count('queue_ms', 'first_byte_ms', 'duration_ms', 'input_tokens', 'cached_input_tokens', 'cache_write_tokens'),
    ...count('output_tokens', 'reasoning_tokens'),
    ...text('details'),
    ...LABELS,
    ...COST,
  ],
  request: [
    ...text('request_id', 'day', 'key_id', 'model', 'protocol', 'lane'),
    { name: 'is_stream', kind: 'flag' },
    ...text('outcome', 'provider', 'upstream_model'),
    { name: 'accepted_at', kind: 'time' },
    { name: 'finished_at', kind: 'time' },
    ...count('attempts', 'charge_units'),
    ...text('credit_account'),
    ...LABELS,
    ...COST,
  ],
};

/** The columns of a report. */
export function reportColumns(groupBy: readonly ReportDimension[], per: ReportSubject): ExportColumn[] {
  const tokens = count('input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens');
  return [
    ...text(...groupBy),
    ...(per === 'request' ? count('requests') : []),
    ...count('attempts', 'failed_attempts'),
    ...(per === 'request' ? [] : [...count('estimated_attempts', 'unsettled_attempts'), ...tokens]),
    ...COST,
    ...(per === 'request' ? [{ name: 'charge_usd', kind: 'usd' } as const] : []),
  ];
}

/** A report row, keyed by column name. */
export function reportRow({ group, costPicoUsd, charge, ...counts }: ReportRow): ExportedRow {
  return {
    ...group,
    requests: counts.requests ?? null,
    attempts: counts.attempts,
    failed_attempts: counts.failedAttempts,
    estimated_attempts: counts.estimatedAttempts,
    unsettled_attempts: counts.unsettledAttempts,
    input_tokens: counts.inputTokens,
    cached_input_tokens: counts.cachedInputTokens,
    output_tokens: counts.outputTokens,
    reasoning_tokens: counts.reasoningTokens,
    cost_usd: formatUsd(costPicoUsd),
    charge_usd: charge === undefined ? null : formatUsd(charge),
  };
}

export const EXPORT_FORMATS = ['csv', 'jsonl', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Yields a file in pieces. Memory is bounded by a page of rows or by a Parquet row group. */
export async function* encodeRows(
  rows: AsyncIterable<ExportedRow>,
  columns: readonly ExportColumn[],
  format: ExportFormat,
): AsyncGenerator<string | Uint8Array> {
  if (format === 'parquet') {
    const { encodeParquet } = await loadParquet();
    return yield* encodeParquet(rows, columns);
  }
  const names = columns.flatMap(({ name, kind }) => (kind === 'pico' ? [] : [name]));
  if (format === 'csv') yield csvLine(names);
  for await (const row of rows) {
    const values = names.map((name) => row[name] ?? null);
    yield format === 'csv'
      ? csvLine(values)
      : `${JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]])))}\n`;
  }
}

async function loadParquet() {
  try {
    return await import('./export-parquet.ts');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('Parquet needs the optional package hyparquet-writer, which is not installed', { cause: error });
  }
}

/** RFC 4180. Text that a spreadsheet would read as a formula is prefixed with an apostrophe: clients choose some of it. */
export function csvLine(values: readonly (string | number | null)[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
