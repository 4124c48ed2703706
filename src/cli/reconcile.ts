// `sluice reconcile`: compares the ledger with the usage and cost that a provider reports.
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { USAGE_APIS, type UsageApi } from '../config/price-schema.ts';
import type { Runtime } from '../config/runtime.ts';
import { formatUsd, type PicoUsd, parseUsd } from '../contracts/money.ts';
import {
  COMPARED_BY,
  type ComparedBy,
  type ComparedRow,
  type Comparison,
  type Figure,
} from '../ledger/reconciliation/compare.ts';
import { type DaySpan, fetchReport } from '../ledger/reconciliation/fetch-report.ts';
import { daySpan, describeComparison, reconcile, reportSourceOf } from '../ledger/reconciliation/reconcile.ts';
import { readUsageFile } from '../ledger/reconciliation/usage-file.ts';
import { addReport, type UsageReport } from '../ledger/reconciliation/usage-report.ts';
import { openDatabase } from '../storage/database.ts';
import { list } from './arguments.ts';
import { complain, formatCount, formatTable, print } from './terminal.ts';

interface ReconcileOptions {
  from?: string;
  to?: string;
  by: ComparedBy[];
  file?: string[];
  kind?: UsageApi;
  tolerance: number;
  toleranceUsd: PicoUsd;
  json: boolean;
}

/** Exit codes as in diff(1). */
const DIFFERENT = 1;
const NOT_COMPARED = 2;

export function reconcileCommand(command: Command, runtime: () => Runtime): void {
  command
    .description(
      'compare the ledger with a provider’s usage and cost report; exit code 0: they agree, 1: they differ, 2: no comparison was possible',
    )
    .argument('<provider>', 'name of the provider in the configuration')
    .option('--from <day>', 'first day, YYYY-MM-DD in UTC (default: six days before the last)')
    .option('--to <day>', 'last day (default: yesterday)')
    .option('--by <parts>', `${COMPARED_BY.join(', ')}; comma-separated, empty for the total only`, readParts, [
      'model',
    ])
    .option(
      '-f, --file <file>',
      'read a saved export (JSON or CSV) instead of the API; usage and costs may be two files (repeatable)',
      list,
    )
    .addOption(
      new Option('--kind <api>', 'which provider’s API (default: derived from its protocols)').choices(USAGE_APIS),
    )
    .option('--tolerance <percent>', 'ignore differences up to this percentage of a figure', readPercent, 0.1)
    .addOption(
      new Option('--tolerance-usd <usd>', 'ignore differences in cost up to this amount')
        .argParser(readUsd)
        .default(parseUsd('0.01'), '0.01'),
    )
    .option('--json', 'machine-readable', false)
    .action(async (provider: string, options: ReconcileOptions) => {
      process.exitCode = await run(runtime, provider, options).catch((error: unknown) => {
        complain(`sluice: ${(error as Error).message}`);
        return NOT_COMPARED;
      });
    });
}

async function run(runtime: () => Runtime, name: string, options: ReconcileOptions): Promise<number> {
  const { configuration, catalogue, environment, databaseUrl } = runtime();
  const provider = catalogue.providers.get(name);
  if (provider === undefined)
    throw new Error(
      `no provider '${name}' is configured; configured: ${[...catalogue.providers.keys()].join(', ') || 'none'}`,
    );
  const settings = configuration.providers[name]!;
  const span = daySpan(options, Date.now());
  const source = () => {
    const found =
      reportSourceOf(provider, settings) ?? fromVariables(environment.variables, options.kind, provider.baseUrl);
    return options.kind === undefined ? found : { ...found, kind: options.kind };
  };
  const report = options.file === undefined ? await fetchReport(source(), span) : readFiles(options.file);
  const database = await openDatabase(databaseUrl, (error) => complain(error.message));
  try {
    const comparison = await reconcile(database, name, span, {
      report,
      by: options.by,
      tolerance: { percent: options.tolerance, usd: options.toleranceUsd },
      keyIds: settings.usage_api?.key_ids ?? {},
    });
    print(
      options.json
        ? JSON.stringify(describeComparison(name, span, comparison))
        : toText(name, span, comparison, options.by),
    );
    return comparison.isEqual ? 0 : DIFFERENT;
  } finally {
    await database.destroy();
  }
}

