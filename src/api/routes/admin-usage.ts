// Admin routes of usage and cost: paged reports, and exports of the rows.
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { formatUsd } from '../../contracts/money.ts';
import {
  dimensionsOf,
  REPORT_DIMENSIONS,
  REPORT_SUBJECTS,
  type ReportDimension,
  type ReportFilters,
  type ReportSubject,
} from '../../ledger/dimensions.ts';
import { EXPORT_COLUMNS, EXPORT_FORMATS, encodeRows, exportRows, reportRow } from '../../ledger/export.ts';
import { isCursor, type ReportRow, reportPage } from '../../ledger/reports.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import type { ApiContext } from '../context.ts';

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date, YYYY-MM-DD');

/** Rows of a report. */
const MAX_PAGE = 50_000;
const MAX_CURSOR = 4_000;

const filters = Object.fromEntries(
  REPORT_DIMENSIONS.filter((name) => name !== 'day').map((name) => [
    name,
    (name === 'hour' ? z.iso.datetime({ offset: true }) : z.string().max(500)).optional(),
  ]),
) as Record<Exclude<ReportDimension, 'day'>, z.ZodOptional<z.ZodString>>;

export const usageQuery = z.strictObject({
  per: z
    .enum(REPORT_SUBJECTS)
    .default('attempt')
    .describe('Counts attempts (calls to providers) or requests of clients.'),
  group_by: z
    .string()
    .default('day')
    .describe(`With commas: ${REPORT_DIMENSIONS.join(', ')}.`),
  from: day.optional(),
  to: day.optional(),
  limit: z.coerce.number().int().positive().max(MAX_PAGE).default(10_000),
  after: z.string().max(MAX_CURSOR).optional().describe('`next` value of the previous page.'),
  ...filters,
});

export const exportQuery = usageQuery.omit({ group_by: true, limit: true, after: true }).extend({
  format: z.enum(EXPORT_FORMATS).default('csv').describe('CSV, JSON lines or Parquet.'),
});

export function registerAdminUsage(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/usage', async (request) => usage(context, checkInput(usageQuery, request.query)));

  admin.get('/usage/export', async (request, reply) => {
    const { name, type, stream } = exported(context, checkInput(exportQuery, request.query));
    reply.header('content-disposition', `attachment; filename="${name}"`);
    return reply.type(type).send(stream);
  });
}

const MEDIA_TYPES = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl',
  parquet: 'application/vnd.apache.parquet',
} as const;

/** Streams the rows as they are read, with backpressure; ends if the client disconnects. */
function exported({ reports }: ApiContext, { per, format, from, to, ...filters }: z.output<typeof exportQuery>) {
  checkDimensions(per, filters);
  const pieces = encodeRows(exportRows(reports, per, selectionOf({ from, to, filters })), EXPORT_COLUMNS[per], format);
  return {
    name: `sluice-${per}s.${format}`,
    type: MEDIA_TYPES[format],
    stream: Readable.from(pieces, { objectMode: false }),
  };
}

/** Throws a FailureError that names the parameter: not every dimension exists both for requests and for attempts. */
function checkDimensions(per: ReportSubject, filters: object, groupBy: readonly string[] = []): void {
  const known: readonly string[] = dimensionsOf(per);
  const named = [...groupBy.map((name) => ['group_by', name]), ...Object.keys(filters).map((name) => [name, name])];
  const unknown = named.find(([, name]) => !known.includes(name!));
  if (unknown !== undefined) throw invalidValue(unknown[0]!, `'${unknown[1]}' must be one of ${known.join(', ')}`);
}

async function usage({ reports }: ApiContext, query: z.output<typeof usageQuery>) {
  const { per, group_by: by, from, to, limit, after, ...filters } = query;
  const groupBy = by
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  checkDimensions(per, filters, groupBy);
  const report = { ...selectionOf({ from, to, filters }), per, groupBy: groupBy as ReportDimension[] };
  if (after !== undefined && !isCursor(after, report.groupBy)) throw invalidValue('after', 'belongs to another report');
  const { rows, next, wholeFrom } = await reportPage(reports, report, {
    limit,
    ...(after !== undefined && { after }),
  });
  return { object: 'list', data: rows.map(describeRow), has_more: next !== null, next, whole_from: wholeFrom };
}

function describeRow(row: ReportRow) {
  const { requests, charge_usd: charge, ...shown } = reportRow(row);
  return requests === null ? shown : { requests, charge_usd: charge ?? formatUsd(0n), ...shown };
}

function selectionOf({ from, to, filters }: { from?: string | undefined; to?: string | undefined; filters: object }) {
  return { filters: filters as ReportFilters, ...(from && { from }), ...(to && { to }) };
}
