// Reads the ledger: sums for `sluice costs` and GET /admin/usage, and the history of one request.
import { type RawBuilder, sql } from 'kysely';
import type { CostDetails } from '../contracts/ledger-entry.ts';
import { picoOfCharge } from '../contracts/money.ts';
import type { TimelinePart } from '../contracts/request-record.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import { boundedSum, moneySums, readMoney, sumOfMoney } from '../storage/money-sums.ts';

/** What a report can group and select by, and its column or expression. Those of attempts alone are not in reports per request. */
const DIMENSIONS = {
  hour: null,
  day: 'day',
  month: 'substr(day, 1, 7)',
  key: 'key_id',
  project: 'project_id',
  organisation: 'organisation_id',
  model: 'model',
  provider: 'provider',
  upstream_model: 'upstream_model',
  protocol: 'protocol',
  lane: 'lane',
  status: 'outcome',
  batch: 'batch_id',
  session: 'session',
  tags: 'tags',
  deployment: 'deployment',
  credential: 'credential',
  settlement: 'state',
} as const;

export type ReportDimension = keyof typeof DIMENSIONS;
export const REPORT_DIMENSIONS = Object.keys(DIMENSIONS) as ReportDimension[];
const OF_ATTEMPTS: readonly ReportDimension[] = ['deployment', 'credential', 'settlement'];

/** Calls to providers, or what clients asked: one request may take several attempts. */
export const REPORT_SUBJECTS = ['attempt', 'request'] as const;
export type ReportSubject = (typeof REPORT_SUBJECTS)[number];

export function dimensionsOf(per: ReportSubject): ReportDimension[] {
  return REPORT_DIMENSIONS.filter((dimension) => per === 'attempt' || !OF_ATTEMPTS.includes(dimension));
}

export type ReportFilters = Partial<Record<ReportDimension, string>>;

export interface Selection {
  /** Days in UTC, both included. */
  from?: string;
  to?: string;
  keyId?: string;
  /** Of `tags` one of them; of `hour` its beginning, ISO 8601; of the others the whole value, empty for what has none. */
  filters?: ReportFilters;
}

export interface ReportQuery extends Selection {
  per?: ReportSubject;
  groupBy: readonly ReportDimension[];
}

const HOUR_MS = 3_600_000;
const START = { attempt: 'started_at', request: 'accepted_at' } as const;

function expressionOf(dimension: ReportDimension, per: ReportSubject): RawBuilder<unknown> {
  const column = DIMENSIONS[dimension] ?? `${START[per]} - ${START[per]} % ${HOUR_MS}`;
  return sql.raw(column);
}

/** For `where`: everything that a report or an export selects. */
export function selectionOf({ from, to, keyId, filters = {} }: Selection, per: ReportSubject): RawBuilder<unknown>[] {
  const conditions = Object.entries(filters).map(([name, value]) => {
    const dimension = name as ReportDimension;
    if (dimension === 'tags' && value !== '') return sql`tags like ${`%,${exactly(value)},%`} escape '\\'`;
    if (dimension === 'hour') return sql`${expressionOf(dimension, per)} = ${Date.parse(value)}`;
    return sql`coalesce(${expressionOf(dimension, per)}, '') = ${value}`;
  });
  if (from !== undefined) conditions.push(sql`day >= ${from}`);
  if (to !== undefined) conditions.push(sql`day <= ${to}`);
  if (keyId !== undefined) conditions.push(sql`key_id = ${keyId}`);
  return conditions;
}

