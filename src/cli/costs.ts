// `sluice costs`: sums over the ledger.
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import type { Runtime } from '../config/runtime.ts';
import { formatUsd } from '../contracts/money.ts';
import {
  dimensionsOf,
  REPORT_DIMENSIONS,
  REPORT_SUBJECTS,
  type ReportDimension,
  type ReportFilters,
  type ReportSubject,
  type Selection,
} from '../ledger/dimensions.ts';
import {
  EXPORT_COLUMNS,
  EXPORT_FORMATS,
  type ExportColumn,
  type ExportedRow,
  type ExportFormat,
  encodeRows,
  exportRows,
  reportColumns,
  reportRow,
} from '../ledger/export.ts';
import { type ReportPage, type ReportRow, reportPages } from '../ledger/reports.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { day, list } from './arguments.ts';
import { complain, printable, tableInParts } from './terminal.ts';

/** Read, and printed, at once. */
const PAGE_ROWS = 10_000;

interface SelectionOptions {
  per: ReportSubject;
  from?: string;
  to?: string;
  key?: string;
  where?: string[];
}

interface CostsOptions extends SelectionOptions {
  by: string;
  json: boolean;
  format?: ExportFormat;
}

interface ExportOptions extends SelectionOptions {
  format?: ExportFormat;
}

export function costsCommand(command: Command, runtime: () => Runtime): void {
  selecting(command)
    .option('--by <dimensions>', `${REPORT_DIMENSIONS.join(', ')}; comma-separated`, 'day')
    .option('--json', 'machine-readable', false)
    .addOption(
      new Option('--format <format>', 'write the report to standard output as csv, JSON lines or Parquet').choices(
        EXPORT_FORMATS,
      ),
    )
    .action((options: CostsOptions) => costs(runtime(), options));

  selecting(command.command('export').description('write the rows of the ledger to standard output'))
    .addOption(new Option('--format <format>', 'csv (default), JSON lines or Parquet').choices(EXPORT_FORMATS))
    // Options with these names are parsed by the parent command too.
    .action((_options, self: Command) => exportLedger(runtime(), self.optsWithGlobals<ExportOptions>()));
}

function selecting(command: Command): Command {
  return command
    .addOption(
      new Option('--per <subject>', 'attempt (a call to a provider) or request')
        .choices(REPORT_SUBJECTS)
        .default('attempt'),
    )
    .option('--from <day>', 'first day, YYYY-MM-DD (UTC)', day)
    .option('--to <day>', 'last day', day)
    .option('--key <id>', 'only this key')
    .option('--where <dimension=value>', 'filter, such as lane=batch (repeatable)', list);
}

async function costs(runtime: Runtime, options: CostsOptions): Promise<void> {
  const groupBy = readDimensions(options.by, options.per);
  const query = { per: options.per, groupBy, ...selectionOf(options) };
  await withDatabase(runtime, (database) => {
    const pages = warned(reportPages(database, query, PAGE_ROWS));
    if (options.format !== undefined)
      return writeFile(rowsOf(pages), reportColumns(groupBy, options.per), options.format);
    return options.json ? printJson(pages) : printTable(pages, groupBy);
  });
}

type Pages = AsyncIterable<ReportPage>;

/** Tells of sums that are missing, before the first page. */
async function* warned(pages: Pages): Pages {
  let isFirst = true;
  for await (const page of pages) {
    if (isFirst && page.wholeFrom !== null)
      complain(
        `Sums by hour, batch, session and tag before ${page.wholeFrom} have been deleted (ledger.keep_hours_days).`,
      );
    isFirst = false;
    yield page;
  }
}

async function* rowsOf(pages: Pages): AsyncGenerator<ExportedRow> {
  for await (const { rows } of pages) yield* rows.map(reportRow);
}

async function exportLedger(runtime: Runtime, options: ExportOptions): Promise<void> {
  const { per, format = 'csv' } = options;
  await withDatabase(runtime, (database) =>
    writeFile(exportRows(database, per, selectionOf(options)), EXPORT_COLUMNS[per], format),
  );
}

async function writeFile(
  rows: AsyncIterable<ExportedRow>,
  columns: readonly ExportColumn[],
  format: ExportFormat,
): Promise<void> {
  if (format === 'parquet' && process.stdout.isTTY)
    throw new Error('Parquet is a binary format: redirect the output to a file, > FILE');
  for await (const piece of encodeRows(rows, columns, format)) {
    await write(piece);
  }
}

/** Waits for a slow reader. */
async function write(piece: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** One array, printed as its rows are read. */
async function printJson(pages: Pages): Promise<void> {
  let before = '[';
  for await (const { rows } of pages) {
    if (rows.length === 0) continue;
    await write(`${before}${printable(rows.map((row) => JSON.stringify(toJson(row))).join(','))}`);
    before = ',';
  }
  await write(before === '[' ? '[]\n' : ']\n');
}

function selectionOf({ per, from, to, key, where = [] }: SelectionOptions): Selection {
  const filters = where.map((text) => {
    const [name, ...parts] = text.split('=');
    const [dimension, value] = [readDimensions(name!, per)[0]!, parts.join('=')];
    if (dimension === 'hour' && Number.isNaN(Date.parse(value)))
      throw new Error(`an hour must be its start time, such as hour=2026-11-28T14:00:00Z, not '${value}'`);
    return [dimension, value];
  });
  return {
    filters: Object.fromEntries(filters) as ReportFilters,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(key === undefined ? {} : { keyId: key }),
  };
}

async function withDatabase<T>(runtime: Runtime, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase(runtime.databaseUrl, (error) => complain(error.message));
  try {
    return await use(database);
  } finally {
    await database.destroy();
  }
}

function readDimensions(text: string, per: ReportSubject): ReportDimension[] {
  const known = dimensionsOf(per);
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name as ReportDimension));
  if (unknown !== undefined) throw new Error(`a report per ${per} supports ${known.join(', ')}, not '${unknown}'`);
  return names as ReportDimension[];
}

function toJson({ costPicoUsd, charge, ...row }: ReportRow) {
  return { ...row, costUsd: formatUsd(costPicoUsd), ...(charge === undefined ? {} : { chargeUsd: formatUsd(charge) }) };
}

async function printTable(pages: Pages, groupBy: readonly ReportDimension[]): Promise<void> {
  const header = [
    ...groupBy.map((name) => name.toUpperCase()),
    'ATTEMPTS',
    'FAILED',
    'INPUT',
    'CACHED',
    'OUTPUT',
    'USD',
  ];
  const table = tableInParts(header);
  let total: bigint | null = null;
  for await (const { rows } of pages) {
    if (rows.length === 0) continue;
    await write(`${table(rows.map((row) => cellsOf(row, groupBy)))}\n`);
    total = rows.reduce((sum, row) => sum + row.costPicoUsd, total ?? 0n);
  }
  await write(
    total === null ? 'The ledger has no entries for this selection.\n' : `\nTotal: ${formatUsd(total)} USD\n`,
  );
}

function cellsOf(row: ReportRow, groupBy: readonly ReportDimension[]): string[] {
  return [
    ...groupBy.map((name) => row.group[name]!),
    String(row.attempts),
    String(row.failedAttempts),
    String(row.inputTokens),
    String(row.cachedInputTokens),
    String(row.outputTokens),
    formatUsd(row.costPicoUsd),
  ];
}
