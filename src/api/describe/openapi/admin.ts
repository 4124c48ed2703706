// OpenAPI entries of the admin API. Request schemas are those that the handlers in src/api/routes/admin-*.ts validate with;
// response schemas are defined here, and test/e2e/openapi.test.ts checks real answers against them.
import { z } from 'zod';
import { changeForm } from '../../../accounts/settings-form.ts';
import { webhookEvents } from '../../../config/webhook-schema.ts';
import { LIMIT_KINDS } from '../../../contracts/limit-kinds.ts';
import { REPORT_DIMENSIONS } from '../../../ledger/dimensions.ts';
import { keyRotation, newKey } from '../../routes/admin.ts';
import { newHold } from '../../routes/admin-holds.ts';
import { usageQuery } from '../../routes/admin-usage.ts';
import { deliveryQuery, newEndpoint } from '../../routes/admin-webhooks.ts';
import { ACCOUNT_OPERATIONS, OPERATOR_OPERATIONS, shownSettings, spending } from './admin-accounts.ts';
import { CONSOLE_OPERATIONS } from './admin-console.ts';
import { LETTER_OPERATIONS } from './admin-failed.ts';
import { MONEY_OPERATIONS } from './admin-money.ts';
import { ADMIN, created, deleted, group, json, named, type Operation, ok } from './operation.ts';
import { time, usd } from './parts.ts';

const key = named(
  'Key',
  z.object({
    id: z.string(),
    name: z.string(),
    hint: z.string().describe('The first characters of the secret, to recognise it.'),
    project: z.string().nullable(),
    ...shownSettings,
    former_secret_until: time.nullable().describe('After a rotation: until when the former secret is valid.'),
    created_at: time,
    revoked_at: time.nullable(),
  }),
);
const createdKey = named('CreatedKey', key.extend({ key: z.string().describe('The secret, shown only once.') }));
const usageReport = named(
  'UsageReport',
  z.object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        ...Object.fromEntries(REPORT_DIMENSIONS.map((name) => [name, z.string().optional()])),
        requests: z.number().int().optional().describe('Only in reports per request.'),
        charge_usd: usd.optional(),
        attempts: z.number().int(),
        failed_attempts: z.number().int(),
        estimated_attempts: z.number().int().describe('Attempts whose tokens were estimated.'),
        unsettled_attempts: z.number().int(),
        input_tokens: z.number().int(),
        cached_input_tokens: z.number().int(),
        output_tokens: z.number().int(),
        reasoning_tokens: z.number().int(),
        cost_usd: usd,
      }),
    ),
    has_more: z.boolean(),
    next: z.string().nullable().describe('`after` of the next page.'),
    whole_from: time
      .nullable()
      .describe(
        'Sums by hour, batch, session and tag before this time have been deleted (`ledger.keep_hours_days`). Null: nothing is missing.',
      ),
  }),
);

const keys = group(ADMIN, [
  {
    routes: ['GET /admin/keys'],
    id: 'listKeys',
    summary: 'All client keys including revoked ones, newest first',
    answers: ok(named('KeyList', z.object({ data: z.array(key) }))),
  },
  {
    routes: ['POST /admin/keys'],
    id: 'createKey',
    summary: 'Creates a client key',
    body: {
      content: json(named('NewKey', newKey)),
      example: { name: 'search', models: ['gpt-4o-mini'], limits: { rpm: 600 }, budgets: { month: 100 } },
    },
    answers: created(createdKey, 'The key, with its secret.'),
  },
  {
    routes: ['GET /admin/keys/:id'],
    id: 'getKey',
    summary: 'One key, with its spending',
    answers: ok(named('KeyDetail', key.extend({ spent_usd: spending }))),
  },
  {
    routes: ['POST /admin/keys/:id/rotate'],
    id: 'rotateKey',
    summary: 'Replaces the secret of a key; the former one stays valid for a while',
    body: { content: json(named('KeyRotation', keyRotation)), isOptional: true },
    answers: ok(createdKey),
  },
  {
    routes: ['PATCH /admin/keys/:id'],
    id: 'updateKey',
    summary: 'Changes the name, limits, budgets, models, weights, credits, expiry or metadata of a key',
    body: { content: json(named('KeySettings', changeForm)) },
    answers: ok(key),
  },
  {
    routes: ['DELETE /admin/keys/:id'],
    id: 'revokeKey',
    summary: 'Revokes a key, immediately and permanently',
    answers: ok(key),
  },
  {
    routes: ['GET /admin/usage'],
    id: 'reportUsage',
    tag: 'costs',
    summary: 'Number, tokens and cost of attempts or requests, grouped and filtered by any dimension',
    query: usageQuery,
    answers: ok(usageReport),
  },
]);

