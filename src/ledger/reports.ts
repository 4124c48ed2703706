// Sums of the ledger for `sluice costs` and GET /admin/usage.
import { type RawBuilder, sql } from 'kysely';
import { picoOfCharge } from '../contracts/money.ts';
import { asNumber, type Database } from '../storage/database.ts';
import { boundedSum, moneySums, readMoney } from '../storage/money-sums.ts';
import { ROLLUPS } from '../storage/rollup-tables.ts';
import { isPostgres, readHoursFrom, readSummedFrom } from '../storage/rollups.ts';
import { expressionOf, type ReportDimension, type ReportSubject, type Selection, selectionOf } from './dimensions.ts';

export interface ReportQuery extends Selection {
  per?: ReportSubject;
  groupBy: readonly ReportDimension[];
}

export interface ReportPage {
  /** Ordered by the dimensions that they are grouped by. */
  rows: ReportRow[];
  /** `after` of the next page; null at the end. */
  next: string | null;
  /** ISO 8601: from when on the report is complete; earlier sums are missing or partial. Null: nothing is missing. */
  wholeFrom: string | null;
}

export interface ReportRow {
  /** Values of the requested dimensions. */
  group: Partial<Record<ReportDimension, string>>;
  /** Number of requests; only in reports per request. */
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
  /** What credits were or would be charged; only in reports per request. */
  charge?: bigint;
}

/** The summed columns, over rows of the ledger or over a roll-up. */
function sumsOf(per: ReportSubject, isRollup: boolean): RawBuilder<unknown>[] {
  const counted = (condition: string) =>
    sql.raw(`cast(sum(case when ${condition} then ${isRollup ? 'n' : '1'} else 0 end) as bigint)`);
  // Cast to integers: PostgreSQL's sums of bigint columns are decimals, which are slow to add up again.
  const summed = (column: string) => (isRollup ? sql.raw(`cast(sum(${column}) as bigint)`) : boundedSum(column));
  return [
    sql`${counted('1 = 1')} as count`,
    sql`${counted("outcome not in ('ok', 'hedge_lost')")} as failed`,
    ...(isRollup
      ? ['cost_micro', 'cost_rest'].map((column) => sql`${summed(column)} as ${sql.ref(column)}`)
      : moneySums('cost_pico_usd', 'cost')),
    ...(per === 'attempt'
      ? [sql`${counted("state = 'estimated'")} as estimated`, sql`${counted("state = 'unsettled'")} as unsettled`]
      : []),
    ...ROLLUPS[per].sums.map((column) => sql`${summed(column)} as ${sql.ref(column)}`),
  ];
}

/** The whole report at once, for files and for reports that are known to be short. */
export async function reportUsage(database: Database, query: ReportQuery): Promise<ReportRow[]> {
  return (await readRows(database, query)).map((row) => readRow(row, query)).filter(isSomething);
}

/**
 * A page has fewer rows than its limit at the end, or if the source rows of a sum were deleted.
 * @param after `next` of the previous page (`isCursor`).
 */
export async function reportPage(
  database: Database,
  query: ReportQuery,
  { limit, after }: { limit: number; after?: string },
): Promise<ReportPage> {
  const { groupBy } = query;
  const found = await readRows(database, query, {
    limit: groupBy.length === 0 ? 1 : limit + 1,
    ...(after === undefined ? {} : { after: readCursor(after) }),
  });
  const page = found.slice(0, limit);
  const next = found.length > limit ? cursorOf(page.at(-1)!, groupBy) : null;
  const rows = page.map((row) => readRow(row, query)).filter(isSomething);
  return { rows, next, wholeFrom: await readWholeFrom(database, query) };
}

/** The pages of a report, one after the other. Each has the sums at the time when it is read. */
export async function* reportPages(database: Database, query: ReportQuery, limit: number): AsyncGenerator<ReportPage> {
  let after: string | null = null;
  do {
    const page: ReportPage = await reportPage(database, query, { limit, ...(after === null ? {} : { after }) });
    yield page;
    after = page.next;
  } while (after !== null);
}

/** `ReportPage.wholeFrom`: daily sums are kept for ever, hourly ones for `ledger.keep_hours_days`. */
async function readWholeFrom(database: Database, query: ReportQuery): Promise<string | null> {
  if (unitOf(query) === 'days') return null;
  const hoursFrom = await readHoursFrom(database);
  const isLater = query.from !== undefined && Date.parse(query.from) >= Date.parse(hoursFrom ?? '');
  return hoursFrom === null || isLater ? null : hoursFrom;
}

/** A roll-up row stays, with zeros, when all of its source rows are deleted. */
const isSomething = ({ requests, attempts }: ReportRow) => (requests ?? attempts) > 0;

/** A page: the cursor that it starts after, and its number of rows. */
interface Part {
  after?: Cursor;
  limit: number;
}

/**
 * Hours and labels of clients (batch, session, tags) are only in the hourly roll-ups. Everything else is read from the daily
 * ones, which have a tenth of the rows. Days that are not summed yet are read from the rows of the ledger.
 */
async function readRows(database: Database, query: ReportQuery, page?: Part): Promise<Record<string, unknown>[]> {
  const { per = 'attempt' } = query;
  const unit = unitOf(query);
  const from = await readSummedFrom(database, per);
  const parts = [
    part(`${per}_${unit}`, query, from, page),
    ...(isPostgres(database) ? [part(`${per}_changes`, query, from, page)] : []),
    ...(from === '' ? [] : [part(ROLLUPS[per].source, query, from, page)]),
  ];
  const statement = together(parts, query, page);
  if (!isPostgres(database)) return (await sql<Record<string, unknown>>`${statement}`.execute(database)).rows;
  return database.transaction().execute(async (transaction) => {
    await sql`select ${sql.join(SETTINGS.map(([name, value]) => sql`set_config(${name}, ${value}, true)`))}`.execute(
      transaction,
    );
    return (await sql<Record<string, unknown>>`${statement}`.execute(transaction)).rows;
  });
}