/** Reads the variable that the provider's own tools use. */
function fromVariables(
  variables: Readonly<Record<string, string | undefined>>,
  kind: UsageApi | undefined,
  baseUrl: string,
) {
  const guessed = kind ?? (/anthropic/.test(baseUrl) ? 'anthropic' : 'openai');
  const variable = guessed === 'anthropic' ? 'ANTHROPIC_ADMIN_KEY' : 'OPENAI_ADMIN_KEY';
  const adminKey = variables[variable];
  if (adminKey) return { kind: guessed, baseUrl, adminKey };
  throw new Error(
    `no admin key: set usage_api.admin_key of the provider or ${variable}, or pass a saved export with --file`,
  );
}

function readFiles(files: readonly string[]): UsageReport {
  const report: UsageReport = { usage: [], costs: [] };
  for (const file of files) {
    try {
      addReport(report, readUsageFile(readFileSync(file === '-' ? 0 : file, 'utf8')));
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
    }
  }
  return report;
}

const WORDS: Readonly<Record<Figure, string>> = {
  inputTokens: 'input tokens',
  cachedInputTokens: 'cached tokens',
  outputTokens: 'output tokens',
  cost: 'USD',
};

function toText(
  provider: string,
  { from, to }: DaySpan,
  { rows, total, isEqual, notes }: Comparison,
  by: readonly ComparedBy[],
): string {
  const different = [...rows, total].filter(({ differences }) => differences.length > 0);
  const cells = different.flatMap((row) =>
    row.differences.map((figure) => [
      ...by.map((name) => row.group[name] ?? 'all'),
      WORDS[figure],
      shown(row.ledger[figure]),
      shown(row.provider[figure]),
      percentOf(row.ledger[figure], row.provider[figure]),
      explanationOf(row),
    ]),
  );
  const header = [
    ...by.map((name) => name.toUpperCase().replace('_', ' ')),
    'OF',
    'LEDGER',
    'PROVIDER',
    'PROVIDER IS',
    '',
  ];
  const head = `${provider}, ${from} to ${to}: ${isEqual ? 'the ledger and the provider agree.' : 'the ledger and the provider differ.'}`;
  const sums = `Total: ${formatCount(total.ledger.inputTokens)} input, ${formatCount(total.ledger.outputTokens)} output tokens, ${shown(total.ledger.cost)} USD in the ledger.`;
  return [
    head,
    ...(isEqual ? [] : ['', formatTable(header, cells), '']),
    sums,
    ...notes.map((note) => `Note: ${note}.`),
  ].join('\n');
}

function shown(figure: number | bigint | null): string {
  return typeof figure === 'bigint' ? formatUsd(figure) : figure === null ? '' : String(figure);
}

function percentOf(ledger: number | bigint | null, provider: number | bigint | null): string {
  const [ours, theirs] = [Number(ledger), Number(provider)];
  if (ours === 0) return 'only there';
  if (theirs === 0) return 'missing there';
  const percent = (100 * (theirs - ours)) / ours;
  return `${percent > 0 ? '+' : ''}${percent.toFixed(2)} %`;
}

function explanationOf({ estimatedAttempts, unsettledAttempts }: ComparedRow): string {
  const parts = [
    ...(estimatedAttempts > 0 ? [`${estimatedAttempts} attempts estimated`] : []),
    ...(unsettledAttempts > 0 ? [`${unsettledAttempts} unsettled`] : []),
  ];
  return parts.join(', ');
}

function readParts(text: string): ComparedBy[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'none');
  const unknown = parts.find((part) => !COMPARED_BY.includes(part as ComparedBy));
  if (unknown !== undefined) throw new InvalidArgumentError(`'${unknown}' must be one of ${COMPARED_BY.join(', ')}.`);
  return parts as ComparedBy[];
}

function readPercent(text: string): number {
  const value = Number(text.replace(/%$/, ''));
  if (!Number.isFinite(value) || value < 0 || value > 100)
    throw new InvalidArgumentError('must be a percentage from 0 to 100.');
  return value;
}

function readUsd(text: string): PicoUsd {
  try {
    const value = parseUsd(text);
    if (value >= 0n) return value;
  } catch {
    // Reported below.
  }
  throw new InvalidArgumentError('must be an amount in US dollars.');
}