function exactly(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

export interface ReportRow {
  /** Values of the requested dimensions. */
  group: Partial<Record<ReportDimension, string>>;
  /** Of requests: how many there were. */
  requests?: number;
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
  /** Of requests: what credits were or would be charged. */
  charge?: bigint;
}

const TOKENS = ['input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens'] as const;

const COUNTS = [
  sql`count(*) as count`,
  sql`sum(case when outcome = 'ok' then 0 else 1 end) as failed`,
  ...moneySums('cost_pico_usd', 'cost'),
];
const ATTEMPT_SUMS = [
  ...COUNTS,
  sql`sum(case when state = 'estimated' then 1 else 0 end) as estimated`,
  sql`sum(case when state = 'unsettled' then 1 else 0 end) as unsettled`,
  ...TOKENS.map((column) => sql`${boundedSum(column)} as ${sql.ref(column)}`),
];
const REQUEST_SUMS = [...COUNTS, sql`sum(attempts) as attempts`, sql`${boundedSum('charge_units')} as units`];

export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  const { per = 'attempt', groupBy } = query;
  const groups = groupBy.map((dimension) => ({ dimension, value: expressionOf(dimension, per) }));
  const columns = [
    ...groups.map(({ value }, index) => sql`${value} as ${sql.ref(`group_${index}`)}`),
    ...(per === 'attempt' ? ATTEMPT_SUMS : REQUEST_SUMS),
  ];
  const conditions = selectionOf(query, per);
  const where = conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`;
  const by = groups.map(({ value }) => value);
  const tail = by.length === 0 ? sql`` : sql` group by ${sql.join(by)} order by ${sql.join(by)}`;
  const table = sql.table(per === 'attempt' ? 'ledger_entries' : 'requests');
  const { rows } = await sql<Record<string, unknown>>`select ${sql.join(columns)} from ${table}${where}${tail}`.execute(
    database,
  );
  return rows.filter((row) => asNumber(row.count) > 0).map((row) => readRow(row, groupBy, per));
}

function readRow(row: Record<string, unknown>, groupBy: readonly ReportDimension[], per: ReportSubject): ReportRow {
  const shown = (dimension: ReportDimension, value: unknown) =>
    dimension === 'hour' ? new Date(asNumber(value)).toISOString() : String(value ?? '').replace(/^,|,$/g, '');
  const count = (name: string) => asNumber(row[name] ?? 0);
  return {
    group: Object.fromEntries(groupBy.map((dimension, index) => [dimension, shown(dimension, row[`group_${index}`])])),
    ...(per === 'request' ? { requests: count('count'), charge: picoOfCharge(count('units')) } : {}),
    attempts: count(per === 'request' ? 'attempts' : 'count'),
    failedAttempts: count('failed'),
    estimatedAttempts: count('estimated'),
    unsettledAttempts: count('unsettled'),
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    outputTokens: count('output_tokens'),
    reasoningTokens: count('reasoning_tokens'),
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
  deployment: string;
  credential: string | null;
  upstreamModel: string;
  state: string;
  outcome: string;
  startedAtMs: number;
  firstByteMs: number | null;
  durationMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
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
    deployment: row.deployment,
    credential: row.credential,
    upstreamModel: row.upstream_model,
    state: row.state,
    outcome: row.outcome,
    startedAtMs: asNumber(row.started_at),
    firstByteMs: row.first_byte_ms === null ? null : asNumber(row.first_byte_ms),
    durationMs: asNumber(row.duration_ms),
    inputTokens: asNumber(row.input_tokens),
    cachedInputTokens: asNumber(row.cached_input_tokens),
    cacheWriteTokens: asNumber(row.cache_write_tokens),
    outputTokens: asNumber(row.output_tokens),
    reasoningTokens: asNumber(row.reasoning_tokens),
    costPicoUsd: asBigint(row.cost_pico_usd),
    details: row.details === null ? {} : (JSON.parse(row.details) as CostDetails),
  }));
}

export interface OutcomeCount {
  deployment: string;
  /** `ok` or a failure code. */
  outcome: string;
  attempts: number;
}

/** How the attempts of requests accepted since then went, by deployment. */
export async function countOutcomes(database: Database, sinceMs: number): Promise<OutcomeCount[]> {
  const rows = await database
    .selectFrom('requests')
    .innerJoin('ledger_entries', 'ledger_entries.request_id', 'requests.request_id')
    .where('accepted_at', '>=', sinceMs)
    .select((row) => ['deployment', 'ledger_entries.outcome', row.fn.countAll().as('attempts')])
    .groupBy(['deployment', 'ledger_entries.outcome'])
    .execute();
  return rows.map(({ deployment, outcome, attempts }) => ({ deployment, outcome, attempts: asNumber(attempts) }));
}
