// OpenAPI entries of probes, metrics and the description itself; and the table of all entries.
import { z } from 'zod';
import { ADMIN_OPERATIONS } from './admin.ts';
import { batchOperations, fileOperations } from './batches.ts';
import { buildDocument, type Listener, type OpenApiDocument } from './document.ts';
import { INFERENCE_OPERATIONS } from './inference.ts';
import { modelOperations } from './models.ts';
import { group, json, named, type Operation, ok } from './operation.ts';
import { conversationOperations, requestOperations, responseOperations } from './responses.ts';

const TAGS: Readonly<Record<string, string>> = {
  inference: 'Requests to models in the protocols of OpenAI, Anthropic and Google.',
  models: 'Models that a key may use, with prices.',
  requests: 'Accepted requests by id: state, response and cancellation.',
  responses: 'Stored responses.',
  conversations: 'Items that are kept independently of the responses that used them.',
  files: 'Files of a key.',
  batches: 'Many requests in one job, at batch prices where providers offer them.',
  keys: 'Client keys with limits, budgets and models.',
  accounts: 'Organisations and projects above keys, and prepaid credits.',
  operators: 'Admin keys and the audit log.',
  costs: 'Spending and usage.',
  routing: 'Limits in force, and holds.',
  'dead letters': 'Requests that failed permanently.',
  ledger: 'Messages that could not be written to the ledger.',
  console: 'Further data of the console, and its sessions.',
  webhooks: 'Receivers of events, and deliveries.',
  health: 'Probes, metrics and this description.',
};

const alive = named('Alive', z.object({ status: z.literal('ok') }));
const ready = named(
  'Readiness',
  z.object({
    status: z.enum(['ready', 'not ready']),
    checks: z.object({
      redis: z.boolean(),
      database: z.boolean(),
      workers: z.boolean(),
      accepting: z.boolean(),
    }),
    trouble: z.object({ redis: z.string() }).optional(),
    degraded: z
      .array(z.string())
      .optional()
      .describe('Parts that do not work properly but do not stop requests: `redis-memory`, `database`, `ledger`.'),
    holds: z
      .array(z.object({ name: z.string(), reason: z.string() }))
      .optional()
      .describe('For operators.'),
    ledger: z
      .object({ waiting: z.number().int(), oldest_seconds: z.number(), rejects: z.number().int().nullable() })
      .optional()
      .describe('For operators.'),
  }),
);

const scaling = named(
  'Scaling',
  z.object({
    providers: z.record(
      z.string(),
      z.object({
        jobs: z.number().int().describe('In queues and in workers.'),
        waiting_requests: z.number().int().describe('Requests that are waiting for a permit.'),
        waiting_tokens: z.number().int().describe('Reserved tokens of the waiting requests.'),
        oldest_seconds: z.number().describe('Time since the oldest of them was accepted.'),
      }),
    ),
  }),
);

const health = group({ tag: 'health', access: 'open', errors: ['openai'] }, [
  {
    routes: ['GET /healthz', 'GET /health'],
    id: 'healthz',
    summary: 'Whether the process runs',
    answers: ok(alive, 'The process runs.'),
  },
  {
    routes: ['GET /readyz'],
    id: 'readyz',
    summary: 'Whether it can take requests',
    answers: {
      200: { description: 'Ready.', content: json(ready) },
      503: { description: 'Not ready; `checks` has the reason.', content: json(ready) },
    },
  },
  {
    routes: ['GET /metrics'],
    id: 'metrics',
    access: 'operator',
    summary: 'Metrics in the Prometheus text format',
    answers: { 200: { description: 'All metrics.', content: { 'text/plain': { bytes: 'docs/metrics.md' } } } },
  },
  {
    routes: ['GET /metrics/scaling'],
    id: 'scaling',
    access: 'operator',
    summary: 'Waiting and running requests per provider, for autoscalers that read one number',
    answers: ok(scaling, 'Figures by provider name.'),
  },
  {
    routes: ['GET /openapi.json'],
    id: 'openapi',
    access: 'reader',
    summary: 'This document',
    answers: ok(named('OpenApi', z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }))),
  },
]);

const OPERATIONS: readonly Operation[] = [
  ...INFERENCE_OPERATIONS,
  ...modelOperations,
  ...requestOperations,
  ...responseOperations,
  ...conversationOperations,
  ...fileOperations,
  ...batchOperations,
  ...ADMIN_OPERATIONS,
  ...health,
];

const DESCRIBED: ReadonlySet<string> = new Set(OPERATIONS.flatMap(({ routes }) => routes));

export function describeApi(routes: Iterable<string>, listener: Listener): OpenApiDocument {
  return buildDocument({ operations: OPERATIONS, tags: TAGS, routes: new Set(routes), listener });
}

/** Everything a separate admin listener can have; the admin client is generated from it. */
export function adminDocument(): OpenApiDocument {
  return describeApi(
    [...ADMIN_OPERATIONS, ...health].flatMap(({ routes }) => routes),
    'operators',
  );
}

/** Routes without an entry. */
export function undescribed(routes: Iterable<string>): string[] {
  return [...routes].filter((route) => !DESCRIBED.has(route));
}

/** Entries without a route. */
export function describedInVain(routes: ReadonlySet<string>): string[] {
  return [...DESCRIBED].filter((route) => !routes.has(route));
}
