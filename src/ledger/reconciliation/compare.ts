// Compares the ledger with a provider's report and names the differences. Pure.
import type { PicoUsd } from '../../contracts/money.ts';
import type { UsageReport } from './usage-report.ts';

export const COMPARED_BY = ['day', 'model', 'api_key'] as const;
export type ComparedBy = (typeof COMPARED_BY)[number];

/** One slice of the ledger; `apiKey` is the credential, or `default`. */
export interface LedgerSlice {
  day: string;
  model: string;
  apiKey: string;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  cost: PicoUsd;
  estimatedAttempts: number;
  unsettledAttempts: number;
}

export interface Tolerance {
  /** In percent of the larger figure, for tokens and money. */
  percent: number;
  /** Differences in cost up to this are ignored. */
  usd: PicoUsd;
}

export interface Sums {
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  /** Null if the report has no costs for these groups. */
  cost: PicoUsd | null;
}

export type Figure = keyof Sums;
export const FIGURES: readonly Figure[] = ['inputTokens', 'cachedInputTokens', 'outputTokens', 'cost'];

export interface ComparedRow {
  /** Empty for the total. */
  group: Partial<Record<ComparedBy, string>>;
  ledger: Sums;
  provider: Sums;
  /** Figures that differ by more than the tolerance. */
  differences: Figure[];
  /** Attempts in the ledger without figures from the provider; they may explain a difference. */
  estimatedAttempts: number;
  unsettledAttempts: number;
}

export interface Comparison {
  rows: ComparedRow[];
  total: ComparedRow;
  isEqual: boolean;
  /** What cannot be compared, and why. */
  notes: string[];
}

export interface Compared {
  ledger: readonly LedgerSlice[];
  report: UsageReport;
  by: readonly ComparedBy[];
  tolerance: Tolerance;
  /** Credential → id of its key at the provider. If empty, the whole report is compared. */
  keyIds: Readonly<Record<string, string>>;
}

export function compare({ ledger, report, by, tolerance, keyIds }: Compared): Comparison {
  const notes: string[] = [];
  const { usage, costs } = ofTheseKeys(report, keyIds, notes);
  const hasCosts = report.hasCosts === true || report.costs.length > 0;
  if (!hasCosts) notes.push('the report has no costs: only tokens were compared');
  // Anthropic's cost report does not name keys.
  const hasCostsByKey = costs.every(({ keyId }) => keyId !== null);
  if (hasCosts && !hasCostsByKey && by.includes('api_key'))
    notes.push('the report has no costs by key: costs were compared only in the total');
  const modelOf = modelNames(ledger.map(({ model }) => model));
  const names = new Map(Object.entries(keyIds).map(([name, id]) => [id, name]));
  const groupOf = (day: string, model: string | null, key: string): ComparedRow['group'] => {
    const values = { day, model: model === null ? '(none)' : modelOf(model), api_key: key };
    return Object.fromEntries(by.map((name) => [name, values[name]]));
  };
  const table = createTable(hasCosts);
  const groupedCosts = hasCosts && (hasCostsByKey || !by.includes('api_key'));
  for (const slice of ledger) table.addLedger(groupOf(slice.day, slice.model, slice.apiKey), slice);
  for (const line of usage) {
    table.addProvider(groupOf(line.day, line.model, keyName(line.keyId, names)), { ...line, cost: 0n }, true);
  }
  for (const { day, model, keyId, cost } of costs) {
    const group = groupOf(day, model, keyName(keyId, names));
    table.addProvider(group, { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, cost }, groupedCosts);
  }
  const { rows, total } = table.end(tolerance, groupedCosts);
  const isEqual = [...rows, total].every(({ differences }) => differences.length === 0);
  return { rows: by.length === 0 ? [] : rows, total, isEqual, notes };
}

