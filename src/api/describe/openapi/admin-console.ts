// OpenAPI entries of what the console uses: sessions, live figures, providers, batches, budgets, settings, simulators.
import { z } from 'zod';
import { ADMIN_ROLES } from '../../../accounts/admin-key-store.ts';
import { BUDGET_PERIODS } from '../../../accounts/api-key.ts';
import { allBatchesQuery } from '../../routes/admin-batches.ts';
import { REQUEST_OPERATIONS } from './admin-requests.ts';
import { batch } from './batches.ts';
import { ADMIN, created, EVENTS_TYPE, group, json, named, type Operation, ok } from './operation.ts';
import { time, usd } from './parts.ts';

const session = named(
  'Session',
  z.object({
    object: z.literal('session'),
    operator: z.string(),
    role: z.enum(ADMIN_ROLES),
    csrf_token: z.string().describe('Must be sent as `x-csrf-token` with every change that uses the cookie.'),
    ends_at: time,
  }),
);

const sessions = group({ ...ADMIN, tag: 'console' }, [
  {
    routes: ['POST /admin/session'],
    id: 'signIn',
    summary: 'Exchanges the admin key for a session cookie, valid for twelve hours or until it is unused for an hour',
    answers: created(session, 'The session. Its cookie is `HttpOnly` and `SameSite=Strict`.'),
  },
  {
    routes: ['GET /admin/session'],
    id: 'getSession',
    summary: 'The session of this cookie',
    answers: ok(session),
  },
  {
    routes: ['DELETE /admin/session'],
    id: 'signOut',
    summary: 'Ends the session of this cookie',
    answers: ok(
      named(
        'SessionEnded',
        z.object({
          deleted: z.literal(true),
          sign_out_url: z.string().nullable().describe('URL for signing out of the OpenID Connect provider as well.'),
        }),
      ),
    ),
  },
  {
    routes: ['GET /admin/sign-in'],
    id: 'getSignIn',
    access: 'open',
    summary: 'Ways to sign in besides the admin key',
    answers: ok(
      named(
        'SignIn',
        z.object({
          object: z.literal('sign_in'),
          oidc: z
            .object({
              name: z.string(),
              path: z.string().describe('URL that the browser opens, with the page to return to in `to`.'),
            })
            .nullable()
            .describe('The OpenID Connect provider; null if none is configured.'),
        }),
      ),
    ),
  },
]);

const quantiles = z
  .tuple([z.number(), z.number(), z.number()])
  .nullable()
  .describe('p50, p95 and p99 in milliseconds.');
const slice = named(
  'LiveSlice',
  z.object({
    at: z.number().describe('Start of the interval, in Unix milliseconds.'),
    requests: z.number().int().describe('Requests that have ended.'),
    failed: z.number().int(),
    input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    cost_usd: z.number(),
    codes: z.record(z.string(), z.number()).describe('Failed requests by code.'),
    first_byte_ms: quantiles,
    total_ms: quantiles,
  }),
);
const live = named(
  'LiveEvent',
  z.object({
    slices: z.array(slice).describe('`history`: intervals of the last hour. `now`: the latest two.'),
    slice_ms: z.number().optional().describe('`history`: length of an interval.'),
    at: z.number().optional(),
    calls: z.number().int().optional().describe('`now`: calls to providers in flight.'),
    queues: z
      .array(z.object({ provider: z.string(), lane: z.string(), waiting: z.number(), running: z.number() }))
      .optional(),
  }),
);

const liveFigures = group({ ...ADMIN, tag: 'console' }, [
  {
    routes: ['GET /admin/live'],
    id: 'watchLive',
    summary: 'Figures of the last hour, and updates every two seconds',
    answers: {
      200: {
        description: 'Server-sent events until the caller disconnects.',
        content: { [EVENTS_TYPE]: { events: live, framing: 'One event `history`, then events `now`.' } },
      },
    },
    failures: ['shutting_down'],
  },
]);

const hold = z.object({ reason: z.string(), since: time }).nullable();
const circuits = z
  .array(z.object({ name: z.string(), state: z.enum(['open', 'half_open']), code: z.string().nullable(), until: time }))
  .describe('Circuits that are not closed.');
const outcomes = z.array(z.object({ outcome: z.string(), attempts: z.number().int() }));
const queue = z.object({ waiting: z.number(), running: z.number() });
const deployment = named(
  'DeploymentState',
  z.object({
    id: z.string(),
    model: z.string().describe('The provider’s name for the model.'),
    tier: z.number(),
    weight: z.number(),
    models: z.array(z.string()).describe('Public models that this deployment serves.'),
    price: z
      .object({ input: usd, cached_input: usd, output: usd })
      .nullable()
      .describe('Price per million tokens; null if unknown.'),
    hold,
    circuits,
    last_hour: outcomes,
  }),
);
const provider = named(
  'ProviderState',
  z.object({
    name: z.string(),
    protocols: z.array(z.string()),
    base_url: z.string(),
    credentials: z
      .array(
        z.object({
          name: z.string(),
          scope: z.string().describe('Name of the scope, as in limits and holds.'),
          share: z.number().describe('Share of the calls, from its weight.'),
          hold,
          circuits,
          last_hour: outcomes,
        }),
      )
      .describe('Empty if there is only one.'),
    hold,
    queues: z.record(z.string(), queue).describe('By lane.'),
    deployments: z.array(deployment),
  }),
);

