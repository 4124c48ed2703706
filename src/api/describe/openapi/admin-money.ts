// OpenAPI entries of reconciliation and alerts.
import { z } from 'zod';
import { ALERT_TYPES } from '../../../webhooks/alert-store.ts';
import { alertQuery, reconciliationQuery } from '../../routes/admin-money.ts';
import { exportQuery } from '../../routes/admin-usage.ts';
import { ADMIN, group, named, ok } from './operation.ts';
import { time, usd } from './parts.ts';

const sums = named(
  'ReconciledSums',
  z.object({
    input_tokens: z.number().int().describe('Includes cached tokens.'),
    cached_input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    cost_usd: usd.nullable().describe('Null if the provider’s report does not have it for these groups.'),
  }),
);

const row = named(
  'ReconciledRow',
  z.object({
    day: z.string().optional(),
    model: z.string().optional(),
    api_key: z
      .string()
      .optional()
      .describe('The credential, or the provider’s id of a key that belongs to no credential.'),
    ledger: sums,
    provider: sums,
    differences: z
      .array(z.enum(['input_tokens', 'cached_input_tokens', 'output_tokens', 'cost_usd']))
      .describe('Figures that differ by more than the tolerance.'),
    estimated_attempts: z.number().int(),
    unsettled_attempts: z.number().int(),
  }),
);

export const MONEY_OPERATIONS = group({ ...ADMIN, tag: 'costs' }, [
  {
    routes: ['GET /admin/usage/export'],
    id: 'exportUsage',
    summary: 'Rows of attempts or requests as CSV, JSON lines or Parquet',
    query: exportQuery,
    answers: {
      200: {
        description: 'The file, streamed.',
        content: {
          'text/csv': { bytes: 'CSV (RFC 4180) with a header.' },
          'application/jsonl': { bytes: 'One JSON object per line.' },
          'application/vnd.apache.parquet': { bytes: 'Parquet, in row groups of 20,000.' },
        },
      },
    },
  },
  {
    routes: ['GET /admin/providers/:name/reconciliation'],
    id: 'reconcile',
    summary: 'Compares the ledger with the usage and costs in the provider’s administration API',
    query: reconciliationQuery,
    answers: ok(
      named(
        'Reconciliation',
        z.object({
          provider: z.string(),
          from: z.string(),
          to: z.string(),
          equal: z.boolean(),
          rows: z.array(row),
          total: row,
          notes: z.array(z.string()).describe('Notes on figures that could not be compared.'),
        }),
      ),
    ),
    failures: ['upstream_unreachable'],
  },
  {
    routes: ['GET /admin/alerts'],
    id: 'listAlerts',
    summary:
      'Alerts, newest first: budgets and balances at a threshold, expiring keys, refused credentials, unusual spending, bills that differ',
    query: alertQuery,
    answers: ok(
      named(
        'AlertList',
        z.object({
          object: z.literal('list'),
          data: z.array(
            z.object({
              id: z.string(),
              type: z.enum(ALERT_TYPES),
              created_at: time,
              ended_at: time.nullable().describe('Null while it lasts.'),
              data: z.looseObject({}).describe('The data of the webhook event (docs/webhooks.md).'),
            }),
          ),
          has_more: z.boolean(),
        }),
      ),
    ),
  },
]);
