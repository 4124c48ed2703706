// Sums over the books, for `sluice costs` and GET /admin/usage.
import { type RawBuilder, sql } from 'kysely';
import { asBigint, asNumber, type Database } from '../storage/database.ts';

export const REPORT_DIMENSIONS = ['day', 'key', 'model', 'provider'] as const;
export type ReportDimension = (typeof REPORT_DIMENSIONS)[number];

export interface ReportQuery {
  groupBy: readonly ReportDimension[];
  /** Days in UTC, both included. */
  from?: string;
  to?: string;
  keyId?: string;
}

export interface ReportRow {
  /** Values of the dimensions asked for. */
  group: Partial<Record<ReportDimension, string>>;
  attempts: number;
  failedAttempts: number;
  /** Attempts whose tokens the broker had to estimate. */
  estimatedAttempts: number;
  unsettledAttempts: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costPicoUsd: bigint;
}

const COLUMN = { day: 'day', key: 'key_id', model: 'model', provider: 'provider' } as const;

const TOKENS = ['input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens'] as const;
const MICRO = sql.raw('1000000');
/** What the writer lets in (ledger-store.ts). Earlier releases let in more: one such row would spoil the whole sum. */
const LARGEST = sql.raw('1000000000000000000');

/** SQLite's sums end at 2^63, about nine million dollars in picodollars: money is summed in two parts. */
function sumOf(column: string, part: RawBuilder<unknown> = sql.ref(column)) {
  return sql<unknown>`sum(case when ${sql.ref(column)} between -${LARGEST} and ${LARGEST} then ${part} else 0 end)`;
}

export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  let select = database
    .selectFrom('ledger_entries')
    .select((row) => [
      row.fn.countAll().as('attempts'),
      row.fn.sum(sql`case when outcome = 'ok' then 0 else 1 end`).as('failed'),
      row.fn.sum(sql`case when state = 'estimated' then 1 else 0 end`).as('estimated'),
      row.fn.sum(sql`case when state = 'unsettled' then 1 else 0 end`).as('unsettled'),
      ...TOKENS.map((column) => sumOf(column).as(column)),
      sumOf('cost_pico_usd', sql`(cost_pico_usd - cost_pico_usd % ${MICRO}) / ${MICRO}`).as('cost_micro_usd'),
      sumOf('cost_pico_usd', sql`cost_pico_usd % ${MICRO}`).as('cost_rest'),
    ]);
  if (query.from !== undefined) select = select.where('day', '>=', query.from);
  if (query.to !== undefined) select = select.where('day', '<=', query.to);
  if (query.keyId !== undefined) select = select.where('key_id', '=', query.keyId);
  for (const dimension of query.groupBy) {
    const column = COLUMN[dimension];
    select = select.select(column).groupBy(column).orderBy(column);
  }
  const rows = (await select.execute()) as unknown as Record<string, unknown>[];
  return rows.filter((row) => asNumber(row.attempts) > 0).map((row) => readRow(row, query.groupBy));
}

function readRow(row: Record<string, unknown>, groupBy: readonly ReportDimension[]): ReportRow {
  return {
    group: Object.fromEntries(groupBy.map((dimension) => [dimension, String(row[COLUMN[dimension]])])),
    attempts: asNumber(row.attempts),
    failedAttempts: asNumber(row.failed),
    estimatedAttempts: asNumber(row.estimated),
    unsettledAttempts: asNumber(row.unsettled),
    inputTokens: asNumber(row.input_tokens),
    cachedInputTokens: asNumber(row.cached_input_tokens),
    outputTokens: asNumber(row.output_tokens),
    reasoningTokens: asNumber(row.reasoning_tokens),
    costPicoUsd: wholeOf(row.cost_micro_usd) * 1_000_000n + wholeOf(row.cost_rest),
  };
}

/** A quotient of PostgreSQL has zeros behind its point. */
function wholeOf(value: unknown): bigint {
  return asBigint(String(value ?? 0).split('.')[0]!);
}