const hold = named(
  'Hold',
  z.object({
    name: z.string().describe('`provider:NAME`, `deployment:NAME` or `credential:PROVIDER/NAME`.'),
    provider: z.string().optional(),
    deployment: z.string().optional(),
    credential: z.string().optional(),
    reason: z.string(),
    since: time,
  }),
);
const limit = named(
  'LimitInForce',
  z.object({
    scope: z.string(),
    limit: z.enum(LIMIT_KINDS.map(({ setting }) => setting)),
    value: z.number(),
    source: z.enum(['configured', 'learned']),
    in_force: z.boolean(),
    learned_at: time.optional(),
    used: z
      .number()
      .nullable()
      .describe(
        'Amount in use in the current rate window, or calls in flight, in the unit of `value`; null if nothing is counted.',
      ),
  }),
);

const routing = group({ ...ADMIN, tag: 'routing' }, [
  {
    routes: ['GET /admin/holds'],
    id: 'listHolds',
    summary: 'Providers, deployments and credentials on hold',
    answers: ok(named('HoldList', z.object({ data: z.array(hold) }))),
  },
  {
    routes: ['POST /admin/holds'],
    id: 'hold',
    summary: 'Puts a provider, deployment or credential on hold',
    body: {
      content: json(named('NewHold', newHold)),
      example: { provider: 'openai', reason: 'incident at the provider' },
    },
    answers: created(hold, 'It is held.'),
  },
  {
    routes: ['DELETE /admin/holds/*'],
    rest: 'name',
    id: 'release',
    summary: 'Releases a hold',
    params: { name: 'Name as in `GET /admin/holds`, or the name of a provider or deployment.' },
    answers: ok(named('Released', z.object({ name: z.string(), released: z.literal(true) }))),
  },
  {
    routes: ['GET /admin/limits'],
    id: 'listLimits',
    summary: 'Limits of providers, credentials and deployments, configured and learned, and their current use',
    answers: ok(named('LimitList', z.object({ data: z.array(limit) }))),
  },
]);

const endpoint = named(
  'WebhookEndpoint',
  z.object({
    id: z.string(),
    origin: z.enum(['config', 'admin']),
    url: z.string(),
    events: webhookEvents,
    key_id: z.string().nullable().describe('Only events of this client key; null for all.'),
    created_at: time,
    disabled_at: time.nullable(),
    disabled_reason: z.string().nullable(),
  }),
);
const delivery = named(
  'WebhookDelivery',
  z.object({
    id: z.string(),
    endpoint_id: z.string(),
    event_id: z.string().describe('The `webhook-id` header of the delivery.'),
    type: z.string(),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.number().int(),
    next_attempt_at: time.nullable(),
    created_at: time,
    finished_at: time.nullable(),
    last_status: z.number().int().nullable(),
    last_error: z.string().nullable(),
  }),
);

const webhooks = group({ ...ADMIN, tag: 'webhooks' }, [
  {
    routes: ['GET /admin/webhooks'],
    id: 'listWebhooks',
    summary: 'All receivers, including disabled ones',
    answers: ok(named('WebhookList', z.object({ data: z.array(endpoint) }))),
  },
  {
    routes: ['POST /admin/webhooks'],
    id: 'createWebhook',
    summary: 'Registers a receiver',
    body: {
      content: json(named('NewWebhook', newEndpoint)),
      example: { url: 'https://hooks.example/sluice', events: ['batch.*'] },
    },
    answers: created(
      named('CreatedWebhook', endpoint.extend({ secret: z.string().describe('Shown only once.') })),
      'The receiver, with its secret.',
    ),
  },
  {
    routes: ['DELETE /admin/webhooks/:id'],
    id: 'deleteWebhook',
    summary: 'Removes a receiver that was registered through this API',
    answers: ok(deleted),
    failures: ['request_invalid'],
  },
  {
    routes: ['POST /admin/webhooks/:id/enable'],
    id: 'enableWebhook',
    summary: 'Enables a receiver that was disabled because it responded with 410',
    answers: ok(endpoint),
  },
  {
    routes: ['GET /admin/webhooks/deliveries'],
    id: 'listDeliveries',
    summary: 'Deliveries, newest first',
    query: deliveryQuery,
    answers: ok(named('DeliveryList', z.object({ data: z.array(delivery) }))),
  },
  {
    routes: ['POST /admin/webhooks/deliveries/:id/replay'],
    id: 'replayDelivery',
    summary: 'Sends a delivery again with the same `webhook-id`',
    answers: ok(delivery),
  },
]);

export const ADMIN_OPERATIONS: readonly Operation[] = [
  ...keys,
  ...ACCOUNT_OPERATIONS,
  ...OPERATOR_OPERATIONS,
  ...routing,
  ...LETTER_OPERATIONS,
  ...MONEY_OPERATIONS,
  ...webhooks,
  ...CONSOLE_OPERATIONS,
];
