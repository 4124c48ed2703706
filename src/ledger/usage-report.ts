// Sums over the books, for `sluice costs` and GET /admin/usage.
import { sql } from 'kysely';
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

export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  let select = database
    .selectFrom('ledger_entries')
    .select((row) => [
      row.fn.countAll().as('attempts'),
      row.fn.sum(sql`case when outcome = 'ok' then 0 else 1 end`).as('failed'),
      row.fn.sum(sql`case when state = 'estimated' then 1 else 0 end`).as('estimated'),
      row.fn.sum(sql`case when state = 'unsettled' then 1 else 0 end`).as('unsettled'),
      row.fn.sum('input_tokens').as('input_tokens'),
      row.fn.sum('cached_input_tokens').as('cached_input_tokens'),
      row.fn.sum('output_tokens').as('output_tokens'),
      row.fn.sum('reasoning_tokens').as('reasoning_tokens'),
      row.fn.sum('cost_pico_usd').as('cost_pico_usd'),
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
    costPicoUsd: asBigint(row.cost_pico_usd),
  };
}
