// What reports and exports group and select by, and how SQL says it.
import { type RawBuilder, sql } from 'kysely';
import { HOUR_MS, ROLLUPS } from '../storage/rollup-tables.ts';

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

/** Of rows of the ledger; of an hour in a roll-up it is the column of that name. */
export function expressionOf(dimension: ReportDimension, per: ReportSubject): RawBuilder<unknown> {
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
