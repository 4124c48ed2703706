// Shared parts of the entries: keys, headers, errors, usage and cost.
import { z } from 'zod';
import { FAILURES, type FailureCode } from '../../../contracts/failure-table.ts';
import { LANES } from '../../../contracts/job.ts';
import { RATE_KINDS } from '../../../contracts/limit-kinds.ts';
import { PRIORITIES } from '../../../contracts/turn.ts';
import { type ErrorShape, type JsonSchema, named } from './operation.ts';

export const SECURITY_SCHEMES = {
  clientKey: { type: 'http', scheme: 'bearer', description: 'A client key, `sk-sluice-…` (`sluice keys create`).' },
  anthropicKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'A client key in Anthropic’s header.' },
  geminiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'x-goog-api-key',
    description: 'A client key in the place where Google’s SDKs send it.',
  },
  geminiKeyInQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'A client key in the place where Google’s SDKs send it.',
  },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'An admin key: `SLUICE_ADMIN_KEY`, or one created with `sluice admin-keys create`.',
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
  'idempotency-key': text(
    'A repetition with the same key and body joins the running request, or gets the stored response.',
  ),
  prefer: {
    ...text('`respond-async`: returns 202 immediately, with the URL of the response.'),
    example: 'respond-async',
  },
  'last-event-id': text('Resumes a stream after the event with this id.'),
  vendor: text('Uses only this provider; `auto` for automatic routing.'),
  'x-sluice-lane': {
    description: 'Lane of the request.',
    schema: { type: 'string', enum: [...LANES], default: 'interactive' },
  },
  'x-sluice-priority': {
    description: 'Order among the waiting requests of this key.',
    schema: { type: 'string', enum: [...PRIORITIES], default: 'normal' },
  },
  'x-sluice-deadline-ms': {
    description: 'Deadline of the request, in milliseconds from now.',
    schema: { type: 'integer', minimum: 1, maximum: 86_400_000 },
  },
  'anthropic-version': text('Passed on to providers of the same protocol.'),
  'anthropic-beta': text('Passed on to providers of the same protocol.'),
  range: { ...text('Byte range of the file.'), example: 'bytes=0-1023' },
  'if-range': text('Applies the range only if the file still has this `etag`.'),
};

const whole = (description: string): JsonSchema => ({ description, schema: { type: 'integer' } });

export const RESPONSE_HEADERS: Readonly<Record<string, JsonSchema>> = {
  'x-request-id': text('Id for `GET /v1/requests/{id}` and in logs.'),
  'retry-after': whole('Seconds to wait before a retry; `retry-after-ms` has milliseconds.'),
  location: text('URL of the request.'),
  'x-sluice-provider': text('Provider that answered.'),
  'x-sluice-model': text('Model that answered, as named in the request or its fallbacks.'),
  'x-sluice-attempts': whole('Number of calls to providers.'),
  'x-sluice-queue-ms': whole('How long the request waited.'),
  'x-sluice-dropped': text('Parameters that were left out because the provider does not support them.'),
  'x-sluice-replayed': text('`true`: the response was stored earlier.'),
  'content-range': text('Byte range in the file.'),
  etag: text('Entity tag of the file.'),
  ...Object.fromEntries(
    RATE_KINDS.map(({ label }) => label.replaceAll('_', '-')).flatMap((kind) => [
      [`x-ratelimit-limit-${kind}`, whole('Limit of the key.')],
      [`x-ratelimit-remaining-${kind}`, whole('Remaining part of the limit.')],
      [`x-ratelimit-reset-${kind}`, text('Time until the limit is fully available again.')],
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
        param: z.string().nullable().describe('The parameter that caused the error, as a dotted path.'),
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
export const usd = z.string().describe('US dollars, as an exact decimal.');

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
          .describe(
            'For streams: pairs of milliseconds since the call and output tokens until then, as counted by the broker.',
          ),
        frames: z.number().int().optional().describe('For streams: frames sent to the client.'),
        hedge: z
          .boolean()
          .optional()
          .describe('It was started while the attempt before it was slow to begin (hedging).'),
        rescue: z
          .enum(['continued', 'repeated'])
          .optional()
          .describe(
            'It continued an answer that had broken off: after the part that the client had received, or from the beginning.',
          ),
      }),
    )
    .describe(
      'The phases of the request without gaps; hedged attempts overlap. `skip`: a provider was not called, with the reason.',
    ),
);

export const attempt = named(
  'Attempt',
  z.object({
    attempt: z.number().int(),
    provider: z.string(),
    model: z.string().describe('The provider’s name for the model.'),
    outcome: z.string().describe('`ok`, or a failure code.'),
    settlement: z.string().describe('Whether tokens were counted by the provider or estimated.'),
    started_at_ms: z.number(),
    first_byte_ms: z.number().nullable(),
    duration_ms: z.number().nullable(),
    usage,
    cost: z.number().describe('US dollars.'),
    unpriced: z.array(z.string()).describe('Kinds of usage without a known price.'),
    disputed: z.unknown().optional().describe('Figures of the provider that cannot be correct.'),
    service_tier: z.string().optional(),
    tool_calls: z.record(z.string(), z.number()).optional(),
    hedge: z.boolean().optional().describe('It was started while another attempt was slow to begin (hedging).'),
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
