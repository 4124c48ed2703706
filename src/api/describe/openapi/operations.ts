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
  inference: 'Requests to models, in the protocols of OpenAI, Anthropic and Google.',
  models: 'What a key may use, and what it costs.',
  requests: 'Any accepted request by its id: its state, its answer, its end.',
  responses: 'Stored responses.',
  conversations: 'Items that outlive the responses that were made of them.',
  files: 'Files of a key.',
  batches: 'Many requests at once, at a lower price where providers have one.',
  keys: 'Client keys: limits, budgets, models.',
  accounts: 'Organisations and projects above keys, and prepaid credits.',
  operators: 'Who may administrate, and what was done.',
  costs: 'What was spent.',
  routing: 'Limits in force, and what is taken out of service.',
  'dead letters': 'Requests that failed for good.',
  ledger: 'Messages that the ledger could not take.',
  console: 'What the console shows beside all this, and its sessions.',
  webhooks: 'Receivers of events, and their deliveries.',
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
      .describe('What does not work as it should and stops nobody: `redis-memory`, `database`, `ledger`.'),
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
        jobs: z.number().int().describe('In its queues and in workers.'),
        waiting_requests: z.number().int().describe('Without a permit yet.'),
        waiting_tokens: z.number().int().describe('Of these, as reserved.'),
        oldest_seconds: z.number().describe('Since the oldest of them was accepted.'),
      }),
    ),
  }),
);

const health = group({ tag: 'health', access: 'open', errors: ['openai'] }, [
  {
    routes: ['GET /healthz', 'GET /health'],
    id: 'healthz',
    summary: 'Whether the process runs',
    answers: ok(alive, 'It runs.'),
  },
  {
    routes: ['GET /readyz'],
    id: 'readyz',
    summary: 'Whether it can take requests',
    answers: {
      200: { description: 'It can.', content: json(ready) },
      503: { description: 'It cannot; `checks` says why.', content: json(ready) },
    },
  },
  {
    routes: ['GET /metrics'],
    id: 'metrics',
    access: 'operator',
    summary: 'Metrics, in the text format of Prometheus',
    answers: { 200: { description: 'All metrics.', content: { 'text/plain': { bytes: 'docs/metrics.md' } } } },
  },
  {
    routes: ['GET /metrics/scaling'],
    id: 'scaling',
    access: 'operator',
    summary: 'What waits and runs for each provider, for autoscalers that read one number',
    answers: ok(scaling, 'By name of the provider.'),
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
