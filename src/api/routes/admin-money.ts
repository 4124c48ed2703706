// Admin routes of reconciliation with providers' usage and cost reports, and of alerts about money.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { parseUsd } from '../../contracts/money.ts';
import { ALERT_TYPES, createAlertStore } from '../../webhooks/alert-store.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import type { ApiContext } from '../context.ts';

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date, YYYY-MM-DD');

export const reconciliationQuery = z.strictObject({
  from: day.optional().describe('First day. Default: six days before the last one.'),
  to: day.optional().describe('Last day. Default: yesterday.'),
  by: z.string().max(100).default('model').describe('day, model, api_key; comma-separated, empty for the total only.'),
  tolerance_percent: z.coerce.number().min(0).max(100).default(0.1),
  tolerance_usd: z.coerce.number().min(0).default(0.01),
});

const MAX_ALERTS = 200;

export const alertQuery = z.strictObject({
  limit: z.coerce.number().int().positive().max(MAX_ALERTS).default(50),
  type: z.enum(ALERT_TYPES).optional(),
  before: z.string().max(100).optional().describe('Id of an alert; returns older alerts.'),
  state: z
    .enum(['current', 'over'])
    .optional()
    .describe('Those that last, or those that have ended; both without `alert.resolved`.'),
});

export function registerAdminMoney(admin: FastifyInstance, context: ApiContext): void {
  admin.get<{ Params: { name: string } }>('/providers/:name/reconciliation', async ({ params: { name }, query }) =>
    reconciliation(context, name, checkInput(reconciliationQuery, query)),
  );

  admin.get('/alerts', async ({ query }) => {
    const { limit, type, before, state } = checkInput(alertQuery, query);
    const store = createAlertStore(context.database);
    const found = await store.list({ limit: limit + 1, type, before, state }, Date.now());
    const data = found.slice(0, limit).map((alert) => ({
      id: alert.id,
      type: alert.type,
      created_at: new Date(alert.createdAtMs).toISOString(),
      ended_at: alert.endedAtMs === null ? null : new Date(alert.endedAtMs).toISOString(),
      data: alert.payload,
    }));
    return { object: 'list', data, has_more: found.length > limit };
  });
}

async function reconciliation(
  { catalogue, configuration, reports }: ApiContext,
  name: string,
  { by, from, to, tolerance_percent: percent, tolerance_usd: usd }: z.output<typeof reconciliationQuery>,
) {
  const [{ COMPARED_BY }, { daySpan, describeComparison, reconcile, reportSourceOf }, { fetchReport }] =
    await Promise.all([
      import('../../ledger/reconciliation/compare.ts'),
      import('../../ledger/reconciliation/reconcile.ts'),
      import('../../ledger/reconciliation/fetch-report.ts'),
    ]);
  const [provider, settings] = [catalogue.providers.get(name), configuration.providers[name]];
  if (provider === undefined || settings === undefined)
    throw new FailureError(createFailure('request_not_found', `There is no provider '${name}'.`));
  const source = reportSourceOf(provider, settings);
  if (source === null) throw invalidValue('name', `providers.${name}.usage_api.admin_key is not configured`);
  const parts = COMPARED_BY.filter((part) => by.split(',').some((wanted) => wanted.trim() === part));
  if (by !== '' && parts.length !== by.split(',').length)
    throw invalidValue('by', `must be one of ${COMPARED_BY.join(', ')}`);
  const span = spanOf(() => daySpan({ ...(from && { from }), ...(to && { to }) }, Date.now()));
  const report = await fetchReport(source, span).catch((error: Error) => {
    throw new FailureError(createFailure('upstream_unreachable', `The report cannot be read: ${error.message}`));
  });
  const comparison = await reconcile(reports, name, span, {
    report,
    by: parts,
    tolerance: { percent, usd: parseUsd(String(usd)) },
    keyIds: settings.usage_api?.key_ids ?? {},
  });
  return describeComparison(name, span, comparison);
}

function spanOf<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalidValue('from', (error as Error).message);
  }
}
