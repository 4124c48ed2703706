// Reads the ledger: sums for `sluice costs` and GET /admin/usage, and the history of one request.
import { type RawBuilder, sql } from 'kysely';
import type { CostDetails } from '../contracts/ledger-entry.ts';
import { picoOfCharge } from '../contracts/money.ts';
import type { TimelinePart } from '../contracts/request-record.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import { boundedSum, moneySums, readMoney } from '../storage/money-sums.ts';
import { HOUR_MS, ROLLUPS } from '../storage/rollup-tables.ts';
import { isPostgres, readSummedFrom } from '../storage/rollups.ts';

/** What a report can group and select by, and its column or expression. Some are of attempts or of requests alone. */
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
  credits: 'credit_account',
} as const;

export type ReportDimension = keyof typeof DIMENSIONS;
export const REPORT_DIMENSIONS = Object.keys(DIMENSIONS) as ReportDimension[];
const OF_ONE: Record<ReportSubject, readonly ReportDimension[]> = {
  attempt: ['deployment', 'credential', 'settlement'],
  request: ['credits'],
};

/** Calls to providers, or what clients asked: one request may take several attempts. */
export const REPORT_SUBJECTS = ['attempt', 'request'] as const;
export type ReportSubject = (typeof REPORT_SUBJECTS)[number];

