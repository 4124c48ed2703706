// Sums and comparisons of spend. Pure.
import type { UsageRow } from '../api/types.ts';

export const DAY_MS = 86_400_000;
export const DIMENSIONS = [
  'model',
  'provider',
  'key',
  'project',
  'organisation',
  'tags',
  'credential',
  'lane',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function sum<T>(rows: readonly T[], pick: (row: T) => number): number {
  return rows.reduce((total, row) => total + pick(row), 0);
}

const DECIMALS = 12;

/** A row's dollars as picodollars: sums of doubles would be inexact. */
export function picoOf({ cost_usd: cost }: UsageRow): bigint {
  const [whole = '0', fraction = ''] = cost.split('.');
  return BigInt(whole + fraction.padEnd(DECIMALS, '0'));
}

/** Dollars for display, rounded once. */
export function dollars(pico: bigint): number {
  return Number(pico) / 10 ** DECIMALS;
}

export function spentOn(rows: readonly UsageRow[]): number {
  return dollars(rows.reduce((total, row) => total + picoOf(row), 0n));
}

export const uncertainOf = (row: UsageRow) => row.estimated_attempts + row.unsettled_attempts;

export interface Total {
  value: string;
  own: UsageRow[];
  cost: number;
  before: number;
}

/** Sorted by cost; includes entries that occur only in the earlier period. */
export function totalsBy(rows: readonly UsageRow[], before: readonly UsageRow[], by: Dimension): Total[] {
  const now = Map.groupBy(rows, (row) => row[by] ?? '');
  const then = Map.groupBy(before, (row) => row[by] ?? '');
  return [...new Set([...now.keys(), ...then.keys()])]
    .map((value) => {
      const own = now.get(value) ?? [];
      return { value, own, cost: spentOn(own), before: spentOn(then.get(value) ?? []) };
    })
    .sort((a, b) => b.cost - a.cost || b.before - a.before);
}

/** Null if the earlier period has no spend. */
export function changeOf(cost: number, before: number): number | null {
  return before === 0 ? null : (cost - before) / before;
}

export function percent(change: number | null): string {
  return change === null ? '–' : `${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %`;
}

/** Totals per day, beginning with `from`. */
export function totalsByDay(rows: readonly UsageRow[], from: string, length: number): number[] {
  const byDay = Map.groupBy(rows, (row) => row.day ?? '');
  const start = Date.parse(from);
  return Array.from({ length }, (_, index) => spentOn(byDay.get(dayOf(start + index * DAY_MS)) ?? []));
}

const PACE_DAYS = 7;

/** Forecast for the month: spend so far, plus the remaining days at the average of the last seven complete days. */
export function forecastMonth(rows: readonly UsageRow[], now: number): { spent: number; forecast: number } {
  const today = dayOf(now);
  const date = new Date(now);
  const spent = spentOn(rows.filter(({ day = '' }) => day.slice(0, 7) === today.slice(0, 7)));
  const from = dayOf(now - PACE_DAYS * DAY_MS);
  const pace = spentOn(rows.filter(({ day = '' }) => day >= from && day < today)) / PACE_DAYS;
  const endMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  return { spent, forecast: spent + (pace * (endMs - now)) / DAY_MS };
}

const COLUMNS = [
  ...(['attempts', 'failed_attempts', 'estimated_attempts', 'unsettled_attempts'] as const),
  ...(['input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens', 'cost_usd'] as const),
];

/** As addresses of files. */
export function reportFiles(rows: readonly UsageRow[], by: Dimension): { csv: string; json: string } {
  const columns = ['day', by, ...COLUMNS] as const;
  const lines = rows.map((row) => columns.map((column) => cell(String(row[column] ?? ''))).join(','));
  return {
    csv: `data:text/csv;charset=utf-8,${encodeURIComponent([columns.join(','), ...lines].join('\r\n'))}`,
    json: `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(rows, null, 2))}`,
  };
}

/** Prevents formula injection in spreadsheets: names come from clients. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
