// Compares a provider's report with the ledger's entries of the same days.
import type { Provider } from '../../config/catalogue.ts';
import type { ProviderSettings } from '../../config/schema.ts';
import { formatUsd } from '../../contracts/money.ts';
import type { Database } from '../../storage/database.ts';
import { reportUsage } from '../reports.ts';
import { type Compared, type ComparedRow, type Comparison, compare, type Figure, type LedgerSlice } from './compare.ts';
import type { DaySpan, ReportSource } from './fetch-report.ts';

/** The credential's name for providers without named credentials. */
const ONLY_KEY = 'default';

export async function reconcile(
  database: Database,
  provider: string,
  span: DaySpan,
  compared: Omit<Compared, 'ledger'>,
): Promise<Comparison> {
  const { report } = compared;
  const isWithin = ({ day }: { day: string }) => day >= span.from && day <= span.to;
  return compare({
    ...compared,
    ledger: await readSlices(database, provider, span),
    report: { ...report, usage: report.usage.filter(isWithin), costs: report.costs.filter(isWithin) },
  });
}

async function readSlices(database: Database, provider: string, { from, to }: DaySpan): Promise<LedgerSlice[]> {
  const rows = await reportUsage(database, {
    groupBy: ['day', 'upstream_model', 'credential'],
    filters: { provider },
    from,
    to,
  });
  return rows.map(({ group, costPicoUsd, ...counts }) => ({
    day: group.day!,
    model: group.upstream_model!,
    apiKey: group.credential === '' ? ONLY_KEY : group.credential!,
    inputTokens: counts.inputTokens,
    cachedInputTokens: counts.cachedInputTokens,
    outputTokens: counts.outputTokens,
    cost: costPicoUsd,
    estimatedAttempts: counts.estimatedAttempts,
    unsettledAttempts: counts.unsettledAttempts,
  }));
}

/** Null if `usage_api` is not configured. */
export function reportSourceOf(provider: Provider, { usage_api: api }: ProviderSettings): ReportSource | null {
  if (api === undefined) return null;
  const isAnthropic = provider.protocols[0] === 'anthropic-messages';
  return {
    kind: api.kind ?? (isAnthropic ? 'anthropic' : 'openai'),
    baseUrl: api.base_url ?? provider.baseUrl,
    adminKey: api.admin_key,
  };
}

const DAY_MS = 86_400_000;
const USUAL_DAYS = 7;

/** By default the last seven days without today, whose report is incomplete. Throws for invalid dates or a wrong order. */
export function daySpan({ from, to }: Partial<DaySpan>, nowMs: number): DaySpan {
  const last = to === undefined ? dayAt(nowMs - DAY_MS) : checkedDay(to);
  const first = from === undefined ? dayAt(Date.parse(last) - (USUAL_DAYS - 1) * DAY_MS) : checkedDay(from);
  if (first > last) throw new Error(`the first day, ${first}, is after the last, ${last}`);
  return { from: first, to: last };
}

function dayAt(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function checkedDay(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new Error(`'${text}' is not a date: use YYYY-MM-DD`);
}

/** For the CLI and the administration API. */
export function describeComparison(provider: string, { from, to }: DaySpan, comparison: Comparison) {
  const { rows, total, isEqual, notes } = comparison;
  return { provider, from, to, equal: isEqual, rows: rows.map(describeRow), total: describeRow(total), notes };
}

const NAMES: Readonly<Record<Figure, string>> = {
  inputTokens: 'input_tokens',
  cachedInputTokens: 'cached_input_tokens',
  outputTokens: 'output_tokens',
  cost: 'cost_usd',
};

function describeRow({ group, ledger, provider, differences, estimatedAttempts, unsettledAttempts }: ComparedRow) {
  const sums = ({ inputTokens, cachedInputTokens, outputTokens, cost }: ComparedRow['ledger']) => ({
    input_tokens: inputTokens,
    cached_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    cost_usd: cost === null ? null : formatUsd(cost),
  });
  return {
    ...group,
    ledger: sums(ledger),
    provider: sums(provider),
    differences: differences.map((figure) => NAMES[figure]),
    estimated_attempts: estimatedAttempts,
    unsettled_attempts: unsettledAttempts,
  };
}
