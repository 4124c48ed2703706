// Reads the ledger: sums for `sluice costs` and GET /admin/usage, and the history of one request.
import { sql } from 'kysely';
import type { CostDetails } from '../contracts/ledger-entry.ts';
import { picoOfCharge } from '../contracts/money.ts';
import type { TimelinePart } from '../contracts/request-record.ts';
import { asBigint, asNumber, boundedSum, type Database, readMoney, sumOfMoney } from '../storage/database.ts';

export const REPORT_DIMENSIONS = ['day', 'key', 'model', 'provider'] as const;
export type ReportDimension = (typeof REPORT_DIMENSIONS)[number];

interface ReportQuery {
  groupBy: readonly ReportDimension[];
  /** Days in UTC, both included. */
  from?: string;
  to?: string;
  keyId?: string;
}

export interface ReportRow {
  /** Values of the requested dimensions. */
  group: Partial<Record<ReportDimension, string>>;
  attempts: number;
  failedAttempts: number;
  /** Attempts whose tokens the broker estimated. */
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

export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  let select = database
    .selectFrom('ledger_entries')
    .select((row) => [
      row.fn.countAll().as('attempts'),
      row.fn.sum(sql`case when outcome = 'ok' then 0 else 1 end`).as('failed'),
      row.fn.sum(sql`case when state = 'estimated' then 1 else 0 end`).as('estimated'),
      row.fn.sum(sql`case when state = 'unsettled' then 1 else 0 end`).as('unsettled'),
      ...TOKENS.map((column) => boundedSum(column).as(column)),
      ...sumOfMoney('cost_pico_usd', 'cost'),
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
    costPicoUsd: readMoney(row, 'cost'),
  };
}

export interface DailyCharge {
  day: string;
  requests: number;
  cost: bigint;
  charge: bigint;
}

/** What an account's credits were charged, newest day first. */
export async function chargesByDay(
  database: Database,
  creditAccount: string,
  { from, to }: { from?: string; to?: string },
): Promise<DailyCharge[]> {
  let select = database
    .selectFrom('requests')
    .select((row) => [
      'day',
      row.fn.countAll().as('requests'),
      ...sumOfMoney('cost_pico_usd', 'cost'),
      boundedSum('charge_units').as('units'),
    ])
    .where('credit_account', '=', creditAccount)
    .groupBy('day')
    .orderBy('day', 'desc');
  if (from !== undefined) select = select.where('day', '>=', from);
  if (to !== undefined) select = select.where('day', '<=', to);
  return (await select.execute()).map((row) => ({
    day: row.day,
    requests: asNumber(row.requests),
    cost: readMoney(row, 'cost'),
    charge: picoOfCharge(asNumber(row.units)),
  }));
}

export interface RequestHistory {
  requestId: string;
  keyId: string;
  model: string;
  protocol: string;
  lane: string;
  isStream: boolean;
  outcome: string;
  provider: string | null;
  acceptedAtMs: number;
  finishedAtMs: number;
  costPicoUsd: bigint;
  chargeUnits: number;
  timeline: TimelinePart[];
}

export interface AttemptHistory {
  attempt: number;
  provider: string;
  credential: string | null;
  upstreamModel: string;
  state: string;
  outcome: string;
  startedAtMs: number;
  firstByteMs: number | null;
  durationMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costPicoUsd: bigint;
  details: CostDetails;
}

/** Null until its outcome is stored, a fraction of a second after its end. */
export async function findRequest(database: Database, requestId: string): Promise<RequestHistory | null> {
  const row = await database.selectFrom('requests').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  if (row === undefined) return null;
  return {
    requestId,
    keyId: row.key_id,
    model: row.model,
    protocol: row.protocol,
    lane: row.lane,
    isStream: asNumber(row.is_stream) === 1,
    outcome: row.outcome,
    provider: row.provider,
    acceptedAtMs: asNumber(row.accepted_at),
    finishedAtMs: asNumber(row.finished_at),
    costPicoUsd: asBigint(row.cost_pico_usd),
    chargeUnits: asNumber(row.charge_units),
    timeline: JSON.parse(row.timeline) as TimelinePart[],
  };
}

export async function listAttempts(database: Database, requestId: string): Promise<AttemptHistory[]> {
  const rows = await database
    .selectFrom('ledger_entries')
    .selectAll()
    .where('request_id', '=', requestId)
    .orderBy('attempt')
    .execute();
  return rows.map((row) => ({
    attempt: asNumber(row.attempt),
    provider: row.provider,
    credential: row.credential,
    upstreamModel: row.upstream_model,
    state: row.state,
    outcome: row.outcome,
    startedAtMs: asNumber(row.started_at),
    firstByteMs: row.first_byte_ms === null ? null : asNumber(row.first_byte_ms),
    durationMs: asNumber(row.duration_ms),
    inputTokens: asNumber(row.input_tokens),
    cachedInputTokens: asNumber(row.cached_input_tokens),
    outputTokens: asNumber(row.output_tokens),
    reasoningTokens: asNumber(row.reasoning_tokens),
    costPicoUsd: asBigint(row.cost_pico_usd),
    details: row.details === null ? {} : (JSON.parse(row.details) as CostDetails),
  }));
}
