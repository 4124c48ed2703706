// Shared parts of the entries: keys, headers, errors, usage and cost.
import { z } from 'zod';
import { FAILURES, type FailureCode } from '../../../contracts/failure-table.ts';
import { LANES } from '../../../contracts/job.ts';
import { RATE_KINDS } from '../../../contracts/limit-kinds.ts';
import { PRIORITIES } from '../../../contracts/turn.ts';
import { type ErrorShape, type JsonSchema, named } from './operation.ts';

export const SECURITY_SCHEMES = {
  clientKey: { type: 'http', scheme: 'bearer', description: 'A client key, `sk-sluice-…` (`sluice keys create`).' },
  anthropicKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'A client key, as Anthropic has it.' },
  geminiKey: { type: 'apiKey', in: 'header', name: 'x-goog-api-key', description: 'A client key, as Google has it.' },
  geminiKeyInQuery: { type: 'apiKey', in: 'query', name: 'key', description: 'A client key, as Google has it.' },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'An admin key: `SLUICE_ADMIN_KEY`, or one of `sluice admin-keys create`.',
  },
} as const;

/** Where clients of a protocol may send their key. */
export const SECURITY: Readonly<Record<ErrorShape, readonly (keyof typeof SECURITY_SCHEMES)[]>> = {
  openai: ['clientKey'],
  anthropic: ['anthropicKey', 'clientKey'],
  gemini: ['geminiKey', 'geminiKeyInQuery', 'clientKey'],
};

const text = (description: string): JsonSchema => ({ description, schema: { type: 'string' } });

export const REQUEST_HEADERS: Readonly<Record<string, JsonSchema>> = {
  'idempotency-key': text('The same key and request joins what is running, or gets what was answered.'),
  prefer: {
    ...text('`respond-async`: answered 202 at once, with the address where the answer will be.'),
    example: 'respond-async',
  },
  'last-event-id': text('Resumes a stream after this event.'),
  vendor: text('Only this provider is asked; `auto` for automatic routing.'),
  'x-sluice-lane': {
    description: 'The lane that the request waits in.',
    schema: { type: 'string', enum: [...LANES], default: 'interactive' },
  },
  'x-sluice-priority': {
    description: 'Which of the requests of this key comes first where they have to wait.',
    schema: { type: 'string', enum: [...PRIORITIES], default: 'normal' },
  },
  'x-sluice-deadline-ms': {
    description: 'How long the client waits, in milliseconds.',
    schema: { type: 'integer', minimum: 1, maximum: 86_400_000 },
  },
  'anthropic-version': text('Passed on to providers of the same protocol.'),
  'anthropic-beta': text('Passed on to providers of the same protocol.'),
  range: { ...text('A part of the file.'), example: 'bytes=0-1023' },
  'if-range': text('The range holds for the file with this `etag` only.'),
};

const whole = (description: string): JsonSchema => ({ description, schema: { type: 'integer' } });

export const RESPONSE_HEADERS: Readonly<Record<string, JsonSchema>> = {
  'x-request-id': text('What `GET /v1/requests/{id}` takes, and what logs have.'),
  'retry-after': whole('Seconds to wait before the next try; `retry-after-ms` has milliseconds.'),
  location: text('Where the request is found.'),
  'x-sluice-provider': text('Who answered.'),
  'x-sluice-model': text('The model that answered, by the name that it was asked for.'),
  'x-sluice-attempts': whole('How many calls to providers it took.'),
  'x-sluice-queue-ms': whole('How long the request waited.'),
  'x-sluice-dropped': text('Members of the request that the provider has no place for.'),
  'x-sluice-replayed': text('`true`: an answer that was made before.'),
  'content-range': text('Which bytes of the file these are.'),
  etag: text('Which file this is.'),
  ...Object.fromEntries(
    RATE_KINDS.map(({ label }) => label.replaceAll('_', '-')).flatMap((kind) => [
      [`x-ratelimit-limit-${kind}`, whole('What the key may use.')],
      [`x-ratelimit-remaining-${kind}`, whole('What is left of it.')],
      [`x-ratelimit-reset-${kind}`, text('When all of it will be there again.')],
    ]),
  ),
};

