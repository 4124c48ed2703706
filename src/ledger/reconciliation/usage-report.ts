// Reads usage and costs from providers' reports: OpenAI's organization usage and costs (developers.openai.com/api/reference, read
// 2026-11-28), Anthropic's usage_report/messages and cost_report (platform.claude.com/docs/en/api/admin, read 2026-11-28), in the
// formats of the APIs and of their consoles' exports.
import { type PicoUsd, parseUsd, scaleDecimal } from '../../contracts/money.ts';

/** Counts as in the ledger: input includes cached tokens. */
export interface UsageLine {
  /** UTC, `YYYY-MM-DD`. */
  day: string;
  model: string | null;
  /** The provider's id of the key; null if the report has none. */
  keyId: string | null;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
}

export interface CostLine {
  day: string;
  model: string | null;
  keyId: string | null;
  cost: PicoUsd;
}

export interface UsageReport {
  usage: UsageLine[];
  costs: CostLine[];
  /** Costs were requested: an empty list means zero, not unknown. */
  hasCosts?: true;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads one result of a bucket; empty if it is neither usage nor cost. Throws for invalid figures. */
export function readResult(day: string, result: Fields): UsageReport {
  const [usage, costs] = [readUsage(day, result), readCost(day, result)];
  return { usage: usage === null ? [] : [usage], costs: costs === null ? [] : [costs] };
}

function readUsage(day: string, result: Fields): UsageLine | null {
  const named = {
    day,
    model: textOf(result, ['model', 'model_version']),
    keyId: textOf(result, ['api_key_id', 'api_key']),
  };
  const uncached = firstOf(result, ['uncached_input_tokens', 'usage_input_tokens_no_cache']);
  if (uncached !== undefined) return { ...named, ...anthropicTokens(result, uncached) };
  const input = firstOf(result, ['input_tokens']);
  if (input === undefined) return null;
  return {
    ...named,
    inputTokens: countOf(input, 'input_tokens'),
    cachedInputTokens: countOf(result.input_cached_tokens, 'input_cached_tokens'),
    outputTokens: countOf(result.output_tokens, 'output_tokens'),
  };
}

/** Anthropic reports uncached input, cache reads and cache writes separately. */
function anthropicTokens(
  result: Fields,
  uncached: unknown,
): Pick<UsageLine, 'inputTokens' | 'cachedInputTokens' | 'outputTokens'> {
  const written = Object.values({ ...(result.cache_creation as object | undefined) });
  for (const name of Object.keys(result))
    if (/^(usage_input_tokens_cache_write|cache_creation_)/.test(name)) written.push(result[name]);
  const cached = countOf(
    firstOf(result, ['cache_read_input_tokens', 'usage_input_tokens_cache_read']),
    'cache_read_input_tokens',
  );
  const writes = written.reduce<number>((sum, count) => sum + countOf(count, 'cache_creation'), 0);
  return {
    inputTokens: countOf(uncached, 'uncached_input_tokens') + cached + writes,
    cachedInputTokens: cached,
    outputTokens: countOf(firstOf(result, ['output_tokens', 'usage_output_tokens']), 'output_tokens'),
  };
}

function readCost(day: string, result: Fields): CostLine | null {
  const cost = amountOf(result);
  if (cost === null) return null;
  const item = textOf(result, ['line_item']);
  return {
    day,
    // OpenAI's line items are `gpt-4o-2024-08-06, cached input`.
    model: item === null ? textOf(result, ['model', 'model_version']) : item.split(',')[0]!.trim(),
    keyId: textOf(result, ['api_key_id', 'api_key']),
    cost,
  };
}

/** OpenAI: `{value, currency}` in dollars; Anthropic: a decimal string in cents. Exported files of both: a column in dollars. */
function amountOf(result: Fields): PicoUsd | null {
  const { amount, amount_value: value, cost_usd: usd } = result;
  const dollars =
    usd ?? value ?? (typeof amount === 'object' && amount !== null ? (amount as Fields).value : undefined);
  const cents = typeof amount === 'string' && amount !== '' ? amount : null;
  const isDollars = dollars !== undefined && dollars !== null && dollars !== '';
  if (!isDollars && cents === null) return null;
  checkCurrency(result);
  return isDollars ? parseUsd(String(dollars)) : scaleDecimal(cents!, CENT_DECIMALS);
}

/** Decimal places of a cent down to a picodollar. */
const CENT_DECIMALS = 10;

/** OpenAI: inside the amount, in lower case; Anthropic: beside it. Both are always USD today. */
function checkCurrency({ amount, amount_currency: column, currency = column }: Fields): void {
  const said = typeof amount === 'object' && amount !== null ? ((amount as Fields).currency ?? currency) : currency;
  if (typeof said === 'string' && said !== '' && said.toUpperCase() !== 'USD')
    throw new Error(`costs are in ${said.slice(0, 10)}, but the ledger is in USD`);
}

function firstOf(result: Fields, names: readonly string[]): unknown {
  return names.map((name) => result[name]).find((value) => value !== undefined && value !== '');
}

function textOf(result: Fields, names: readonly string[]): string | null {
  const value = firstOf(result, names);
  return typeof value === 'string' ? value : null;
}

function countOf(value: unknown, name: string): number {
  if (value === undefined || value === null || value === '') return 0;
  const count = Number(value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new Error(`${name} is not a token count: ${String(value).slice(0, 40)}`);
}

/** The UTC day of a bucket's start, which is in unix seconds or a time as text; null if it is neither. */
export function dayOfTime(time: unknown): string | null {
  const isSeconds = typeof time === 'number' || (typeof time === 'string' && /^\d{9,11}$/.test(time));
  const ms = isSeconds ? Number(time) * 1_000 : typeof time === 'string' ? Date.parse(utc(time)) : Number.NaN;
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : null;
}

/** Consoles export `2026-11-01 00:00`, which JavaScript would parse as local time. */
function utc(time: string): string {
  return /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?$/.test(time) ? `${time.replace(' ', 'T')}Z` : time;
}

/** A page of either API, `{data: [bucket…]}`. Throws if it is not one. */
export function readBuckets(page: unknown): UsageReport {
  const { data } = (page ?? {}) as { data?: unknown };
  if (!Array.isArray(data)) throw new Error('not a page of a usage or cost report: it has no data');
  const report: UsageReport = { usage: [], costs: [] };
  for (const bucket of data as Fields[]) {
    const day = dayOfTime(bucket.start_time ?? bucket.starting_at);
    if (day === null) throw new Error('a bucket of the report has no start_time or starting_at');
    // An older OpenAI format has `result`.
    const results = (bucket.results ?? bucket.result ?? []) as Fields[];
    for (const result of results) addReport(report, readResult(day, result));
  }
  return report;
}

export function addReport(sum: UsageReport, more: UsageReport): void {
  for (const line of more.usage) sum.usage.push(line);
  for (const line of more.costs) sum.costs.push(line);
}
