// OpenAPI entries of accounts, credits, operators and the audit log.
import { z } from 'zod';
import { ADMIN_ROLES } from '../../../accounts/admin-key-store.ts';
import { BUDGET_PERIODS } from '../../../accounts/api-key.ts';
import { changeForm } from '../../../accounts/settings-form.ts';
import { limitSettings } from '../../../config/schema.ts';
import { newAccount, newCredits, statementQuery } from '../../routes/admin-accounts.ts';
import { auditQuery, newAdminKey } from '../../routes/admin-operators.ts';
import { ADMIN, created, group, json, named, ok } from './operation.ts';
import { time, usd } from './parts.ts';

/** What `describeSettings` shows, of keys and of accounts. */
export const shownSettings = {
  limits: named('Limits', limitSettings),
  budgets: z
    .object(Object.fromEntries(BUDGET_PERIODS.map((period) => [period, z.number().optional()])))
    .describe('Spending limit per period, in US dollars.'),
  budget_usd: z
    .number()
    .nullable()
    .describe('The first of `budgets`, for clients that use a single one; null if there is none.'),
  budget_period: z.enum(BUDGET_PERIODS).describe('Period of `budget_usd`; `total` if there is none.'),
  models: z.array(z.string()).nullable().describe('Allowed models, with `*` as a wildcard; null for all.'),
  weight: z.number().describe('Share of a full wait queue, relative to others.'),
  batch_weight: z.number().describe('Share of the batch lane, relative to others.'),
  expires_at: time.nullable(),
  metadata: z.record(z.string(), z.string()),
  credits: z.object({ markup_percent: z.number(), charge_step_usd: z.number() }).nullable(),
};

export const spending = named(
  'Spending',
  z
    .object(Object.fromEntries(BUDGET_PERIODS.map((period) => [period, usd])))
    .describe('Spending in the current periods.'),
);

const account = named(
  'Account',
  z.object({
    id: z.string(),
    kind: z.enum(['organisation', 'project']),
    name: z.string(),
    organisation: z.string().nullable(),
    ...shownSettings,
    created_at: time,
    revoked_at: time.nullable(),
  }),
);

export const ACCOUNT_OPERATIONS = group({ ...ADMIN, tag: 'accounts' }, [
  {
    routes: ['GET /admin/accounts'],
    id: 'listAccounts',
    summary: 'Organisations and projects, newest first',
    answers: ok(named('AccountList', z.object({ data: z.array(account) }))),
  },
  {
    routes: ['POST /admin/accounts'],
    id: 'createAccount',
    summary: 'Creates an organisation or project',
    body: { content: json(named('NewAccount', newAccount)) },
    answers: created(account, 'The account.'),
  },
  {
    routes: ['GET /admin/accounts/:id'],
    id: 'getAccount',
    summary: 'One account, with its spending',
    answers: ok(named('AccountDetail', account.extend({ spent_usd: spending }))),
  },
  {
    routes: ['PATCH /admin/accounts/:id'],
    id: 'updateAccount',
    summary: 'Changes settings that apply to all keys below it',
    body: { content: json(named('AccountSettings', changeForm)) },
    answers: ok(account),
  },
  {
    routes: ['DELETE /admin/accounts/:id'],
    id: 'revokeAccount',
    summary: 'Revokes an account and every key below it',
    answers: ok(account),
  },
  {
    routes: ['POST /admin/accounts/:id/credits'],
    id: 'topUp',
    summary: 'Adds to the prepaid balance of a key, project or organisation',
    body: { content: json(named('NewCredits', newCredits)) },
    answers: created(
      named('ToppedUp', z.object({ id: z.string(), account: z.string(), balance_usd: usd })),
      'The entry and the new balance.',
    ),
  },
  {
    routes: ['GET /admin/accounts/:id/statement'],
    id: 'getStatement',
    summary: 'Payments and charges by day',
    query: statementQuery,
    answers: ok(
      named(
        'Statement',
        z.object({
          account: z.string(),
          balance_usd: usd,
          paid_in_usd: usd,
          credits: z.array(
            z.object({
              id: z.string(),
              amount_usd: usd,
              note: z.string().nullable(),
              actor: z.string(),
              created_at: time,
            }),
          ),
          charges: z.array(z.object({ day: z.string(), requests: z.number().int(), cost_usd: usd, charge_usd: usd })),
        }),
      ),
    ),
  },
]);

const adminKey = named(
  'AdminKey',
  z.object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    role: z.enum(ADMIN_ROLES),
    created_at: time,
    revoked_at: time.nullable(),
  }),
);
const auditEntry = named(
  'AuditEntry',
  z.object({
    id: z.string(),
    at: time,
    actor: z.string().describe('Name and id of the admin key or person, or the command line.'),
    role: z.string(),
    method: z.string(),
    path: z.string(),
    status: z.number().int(),
    request: z.unknown().describe('Request body, without secrets.'),
    before: z.unknown().describe('Response of GET at the same path before the change.'),
    after: z.unknown().describe('Response body, without secrets.'),
  }),
);

export const OPERATOR_OPERATIONS = group({ ...ADMIN, tag: 'operators' }, [
  {
    routes: ['GET /admin/admin-keys'],
    id: 'listAdminKeys',
    summary: 'Admin keys and their roles (owners only)',
    answers: ok(named('AdminKeyList', z.object({ data: z.array(adminKey) }))),
  },
  {
    routes: ['POST /admin/admin-keys'],
    id: 'createAdminKey',
    summary: 'Creates an admin key (owners only)',
    body: { content: json(named('NewAdminKey', newAdminKey)) },
    answers: created(
      named('CreatedAdminKey', adminKey.extend({ key: z.string().describe('The secret, shown only once.') })),
      'The key, with its secret.',
    ),
  },
  {
    routes: ['GET /admin/admin-keys/:id'],
    id: 'getAdminKey',
    summary: 'One admin key (owners only)',
    answers: ok(adminKey),
  },
  {
    routes: ['DELETE /admin/admin-keys/:id'],
    id: 'revokeAdminKey',
    summary: 'Revokes an admin key (owners only)',
    answers: ok(adminKey),
  },
  {
    routes: ['GET /admin/audit'],
    id: 'listAudit',
    summary: 'Audit log: changes and who made them, newest first',
    query: auditQuery,
    answers: ok(
      named('AuditPage', z.object({ data: z.array(auditEntry), has_more: z.boolean(), next: z.string().nullable() })),
    ),
  },
]);
