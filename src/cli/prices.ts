// `sluice prices`: the prices in force, and what the ledger's last days would cost with another price list.
import { Command } from 'commander';
import type { Catalogue } from '../config/catalogue.ts';
import { loadPrices } from '../config/price-list.ts';
import type { Runtime } from '../config/runtime.ts';
import { formatUsd, type PicoUsd } from '../contracts/money.ts';
import { type PreviewRate, type PreviewRow, previewPrices } from '../ledger/price-preview.ts';
import { openDatabase } from '../storage/database.ts';
import { wholeNumber } from './arguments.ts';
import { complain, formatTable, print } from './terminal.ts';

interface PreviewOptions {
  days: number;
  at?: string;
  all: boolean;
  json: boolean;
}

const DAY_MS = 86_400_000;
const PER_MILLION = 1_000_000n;
const PER_THOUSAND = 1_000n;

export function pricesCommand(runtime: () => Runtime): Command {
  const root = new Command('prices').description('prices in force, and the effect of another price list');
  root
    .command('list')
    .description('list the prices in force by deployment, in USD per million tokens')
    .option('--json', 'machine-readable', false)
    .action(({ json }: { json: boolean }) => list(runtime().catalogue, json));
  root
    .command('preview')
    .description('calculate what the last days would have cost with another price list; changes nothing')
    .argument('[file]', 'a configuration, or prices by deployment or model (default: the configured price changes)')
    .option('--days <count>', 'days of the ledger to include', wholeNumber, 30)
    .option('--at <day>', 'use the new prices of this day (default: after the last of their changes)')
    .option('--all', 'include deployments whose prices do not change', false)
    .option('--json', 'machine-readable', false)
    .action((file: string | undefined, options: PreviewOptions) => preview(runtime(), file, options));
  return root;
}

function list({ deployments, priceOf }: Catalogue, json: boolean): void {
  const rows = [...deployments.values()].map((deployment) => {
    const { id, upstreamModel, price } = deployment;
    const found = priceOf(deployment, upstreamModel, 0);
    const source = price !== null ? 'configuration' : found === null ? 'unknown' : 'package';
    const next = price?.find(({ fromMs }) => fromMs > Date.now());
    return {
      deployment: id,
      model: upstreamModel,
      source,
      input: found === null ? null : perMillion(found.input),
      cached_input: found === null ? null : perMillion(found.cachedInput),
      output: found === null ? null : perMillion(found.output),
      changes_on: next === undefined ? null : new Date(next.fromMs).toISOString().slice(0, 10),
    };
  });
  if (json) return print(JSON.stringify(rows));
  if (rows.length === 0) return print('No deployment is configured.');
  const cells = rows.map((row) => [
    row.deployment,
    row.input ?? '',
    row.cached_input ?? '',
    row.output ?? '',
    row.source,
    row.changes_on ?? '',
  ]);
  print(formatTable(['DEPLOYMENT', 'INPUT', 'CACHED', 'OUTPUT', 'FROM', 'CHANGES ON'], cells));
}

async function preview(runtime: Runtime, file: string | undefined, options: PreviewOptions): Promise<void> {
  const { configuration, catalogue, environment, databaseUrl } = runtime;
  const now = Date.now();
  const next = loadPrices(file, configuration, environment.variables);
  const at = timeOf(options.at ?? next.dates.at(-1), now);
  const from = new Date(now - options.days * DAY_MS).toISOString().slice(0, 10);
  const database = await openDatabase(databaseUrl, (error) => complain(error.message));
  try {
    const rows = await previewPrices(database, {
      old: { catalogue, at: new Date(now) },
      next: { catalogue: next.catalogue, at },
      from,
    });
    const shown = rows.filter(
      ({ change, attempts }) => options.all || (change !== 'same' && (change !== 'none' || attempts > 0)),
    );
    if (options.json) print(JSON.stringify(describe(from, at, shown, rows, next.unused)));
    else print(toText(from, at, shown, rows, next.unused));
  } finally {
    await database.destroy();
  }
}

