// `sluice costs`: sums over the ledger.
import type { Command } from 'commander';
import type { Runtime } from '../config/runtime.ts';
import { formatUsd } from '../contracts/money.ts';
import { REPORT_DIMENSIONS, type ReportDimension, type ReportRow, reportUsage } from '../ledger/reports.ts';
import { openDatabase } from '../storage/database.ts';
import { complain, formatTable, print } from './terminal.ts';

interface CostsOptions {
  by: string;
  from?: string;
  to?: string;
  key?: string;
  json: boolean;
}

export function costsCommand(command: Command, runtime: () => Runtime): void {
  command
    .option('--by <dimensions>', 'day, key, model, provider; several with commas', 'day')
    .option('--from <day>', 'first day, YYYY-MM-DD (UTC)')
    .option('--to <day>', 'last day')
    .option('--key <id>', 'one key only')
    .option('--json', 'machine-readable', false)
    .action((options: CostsOptions) => costs(runtime(), options));
}

async function costs(runtime: Runtime, options: CostsOptions): Promise<void> {
  const groupBy = readDimensions(options.by);
  const database = await openDatabase(runtime.databaseUrl, (error) => complain(error.message));
  const rows = await reportUsage(database, {
    groupBy,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.key === undefined ? {} : { keyId: options.key }),
  }).finally(() => database.destroy());
  print(options.json ? JSON.stringify(rows.map(toJson)) : toTable(rows, groupBy));
}

function readDimensions(text: string): ReportDimension[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !REPORT_DIMENSIONS.includes(name as ReportDimension));
  if (unknown !== undefined) throw new Error(`--by takes ${REPORT_DIMENSIONS.join(', ')}, not '${unknown}'`);
  return names as ReportDimension[];
}

function toJson({ costPicoUsd, ...row }: ReportRow) {
  return { ...row, costUsd: formatUsd(costPicoUsd) };
}

function toTable(rows: ReportRow[], groupBy: ReportDimension[]): string {
  if (rows.length === 0) return 'No attempts in the ledger for this selection.';
  const header = [
    ...groupBy.map((name) => name.toUpperCase()),
    'ATTEMPTS',
    'FAILED',
    'INPUT',
    'CACHED',
    'OUTPUT',
    'USD',
  ];
  const cells = rows.map((row) => [
    ...groupBy.map((name) => row.group[name]!),
    String(row.attempts),
    String(row.failedAttempts),
    String(row.inputTokens),
    String(row.cachedInputTokens),
    String(row.outputTokens),
    formatUsd(row.costPicoUsd),
  ]);
  const total = formatUsd(rows.reduce((sum, row) => sum + row.costPicoUsd, 0n));
  return `${formatTable(header, cells)}\n\nTotal: ${total} USD`;
}