export function dimensionsOf(per: ReportSubject): ReportDimension[] {
  const others = OF_ONE[per === 'attempt' ? 'request' : 'attempt'];
  return REPORT_DIMENSIONS.filter((dimension) => !others.includes(dimension));
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

function expressionOf(dimension: ReportDimension, per: ReportSubject): RawBuilder<unknown> {
  const { time } = ROLLUPS[per];
  return sql.raw(DIMENSIONS[dimension] ?? `${time} - ${time} % ${HOUR_MS}`);
}

/** For `where`: everything that a report or an export selects. */
export function selectionOf(
  { from, to, keyId, filters = {} }: Selection,
  per: ReportSubject,
  isRollup = false,
): RawBuilder<unknown>[] {
  const conditions = Object.entries(filters).map(([name, value]) => {
    const dimension = name as ReportDimension;
    if (dimension === 'tags' && value !== '') return sql`tags like ${`%,${exactly(value)},%`} escape '\\'`;
    if (dimension === 'hour')
      return sql`${isRollup ? sql.raw('hour') : expressionOf(dimension, per)} = ${Date.parse(value)}`;
    return isRollup
      ? sql`${expressionOf(dimension, per)} = ${value}`
      : sql`coalesce(${expressionOf(dimension, per)}, '') = ${value}`;
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

/** Sums, once over rows of the ledger and once over a roll-up. */
function sumsOf(per: ReportSubject, isRollup: boolean): RawBuilder<unknown>[] {
  const counted = (condition: string) =>
    sql.raw(`cast(sum(case when ${condition} then ${isRollup ? 'n' : '1'} else 0 end) as bigint)`);
  // As whole numbers: PostgreSQL's sums of them are decimals, which are slow to add up again.
  const summed = (column: string) => (isRollup ? sql.raw(`cast(sum(${column}) as bigint)`) : boundedSum(column));
  return [
    sql`${counted('1 = 1')} as count`,
    sql`${counted("outcome <> 'ok'")} as failed`,
    ...(isRollup
      ? ['cost_micro', 'cost_rest'].map((column) => sql`${summed(column)} as ${sql.ref(column)}`)
      : moneySums('cost_pico_usd', 'cost')),
    ...(per === 'attempt'
      ? [sql`${counted("state = 'estimated'")} as estimated`, sql`${counted("state = 'unsettled'")} as unsettled`]
      : []),
    ...ROLLUPS[per].sums.map((column) => sql`${summed(column)} as ${sql.ref(column)}`),
  ];
}

/**
 * Hours, and what clients have named, are in the roll-ups by hour; everything else is read from those by day, which are a tenth
 * as long. Days that are not summed yet are read from their rows.
 */
export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  const { per = 'attempt', groupBy } = query;
  const asked = [...groupBy, ...Object.keys(query.filters ?? {})];
  const unit = asked.some((name) => BY_HOUR.has(name)) ? 'hours' : 'days';
  const from = await readSummedFrom(database, per);
  const parts = [
    part(`${per}_${unit}`, query, from),
    ...(isPostgres(database) ? [part(`${per}_changes`, query, from)] : []),
    ...(from === '' ? [] : [part(ROLLUPS[per].source, query, from)]),
  ];
  const { rows } = await sql<Record<string, unknown>>`${together(parts, query)}`.execute(database);
  return rows.filter((row) => asNumber(row.count) > 0).map((row) => readRow(row, groupBy, per));
}

const BY_HOUR: ReadonlySet<string> = new Set(['hour', 'batch', 'session', 'tags']);

/** @param summedFrom what is older is in the source, the rest in the roll-ups and their changes. */
function part(table: string, query: ReportQuery, summedFrom: string): RawBuilder<unknown> {
  const { per = 'attempt', groupBy } = query;
  const isRollup = table !== ROLLUPS[per].source;
  const groups = groupBy.map((dimension, index) => {
    const value = isRollup && dimension === 'hour' ? sql.raw('hour') : expressionOf(dimension, per);
    return {
      value: isRollup ? value : sql`coalesce(${value}, ${dimension === 'hour' ? 0 : ''})`,
      name: `group_${index}`,
    };
  });
  const conditions = selectionOf(query, per, isRollup);
  if (summedFrom !== '') conditions.push(isRollup ? sql`day >= ${summedFrom}` : sql`day < ${summedFrom}`);
  const where = conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`;
  const columns = [...groups.map(({ value, name }) => sql`${value} as ${sql.ref(name)}`), ...sumsOf(per, isRollup)];
  return sql`select ${sql.join(columns)} from ${sql.table(table)}${where}${grouped(groupBy)}`;
}

/** By position: an expression with parameters is another one each time. */
function grouped(groupBy: readonly ReportDimension[]): RawBuilder<unknown> {
  return sql.raw(groupBy.length === 0 ? '' : ` group by ${groupBy.map((_, index) => index + 1)}`);
}

function orderBy(groupBy: readonly ReportDimension[]): string {
  return groupBy.length === 0 ? '' : ` order by ${groupBy.map((_, index) => index + 1)}`;
}

const COUNTS = ['count', 'failed', 'cost_micro', 'cost_rest'];

function together(parts: RawBuilder<unknown>[], { per = 'attempt', groupBy }: ReportQuery): RawBuilder<unknown> {
  if (parts.length === 1) return sql`${parts[0]}${sql.raw(orderBy(groupBy))}`;
  const sums = [...COUNTS, ...(per === 'attempt' ? ['estimated', 'unsettled'] : []), ...ROLLUPS[per].sums];
  const columns = [
    ...groupBy.map((_, index) => sql.ref(`group_${index}`)),
    ...sums.map((name) => sql`sum(${sql.ref(name)}) as ${sql.ref(name)}`),
  ];
  const all = sql.join(parts, sql` union all `);
  return sql`select ${sql.join(columns)} from (${all}) as parts${grouped(groupBy)}${sql.raw(orderBy(groupBy))}`;
}

function readRow(row: Record<string, unknown>, groupBy: readonly ReportDimension[], per: ReportSubject): ReportRow {
  const shown = (dimension: ReportDimension, value: unknown) =>
    dimension === 'hour' ? new Date(asNumber(value)).toISOString() : String(value ?? '').replace(/^,|,$/g, '');
  const count = (name: string) => asNumber(row[name] ?? 0);
  return {
    group: Object.fromEntries(groupBy.map((dimension, index) => [dimension, shown(dimension, row[`group_${index}`])])),
    ...(per === 'request' ? { requests: count('count'), charge: picoOfCharge(count('charge_units')) } : {}),
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
  const filters = { credits: creditAccount };
  const rows = await reportUsage(database, {
    per: 'request',
    groupBy: ['day'],
    filters,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  return rows
    .map(({ group, requests = 0, costPicoUsd: cost, charge = 0n }) => ({ day: group.day!, requests, cost, charge }))
    .reverse();
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
  /** Null where the provider has no choice of them. */
  credential: string | null;
  /** `ok` or a failure code. */
  outcome: string;
  attempts: number;
}

/** How the attempts of requests accepted since then went, by deployment and credential. */
export async function countOutcomes(database: Database, sinceMs: number): Promise<OutcomeCount[]> {
  const rows = await database
    .selectFrom('requests')
    .innerJoin('ledger_entries', 'ledger_entries.request_id', 'requests.request_id')
    .where('accepted_at', '>=', sinceMs)
    .select((row) => ['deployment', 'credential', 'ledger_entries.outcome', row.fn.countAll().as('attempts')])
    .groupBy(['deployment', 'credential', 'ledger_entries.outcome'])
    .execute();
  return rows.map(({ attempts, ...row }) => ({ ...row, attempts: asNumber(attempts) }));
}