/** Headers of answers to model requests. */
export const ANSWER_HEADERS = Object.keys(RESPONSE_HEADERS).filter((name) =>
  /^x-(request-id|sluice-|ratelimit-)/.test(name),
);

export const ERROR_SCHEMAS: Readonly<Record<ErrorShape, z.ZodType>> = {
  openai: named(
    'OpenaiError',
    z.object({
      error: z.object({
        message: z.string(),
        type: z.string(),
        param: z.string().nullable().describe('The member that is at fault, as a dotted path.'),
        code: z.string().nullable(),
      }),
    }),
  ),
  anthropic: named(
    'AnthropicError',
    z.object({
      type: z.literal('error'),
      error: z.looseObject({ type: z.string(), message: z.string() }),
      request_id: z.string(),
    }),
  ),
  gemini: named(
    'GeminiError',
    z.object({
      error: z.object({
        code: z.number().int(),
        message: z.string(),
        status: z.string(),
        details: z.array(z.looseObject({ '@type': z.string() })).optional(),
      }),
    }),
  ),
};

export const time = z.iso.datetime().describe('UTC.');
export const unixSeconds = z.number().int().describe('Unix time in seconds.');
/** A decimal number as text, so that it is exact. */
export const usd = z.string().describe('US dollars, exact.');

export const usage = named(
  'Usage',
  z.object({
    input_tokens: z.number().int(),
    cached_input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    reasoning_tokens: z.number().int(),
  }),
);

export const timeline = named(
  'Timeline',
  z
    .array(
      z.object({
        kind: z.enum(['queue', 'limit', 'circuit', 'hold', 'backoff', 'skip', 'attempt', 'other']),
        started_at_ms: z.number(),
        duration_ms: z.number(),
        provider: z.string().optional(),
        reason: z.string().optional(),
        attempt: z.number().int().optional(),
        outcome: z.string().optional(),
        cache_hit_rate: z.number().optional(),
        tokens: z
          .array(z.tuple([z.number(), z.number()]))
          .optional()
          .describe('Of a stream: milliseconds since the call, output tokens until then as the broker counts them.'),
        frames: z.number().int().optional().describe('Of a stream: frames that it sent to the client.'),
        hedge: z.boolean().optional().describe('It ran beside the attempt before it, which was slow to begin.'),
        rescue: z
          .enum(['continued', 'repeated'])
          .optional()
          .describe('It took up an answer that had broken off: behind what the client had, or from its beginning.'),
      }),
    )
    .describe(
      'Where the time went, without gaps; attempts beside each other overlap. `skip`: a provider was not asked, and why.',
    ),
);

export const attempt = named(
  'Attempt',
  z.object({
    attempt: z.number().int(),
    provider: z.string(),
    model: z.string().describe('The provider’s own name for it.'),
    outcome: z.string().describe('`ok`, or a failure code.'),
    settlement: z.string().describe('Whether tokens were counted by the provider or estimated.'),
    started_at_ms: z.number(),
    first_byte_ms: z.number().nullable(),
    duration_ms: z.number().nullable(),
    usage,
    cost: z.number().describe('US dollars.'),
    unpriced: z.array(z.string()).describe('What was counted and has no known price.'),
    disputed: z.unknown().optional().describe('What the provider said and cannot be true.'),
    service_tier: z.string().optional(),
    tool_calls: z.record(z.string(), z.number()).optional(),
    hedge: z.boolean().optional().describe('It was made beside another attempt that was slow to begin.'),
  }),
);

/** Of other routes only. */
const NOT_OF_REQUESTS: ReadonlySet<string> = new Set<FailureCode>([
  ...(['route_not_found', 'request_not_found', 'response_not_found', 'method_not_allowed', 'batch_ended'] as const),
  ...(['files_quota_exceeded', 'websocket_connection_limit_reached', 'upgrade_unsupported'] as const),
  ...(['range_unsatisfiable', 'upstream_answer_differs', 'hedge_lost'] as const),
]);
/** All outcomes of a model request. */
export const INFERENCE_FAILURES = (Object.keys(FAILURES) as FailureCode[]).filter((code) => !NOT_OF_REQUESTS.has(code));