/** A date means its beginning (UTC), when the day's prices take effect. */
function timeOf(day: string | undefined, now: number): Date {
  const ms = day === undefined ? now : Date.parse(day);
  if (Number.isNaN(ms)) throw new Error(`'${day}' is not a date: use YYYY-MM-DD`);
  return new Date(Math.max(ms, day === undefined ? now : 0));
}

function sumsOf(rows: readonly PreviewRow[]) {
  const sum = (name: 'booked' | 'byOld' | 'byNew') => rows.reduce((all, row) => all + row[name], 0n);
  return { booked: sum('booked'), byOld: sum('byOld'), byNew: sum('byNew') };
}

function describe(
  from: string,
  at: Date,
  shown: readonly PreviewRow[],
  rows: readonly PreviewRow[],
  unused: readonly string[],
) {
  const { booked, byOld, byNew } = sumsOf(rows);
  return {
    from,
    at: at.toISOString(),
    rows: shown.map((row) => ({
      deployment: row.deployment,
      model: row.model,
      change: row.change,
      rates: row.rates.map(({ name, unit, old, new: next }) => ({
        name,
        per: unit === 'token' ? 'million_tokens' : 'thousand_calls',
        old: rate(unit, old),
        new: rate(unit, next),
      })),
      attempts: row.attempts,
      booked_usd: formatUsd(row.booked),
      by_old_usd: formatUsd(row.byOld),
      by_new_usd: formatUsd(row.byNew),
    })),
    total: { booked_usd: formatUsd(booked), by_old_usd: formatUsd(byOld), by_new_usd: formatUsd(byNew) },
    unused,
  };
}

function toText(
  from: string,
  at: Date,
  shown: readonly PreviewRow[],
  rows: readonly PreviewRow[],
  unused: readonly string[],
): string {
  const { booked, byOld, byNew } = sumsOf(rows);
  const cells = shown.map((row) => [
    row.deployment,
    row.model,
    row.change,
    String(row.attempts),
    formatUsd(row.booked),
    formatUsd(row.byOld),
    formatUsd(row.byNew),
    percent(row.byOld, row.byNew),
    row.rates.map(rateInWords).join(', '),
  ]);
  const header = [
    'DEPLOYMENT',
    'MODEL',
    'PRICE',
    'ATTEMPTS',
    'BOOKED',
    'OLD PRICES',
    'NEW PRICES',
    'CHANGE',
    'RATES (PER MILLION TOKENS)',
  ];
  return [
    `The ledger since ${from}, with the new prices of ${at.toISOString().slice(0, 10)}. Recorded costs do not change.`,
    '',
    shown.length === 0 ? 'No price would change.' : formatTable(header, cells),
    '',
    `Total: ${formatUsd(booked)} USD recorded, ${formatUsd(byOld)} with the old prices, ${formatUsd(byNew)} with the new ones: ${percent(byOld, byNew) || 'no change'}.`,
    ...unused.map((name) => `Note: ${name} is neither a deployment nor a model of this configuration.`),
  ].join('\n');
}

function percent(old: PicoUsd, next: PicoUsd): string {
  if (old === next) return '';
  if (old === 0n) return 'from nothing';
  const change = Number(((next - old) * 100_000n) / old) / 1_000;
  return `${change > 0 ? '+' : ''}${change.toFixed(2)} %`;
}

function rateInWords({ name, unit, old, new: next }: PreviewRate): string {
  const per = unit === 'call' ? ' per thousand calls' : '';
  return `${name} ${rate(unit, old) ?? 'none'} → ${rate(unit, next) ?? 'none'}${per}`;
}

/** In the units of the configuration: per million tokens, per thousand calls. */
function rate(unit: PreviewRate['unit'], amount: PicoUsd | null): string | null {
  if (amount === null) return null;
  return unit === 'token' ? perMillion(amount) : formatUsd(amount * PER_THOUSAND);
}

function perMillion(perToken: PicoUsd): string {
  return formatUsd(perToken * PER_MILLION);
}