const budget = named(
  'BudgetState',
  z.object({
    id: z.string(),
    kind: z.enum(['key', 'project', 'organisation']),
    name: z.string(),
    period: z.enum(BUDGET_PERIODS),
    budget_usd: usd,
    spent_usd: usd,
    since: z.string().nullable(),
    ends_at: time.nullable(),
    forecast_usd: usd.nullable().describe('Forecast for the end of the period, at the current rate.'),
  }),
);

const settings = named(
  'Settings',
  z.object({
    instance: z.string(),
    node: z.string(),
    started_at: time,
    file: z.string(),
    configuration: z.looseObject({}).describe('Settings in force; secrets are masked.'),
    is_file_in_force: z.boolean().describe('Whether the file still has the same content.'),
    faults: z.array(z.object({ file: z.string(), line: z.number().nullable(), path: z.string(), message: z.string() })),
  }),
);

const state = group({ ...ADMIN, tag: 'routing' }, [
  {
    routes: ['GET /admin/providers'],
    id: 'listProviders',
    summary: 'Providers and deployments: health, queues, prices, and outcomes of the last hour',
    answers: ok(named('ProviderList', z.object({ data: z.array(provider) }))),
  },
  {
    routes: ['GET /admin/batches'],
    id: 'listAllBatches',
    tag: 'batches',
    summary: 'Batches of all keys, newest first',
    query: allBatchesQuery,
    answers: ok(
      named(
        'AnyBatchPage',
        z.object({
          object: z.literal('list'),
          data: z.array(named('AnyBatch', batch.extend({ key_id: z.string() }))),
          has_more: z.boolean(),
          next: z.string().nullable().describe('`after` of the next page.'),
        }),
      ),
    ),
  },
  {
    routes: ['GET /admin/budgets'],
    id: 'listBudgets',
    tag: 'costs',
    summary: 'Budgets of keys, projects and organisations: spending, and forecast for the end of the period',
    answers: ok(named('BudgetList', z.object({ data: z.array(budget) }))),
  },
  {
    routes: ['GET /admin/settings'],
    id: 'getSettings',
    tag: 'console',
    summary: 'Settings in force, and the errors in the configuration file',
    answers: ok(settings),
  },
]);

const rules = named('FaultRules', z.array(z.unknown()).describe('As described in `docs/simulator.md`.'));
const behaviour = named('Behaviour', z.looseObject({}).describe('As described in `docs/simulator.md`.'));
const simulator = named(
  'Simulator',
  z.object({
    name: z.string().describe('Name of the provider.'),
    address: z.string().describe('Providers with the same address are one simulator; rules distinguish them by model.'),
    models: z.array(z.string()),
  }),
);

const simulators = group({ ...ADMIN, tag: 'console' }, [
  {
    routes: ['GET /admin/simulators'],
    id: 'listSimulators',
    summary: 'Providers that are simulators',
    answers: ok(named('SimulatorList', z.object({ data: z.array(simulator) }))),
  },
  {
    routes: ['GET /admin/simulators/:name/faults'],
    id: 'getFaults',
    summary: 'Fault rules of a simulator, and how often each has applied',
    answers: ok(rules),
    failures: ['upstream_unreachable'],
  },
  {
    routes: ['PUT /admin/simulators/:name/faults'],
    id: 'setFaults',
    summary: 'Replaces the fault rules of a simulator',
    body: { content: json(rules) },
    answers: ok(rules),
    failures: ['upstream_unreachable'],
  },
  {
    routes: ['GET /admin/simulators/:name/behaviour'],
    id: 'getBehaviour',
    summary: 'Pace, limits and prices of a simulator',
    answers: ok(behaviour),
    failures: ['upstream_unreachable'],
  },
  {
    routes: ['PUT /admin/simulators/:name/behaviour'],
    id: 'setBehaviour',
    summary: 'Changes the given settings of a simulator',
    body: { content: json(behaviour) },
    answers: ok(behaviour),
    failures: ['upstream_unreachable'],
  },
  {
    routes: ['GET /admin/simulators/:name/stats'],
    id: 'getSimulatorStats',
    summary: 'Counters of a simulator',
    answers: ok(named('SimulatorStats', z.looseObject({}))),
    failures: ['upstream_unreachable'],
  },
]);

export const CONSOLE_OPERATIONS: readonly Operation[] = [
  ...sessions,
  ...liveFigures,
  ...REQUEST_OPERATIONS,
  ...state,
  ...simulators,
];
