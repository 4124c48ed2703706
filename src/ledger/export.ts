// The rows of the ledger, one after the other, for spreadsheets and warehouses: read in pages, so that a table of any size fits.
import { sql } from 'kysely';
import { formatUsd } from '../contracts/money.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import { type ReportSubject, type Selection, selectionOf } from './reports.ts';

export type ExportedRow = Record<string, string | number | null>;

const PAGE_ROWS = 2_000;
const TABLE = { attempt: 'ledger_entries', request: 'requests' } as const;

/** By request id, which is by time of acceptance. Money is shown as USD; everything else as it is stored. */
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

/** Columns that are whole numbers, which the engines give as bigint or as text. */
const COUNT = /^(attempts?|is_stream|charge_units)$|_(tokens|ms|at)$/;

/** Timelines are long and say nothing of money. */
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

/** RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe: clients choose some of these texts. */
export function csvLine(values: readonly (string | number | null)[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
