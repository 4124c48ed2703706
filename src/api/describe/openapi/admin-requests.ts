// OpenAPI entries of requests for operators: search, details, requests in flight.
import { z } from 'zod';
import { requestQuery } from '../../routes/admin-requests.ts';
import { ADMIN, group, json, named, ok } from './operation.ts';
import { time, usd } from './parts.ts';
import { request } from './responses.ts';

const found = named(
  'FoundRequest',
  z.object({
    id: z.string(),
    object: z.literal('request'),
    key_id: z.string(),
    model: z.string(),
    provider: z.string().nullable(),
    upstream_model: z.string().nullable(),
    protocol: z.string(),
    lane: z.string(),
    stream: z.boolean(),
    outcome: z.string().describe('`ok`, or a failure code.'),
    accepted_at: time,
    duration_ms: z.number(),
    first_byte_ms: z.number().nullable().describe('Time since acceptance.'),
    attempts: z.number().int(),
    tags: z.array(z.string()),
    input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    cost_usd: usd,
  }),
);
const foundPage = named(
  'FoundRequestPage',
  z.object({
    object: z.literal('list'),
    data: z.array(found),
    has_more: z.boolean(),
    next: z.string().nullable().describe('`after` of the next page.'),
    searched_until: time
      .nullable()
      .describe('How far back the search has reached. A page can be empty although later pages are not.'),
  }),
);
const place = z.object({ provider: z.string(), deployment: z.string(), model: z.string() });
const anyRequest = named(
  'AnyRequest',
  request.extend({
    key_id: z.string(),
    frames: z.number().int().describe('The stored part of the response log.'),
    plan: z.array(place).nullable(),
    deadline_at: time.nullable(),
    estimated_tokens: z.object({ input: z.number(), output: z.number() }).nullable(),
    dead_letter: z.object({ body: z.enum(['none', 'plain', 'sealed']), message: z.string() }).nullable(),
    request_body: z
      .string()
      .nullable()
      .describe('The body as the client sent it, if it was kept with the dead letter. Only for operators and owners.'),
    cost_parts: z
      .array(
        z.object({
          attempt: z.number().int(),
          parts: z.array(
            z.object({ part: z.string(), count: z.number().describe('Tokens, or calls.'), cost_usd: usd }),
          ),
        }),
      )
      .describe('Parts of the cost at current prices; the remainder is `other`.'),
  }),
);
const inFlight = named(
  'InFlight',
  z.object({
    calls: z.array(
      z.object({
        id: z.string(),
        attempt: z.number().int(),
        key_id: z.string(),
        model: z.string(),
        provider: z.string(),
        lane: z.string(),
        stream: z.boolean(),
        started_at: time,
      }),
    ),
    waiting: z.array(
      z.object({
        id: z.string(),
        key_id: z.string().nullable(),
        deployment: z.string(),
        provider: z.string(),
        lane: z.string(),
        accepted_at: time,
      }),
    ),
  }),
);

export const REQUEST_OPERATIONS = group({ ...ADMIN, tag: 'requests' }, [
  {
    routes: ['GET /admin/requests'],
    id: 'searchRequests',
    summary: 'Ended requests of all keys, newest first, with filters',
    query: requestQuery,
    answers: ok(foundPage),
  },
  {
    routes: ['GET /admin/in-flight'],
    id: 'listInFlight',
    summary: 'Calls in flight and waiting requests, oldest first, at most a hundred of each',
    answers: ok(inFlight),
  },
  {
    routes: ['GET /admin/requests/:id'],
    id: 'getAnyRequest',
    summary: 'A request of any key: timeline, attempts, cost and response',
    answers: ok(anyRequest),
  },
  {
    routes: ['POST /admin/requests/:id/cancel'],
    id: 'cancelAnyRequest',
    summary: 'Cancels a request of any key',
    answers: {
      202: {
        description: 'It is being cancelled, or had already ended.',
        content: json(named('Cancelling', z.object({ id: z.string(), status: z.enum(['cancelling', 'done']) }))),
      },
    },
  },
]);