/**
 * With its default of 4 MB, PostgreSQL sorts on disk to group two million sums; a hundred thousand groups need 110 MB. JIT
 * compilation of a report takes longer than it saves.
 */
const SETTINGS = [
  ['work_mem', '64MB'],
  ['hash_mem_multiplier', '4'],
  ['jit', 'off'],
] as const;
const BY_HOUR: ReadonlySet<string> = new Set(['hour', 'batch', 'session', 'tags']);

function unitOf({ groupBy, filters = {} }: ReportQuery): 'hours' | 'days' {
  return [...groupBy, ...Object.keys(filters)].some((name) => BY_HOUR.has(name)) ? 'hours' : 'days';
}

/**
 * The rows of a page are among the first rows of every part, so that each part has the page's limit, and an index in that order
 * is read no further.
 * @param summedFrom earlier days are read from the source, the others from the roll-ups and their changes.
 */
function part(table: string, query: ReportQuery, summedFrom: string, page?: Part): RawBuilder<unknown> {
  const { per = 'attempt', groupBy } = query;
  const isRollup = table !== ROLLUPS[per].source;
  const groups = groupBy.map((dimension) => {
    const value = isRollup && dimension === 'hour' ? sql.raw('hour') : expressionOf(dimension, per);
    return isRollup ? value : sql`coalesce(${value}, ${sql.lit(dimension === 'hour' ? 0 : '')})`;
  });
  const conditions = selectionOf(query, per, isRollup);
  if (summedFrom !== '') conditions.push(isRollup ? sql`day >= ${summedFrom}` : sql`day < ${summedFrom}`);
  if (page?.after !== undefined) conditions.push(...behind(groups, page.after));
  const where = conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`;
  const named = groups.map((value, index) => sql`${value} as ${sql.ref(`group_${index}`)}`);
  const columns = [...named, ...sumsOf(per, isRollup)];
  const all = sql`select ${sql.join(columns)} from ${sql.table(table)}${where}${grouped(groupBy)}`;
  return page === undefined ? all : sql`select * from (${all}${ordered(groupBy)}${limited(page)}) as first`;
}

/** The first column is also compared on its own, because an index can be used for that. */
function behind(groups: readonly RawBuilder<unknown>[], after: Cursor): RawBuilder<unknown>[] {
  return [sql`${groups[0]!} >= ${after[0]!}`, sql`(${sql.join([...groups])}) > (${sql.join([...after])})`];
}

/** By position: SQL treats repeated expressions with parameters as different ones. */
function grouped(groupBy: readonly ReportDimension[]): RawBuilder<unknown> {
  return sql.raw(groupBy.length === 0 ? '' : ` group by ${groupBy.map((_, index) => index + 1)}`);
}

function ordered(groupBy: readonly ReportDimension[]): RawBuilder<unknown> {
  return sql.raw(groupBy.length === 0 ? '' : ` order by ${groupBy.map((_, index) => index + 1)}`);
}

function limited(page?: Part): RawBuilder<unknown> {
  return page === undefined ? sql`` : sql` limit ${sql.lit(page.limit)}`;
}

const COUNTS = ['count', 'failed', 'cost_micro', 'cost_rest'];

function together(
  parts: RawBuilder<unknown>[],
  { per = 'attempt', groupBy }: ReportQuery,
  page?: Part,
): RawBuilder<unknown> {
  const rest = sql`${ordered(groupBy)}${limited(page)}`;
  if (parts.length === 1) return page === undefined ? sql`${parts[0]}${rest}` : parts[0]!;
  const sums = [...COUNTS, ...(per === 'attempt' ? ['estimated', 'unsettled'] : []), ...ROLLUPS[per].sums];
  const columns = [
    ...groupBy.map((_, index) => sql.ref(`group_${index}`)),
    ...sums.map((name) => sql`sum(${sql.ref(name)}) as ${sql.ref(name)}`),
  ];
  const all = sql.join(parts, sql` union all `);
  return sql`select ${sql.join(columns)} from (${all}) as parts${grouped(groupBy)}${rest}`;
}

/** The group values of a page's last row, as in SQL. */
type Cursor = readonly (string | number)[];

function cursorOf(row: Record<string, unknown>, groupBy: readonly ReportDimension[]): string {
  const groups = groupBy.map((dimension, index) => {
    const value = row[`group_${index}`];
    return dimension === 'hour' ? asNumber(value) : String(value);
  });
  return Buffer.from(JSON.stringify(groups)).toString('base64url');
}

/** Whether the text can be `next` of a report with this grouping. */
export function isCursor(text: string, groupBy: readonly ReportDimension[]): boolean {
  const groups = readCursor(text);
  return (
    groupBy.length > 0 &&
    groups.length === groupBy.length &&
    groups.every((value, index) => typeof value === (groupBy[index] === 'hour' ? 'number' : 'string'))
  );
}

function readCursor(text: string): Cursor {
  try {
    const groups = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(groups) ? groups : [];
  } catch {
    return [];
  }
}

function readRow(row: Record<string, unknown>, { groupBy, per = 'attempt' }: ReportQuery): ReportRow {
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

/** Charges to an account's credits, newest day first. */
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