/** Lines without a key (costs that are not split by key) are kept: they cannot be attributed. */
function ofTheseKeys(report: UsageReport, keyIds: Readonly<Record<string, string>>, notes: string[]): UsageReport {
  const wanted = new Set(Object.values(keyIds));
  if (wanted.size === 0) return report;
  const isWanted = ({ keyId }: { keyId: string | null }) => keyId === null || wanted.has(keyId);
  const others = new Set(report.usage.filter((line) => !isWanted(line)).map(({ keyId }) => keyId));
  if (others.size > 0) notes.push(`usage of ${others.size} other keys was ignored`);
  if (report.costs.some(({ keyId }) => keyId === null)) notes.push('costs include all keys of the organization');
  return { usage: report.usage.filter(isWanted), costs: report.costs.filter(isWanted) };
}

function keyName(keyId: string | null, names: ReadonlyMap<string, string>): string {
  return keyId === null ? 'default' : (names.get(keyId) ?? keyId);
}

const DATE = /-(\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/**
 * Providers report the dated model (`gpt-4o-2024-08-06`) for calls to the undated name. Both count as one model if the ledger has
 * the undated name.
 */
function modelNames(models: readonly string[]): (model: string) => string {
  const undated = new Set(models.filter((model) => !DATE.test(model) || model.endsWith('-latest')).map(withoutDate));
  return (model) => (undated.has(withoutDate(model)) ? withoutDate(model) : model);
}

function withoutDate(model: string): string {
  return model.replace(DATE, '');
}

type Row = Omit<ComparedRow, 'differences'>;

function createTable(hasCosts: boolean) {
  const none = (): Sums => ({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, cost: hasCosts ? 0n : null });
  const newRow = (group: ComparedRow['group']): Row => ({
    group,
    ledger: { ...none(), cost: 0n },
    provider: none(),
    estimatedAttempts: 0,
    unsettledAttempts: 0,
  });
  const rows = new Map<string, Row>();
  const total = newRow({});
  const rowOf = (group: ComparedRow['group']) => {
    const name = JSON.stringify(Object.values(group));
    const row = rows.get(name) ?? newRow(group);
    rows.set(name, row);
    return row;
  };
  return {
    addLedger(group: ComparedRow['group'], slice: LedgerSlice) {
      for (const row of [rowOf(group), total]) {
        add(row.ledger, slice);
        row.estimatedAttempts += slice.estimatedAttempts;
        row.unsettledAttempts += slice.unsettledAttempts;
      }
    },
    addProvider(group: ComparedRow['group'], sums: Sums, isGrouped: boolean) {
      for (const row of isGrouped ? [rowOf(group), total] : [total]) add(row.provider, sums);
    },
    end(tolerance: Tolerance, groupedCosts: boolean) {
      const ended = (row: Row): ComparedRow => ({ ...row, differences: differencesOf(row, tolerance) });
      const withoutCost = (row: Row): Row =>
        groupedCosts ? row : { ...row, provider: { ...row.provider, cost: null } };
      const sorted = [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
      return { rows: sorted.map(([, row]) => ended(withoutCost(row))), total: ended(total) };
    },
  };
}

function add(sums: Sums, more: Sums): void {
  sums.inputTokens += more.inputTokens;
  sums.cachedInputTokens += more.cachedInputTokens;
  sums.outputTokens += more.outputTokens;
  if (sums.cost !== null) sums.cost += more.cost ?? 0n;
}

function differencesOf({ ledger, provider }: Row, { percent, usd }: Tolerance): Figure[] {
  return FIGURES.filter((figure) => {
    const [ours, theirs] = [ledger[figure], provider[figure]];
    if (ours === null || theirs === null) return false;
    const [a, b] = [BigInt(ours), BigInt(theirs)];
    const apart = a > b ? a - b : b - a;
    if (figure === 'cost' && apart <= usd) return false;
    const larger = a > b ? a : b;
    return apart * 100_000_000n > larger * BigInt(Math.round(percent * 1_000_000));
  });
}
