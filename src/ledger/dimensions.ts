// What reports and exports group and filter by, and the SQL for it.
import { type RawBuilder, sql } from 'kysely';
import { HOUR_MS, ROLLUPS } from '../storage/rollup-tables.ts';

/** Dimensions of reports and their column or expression. Some exist for attempts or for requests only. */
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

/** Calls to providers, or client requests: one request may take several attempts. */
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
  /** For `tags` one tag; for `hour` its start, ISO 8601; otherwise the whole value, empty for rows without one. */
  filters?: ReportFilters;
}

/** For rows of the ledger. The hour of a roll-up is its column `hour` instead. */
export function expressionOf(dimension: ReportDimension, per: ReportSubject): RawBuilder<unknown> {
  const { time } = ROLLUPS[per];
  return sql.raw(DIMENSIONS[dimension] ?? `${time} - ${time} % ${HOUR_MS}`);
}

/** The conditions of a report or an export, for `where`. */
export function selectionOf(
  { from, to, keyId, filters = {} }: Selection,
  per: ReportSubject,
  isRollup = false,
): RawBuilder<unknown>[] {
  const conditions = Object.entries(filters).map(([name, value]) => {
    const dimension = name as ReportDimension;
    // Not `like`, which ignores the case of letters in SQLite.
    if (dimension === 'tags' && value !== '') return sql`replace(tags, ${`,${value},`}, '') <> tags`;
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
