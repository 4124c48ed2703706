// The configuration file as its author writes it. Only what has no sensible default is required; every default is
// here. `docs/configuration.md` and the JSON Schema for editors (sluice.schema.json) are generated from it.
import { z } from 'zod';
import { LIMIT_KINDS, type LimitKind } from '../contracts/limit-kinds.ts';
import { STRATEGY_NAMES } from '../contracts/route-plan.ts';
import { faultOfName, MAX_MODEL_CHARS } from '../protocols/bounds/request-names.ts';
import { alerts } from './alert-schema.ts';
import { batches, files } from './batch-schema.ts';
import { price, usageApi } from './price-schema.ts';
import { deadLetters, ledger, name, redis, server } from './server-schema.ts';
import { signIn } from './sign-in-schema.ts';
import { apiUrl, bodyBytes, headers, keptMilliseconds, milliseconds, positive, secretText } from './value-schema.ts';
import { webhooks } from './webhook-schema.ts';

export const PROTOCOLS = [
  'openai-chat',
  'openai-responses',
  'openai-embeddings',
  'anthropic-messages',
  'gemini-generate-content',
] as const;

export type ProtocolName = (typeof PROTOCOLS)[number];

/** A record of named things. Names are checked together with the values, so that one bad name does not hide other faults. */
function named<T extends z.ZodType>(value: T) {
  return z.record(z.string(), value).superRefine((record, context) => {
    for (const key of Object.keys(record)) {
      const issue = name.safeParse(key).error?.issues[0];
      if (issue !== undefined) context.addIssue({ code: 'custom', path: [key], message: `bad name: ${issue.message}` });
    }
  });
}

const limitShape = Object.fromEntries(
  LIMIT_KINDS.map(({ setting, description }) => [setting, positive.optional().describe(description)]),
) as Record<LimitKind['setting'], z.ZodOptional<z.ZodNumber>>;

/** Limits of a provider or a deployment; those of a key are in src/api/routes/admin.ts. */
export const limitSettings = z.strictObject(limitShape);

const limits = limitSettings.describe(
  'An absent limit does not apply. Limits that the provider announces in its responses are always obeyed.',
);

const timeouts = z.strictObject({
  connect_ms: milliseconds.default(5_000).describe('Time to establish the connection.'),
  first_byte_ms: milliseconds
    .optional()
    .describe(
      'Longest time from the call to the first event of a stream, or to the status of an unstreamed response. Absent: for streams 30000 if another deployment can be tried, else 90000; for unstreamed responses 300000 if another can be tried, else only total_ms applies.',
    ),
  idle_ms: milliseconds
    .optional()
    .describe(
      'Longest silence between two pieces of a response. Absent: for streams 30000 if another deployment can take over, else 90000; for unstreamed responses only total_ms applies.',
    ),
  total_ms: milliseconds.default(600_000).describe('Longest time for one call as a whole.'),
});

const retries = z.strictObject({
  max: z.number().int().min(0).max(20).default(2).describe('Retries per deployment, after its first attempt.'),
  base_ms: milliseconds.default(500).describe('Backoff before retry n: a random time up to base × 2^n.'),
  max_ms: milliseconds
    .default(20_000)
    .describe('Longest backoff. A longer retry-after from the provider is still obeyed.'),
});

const circuit = z
  .strictObject({
    failures: positive
      .default(5)
      .describe('Failures within the window that open the circuit, if they are at least half of its calls.'),
    window_ms: milliseconds.default(10_000).describe('The time over which failures are counted.'),
    cooldown_ms: milliseconds
      .default(5_000)
      .describe('How long the circuit stays open; doubles with each failed trial.'),
    max_cooldown_ms: milliseconds.default(15_000).describe('Upper bound of that time.'),
    refusal_cooldown_ms: milliseconds
      .default(60_000)
      .describe('How long the circuit stays open after a rejected key or an exhausted quota.'),
  })
  .describe('Circuit breaker: when a deployment is taken out of rotation, and for how long.');

const credential = z
  .strictObject({
    api_key: secretText.optional().describe('The secret itself, or an environment variable: ${NAME}.'),
    file: z
      .string()
      .min(1)
      .optional()
      .describe('A file that contains the secret (as mounted by Docker or Kubernetes); read again when it changes.'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('A program, with arguments, that prints the secret. It is run without a shell.'),
    refresh_ms: milliseconds
      .default(300_000)
      .describe('How long a printed secret is used before the command runs again.'),
    timeout_ms: milliseconds.max(60_000).default(10_000).describe('Longest run time of the command.'),
    weight: positive.default(1).describe('Share of the traffic relative to the provider’s other credentials.'),
    limits: limits.default({}),
  })
  .refine(({ api_key, file, command }) => [api_key, file, command].filter((one) => one !== undefined).length === 1, {
    error: 'set exactly one of api_key, file and command',
  });

const provider = z.strictObject({
  preset: z
    .string()
    .optional()
    .describe('Name of a built-in provider. Default: the name of this entry, if there is such a preset.'),
  protocols: z
    .array(z.enum(PROTOCOLS))
    .min(1)
    .optional()
    .describe('Protocols that the provider speaks. Translated requests use the first one.'),
  base_url: apiUrl
    .optional()
    .describe('With the version segment for OpenAI-style protocols (…/v1), without one for others.'),
  api_key: secretText.optional().describe('Sent in the header that the protocol defines. Absent: no key is sent.'),
  credentials: named(credential)
    .default({})
    .describe(
      'Several keys in place of api_key, by name. Each has its own limits, circuit breaker and weight; if one is refused or exhausted, the others stay in use.',
    ),
  headers: headers.default({}).describe('Headers sent with every call.'),
  send_traceparent: z
    .boolean()
    .default(false)
    .describe(
      'Sends the traceparent header if tracing is on. For providers that you run yourself and that record traces too.',
    ),
  credential_header: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be a header name in lower case')
    .optional()
    .describe('Header that carries the key, if it differs from the protocol’s (Azure: api-key).'),
  paths: z
    .partialRecord(z.enum(PROTOCOLS), z.string().regex(/^\//, 'must start with "/"'))
    .default({})
    .describe('Paths by protocol, if they differ from the protocol’s; {model} is replaced by the deployment’s model.'),
  prefill: z
    .enum(['plain', 'prefix', 'continue', 'never'])
    .optional()
    .describe(
      'How its models are asked to continue a partial answer after a broken stream: by a final assistant message (plain), by one marked as a prefix (prefix: Mistral, DeepSeek), or by vLLM’s flags (continue). Default: what is known about the model.',
    ),
  query: z
    .record(z.string(), z.string())
    .default({})
    .describe('Query parameters added to every call, such as api-version.'),
  limits: limits.default({}),
  learn_limits: z
    .boolean()
    .default(true)
    .describe('Learns limits that are not configured from the provider’s response headers.'),
  timeouts: timeouts.prefault({}),
  retries: retries.prefault({}),
  circuit: circuit.prefault({}),
  stream_usage: z.boolean().optional().describe('Set to false for providers that refuse stream_options.'),
  strict_messages: z
    .boolean()
    .optional()
    .describe(
      'Set to true for providers that refuse unknown members in messages (reasoning_content, annotations): such members of earlier answers are then left out. Default: true for Mistral, Groq and Cerebras.',
    ),
  price_id: z.string().optional().describe('The provider’s name in the price package (@pydantic/genai-prices).'),
  slots: positive
    .optional()
    .describe('Requests that one worker process handles at the same time. Default: workers.slots.'),
  usage_api: usageApi.optional().describe('Where `sluice reconcile` reads the provider’s usage and costs.'),
});

const deployment = z.strictObject({
  id: z.string().min(1).optional().describe('Default: provider/model.'),
  provider: name.describe('Name of an entry in providers.'),
  model: z.string().min(1).describe('The provider’s model id; "*" in a wildcard model.'),
  tier: positive.default(1).describe('Lower tiers are tried first.'),
  weight: positive.default(1).describe('Share of the traffic within a tier.'),
  limits: limits.default({}),
  first_token_ms: milliseconds
    .optional()
    .describe(
      'If a stream has no content within this time, the next deployment is tried, if there is one. Default: no such limit.',
    ),
  price: price.optional(),
  batch: z
    .enum(['native'])
    .optional()
    .describe('native: batch lines go through the provider’s own batch API. Absent: each line is an ordinary call.'),
  price_batch: price.optional().describe('Prices in the provider’s own batch API. Default: half of price.'),
});

const percent = z.number().min(0).max(100);

const hedge = z
  .strictObject({
    after_ms: z
      .number()
      .int()
      .positive()
      .optional()
      .describe(
        'How long to wait for the first deployment’s response to begin before a second one is called. Default: the moving p95 of its recent responses of the same kind (streamed or not).',
      ),
    at_least_ms: z.number().int().min(0).default(200).describe('Lower bound of that wait.'),
    max_share_percent: percent
      .default(5)
      .describe('Most second attempts, as a percentage of the model’s responses, over ten minutes and all workers.'),
    max_extra_cost_percent: percent
      .default(5)
      .describe(
        'Highest cost of losing attempts, as a percentage of the cost of the model’s responses in the same ten minutes.',
      ),
    only_on_request: z
      .boolean()
      .default(false)
      .describe('Hedge only requests with provider.hedge: true. Requests with false are never hedged.'),
  })
  .optional()
  .describe(
    'Hedged requests: if the first deployment is slow to begin, a second one is called too. The first to begin provides the response; the other call is cancelled, and its cost is recorded. Absent: off.',
  );

const model = z.strictObject({
  deployments: z.array(deployment).min(1),
  strategy: z
    .enum(STRATEGY_NAMES)
    .default('tiered')
    .describe(
      'Which deployment is tried first. tiered: lower tiers first, by weight within a tier; weighted: by weight, regardless of tier; lowest_price, least_busy, lowest_latency (time to first token), highest_throughput, most_quota_left: lower tiers first, by this criterion within a tier.',
    ),
  fallbacks: z.array(z.string().min(1)).default([]).describe('Models to try after every deployment of this one.'),
  on_content_filter: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Models to try when a provider’s content filter refuses the prompt. Default: the client gets the refusal.',
    ),
  on_context_length: z
    .array(z.string().min(1))
    .default([])
    .describe('Larger models to try when the prompt is too long for this one. Default: the client gets an error.'),
  prompt_cache: z
    .strictObject({
      by: z
        .enum(['conversation', 'prefix'])
        .default('conversation')
        .describe(
          'Sends related requests to the same deployment and credential, so that its prompt cache is used. They are the turns of a conversation, or all requests whose prompts begin with the same 4096 characters (tools and system prompt first).',
        ),
      wait_ms: z
        .number()
        .int()
        .min(0)
        .max(10_000)
        .default(1_000)
        .describe(
          'With by: prefix, how long later requests wait at most for the response to the first one to begin; 0: they do not wait.',
        ),
    })
    .prefault({}),
  wait_up_to_ms: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(2_000)
    .describe(
      'If a provider’s retry-after is at most this long, Sluice waits for it instead of trying the next deployment.',
    ),
  hedge,
  output_tokens: positive
    .default(1_000)
    .describe('Output tokens assumed for token limits and budgets if a request has no max_tokens.'),
});

const workers = z.strictObject({
  slots: positive
    .default(512)
    .describe('Interactive requests that one process handles at the same time, per provider.'),
  batch_slots: positive
    .default(512)
    .describe(
      'Most batch-lane requests at the same time, per process and provider; fewer while the event loop is busy.',
    ),
  max_answer_bytes: bodyBytes
    .default(64 * 1024 * 1024)
    .describe('Larger provider responses are cut off, and the attempt fails.'),
});

const storage = z.strictObject({
  finished_ms: keptMilliseconds
    .default(3_600_000)
    .describe('How long a finished stream, or a response that has not been fetched yet, stays in Redis.'),
  idempotency_ms: keptMilliseconds
    .default(86_400_000)
    .describe('How long an Idempotency-Key and its response are kept.'),
  store_responses: z
    .boolean()
    .default(true)
    .describe('Default of the store parameter of /v1/responses. true: responses are kept, as at OpenAI.'),
  responses_days: positive
    .max(3_650)
    .default(30)
    .describe('How long responses are kept. Conversations are kept until they are deleted.'),
});

export const configurationSchema = z.strictObject({
  server: server.prefault({}),
  redis: redis.prefault({}),
  database: z
    .strictObject({
      url: z
        .string()
        .min(1)
        .optional()
        .describe('postgres://… or sqlite:<path>. Absent: SQLite in the data directory.'),
    })
    .prefault({}),
  ledger: ledger.prefault({}),
  providers: named(provider)
    .default({})
    .refine((record) => !Object.hasOwn(record, 'auto'), {
      path: ['auto'],
      error: 'bad name: the header vendor means any provider by it',
    }),
  models: z
    .record(z.string().min(1), model)
    .default({})
    .superRefine((record, context) => {
      for (const key of Object.keys(record)) {
        const fault = faultOfName(key, MAX_MODEL_CHARS);
        if (fault !== null) context.addIssue({ code: 'custom', path: [key], message: `bad name: it must ${fault}` });
      }
    }),
  workers: workers.prefault({}),
  storage: storage.prefault({}),
  files: files.prefault({}),
  batches: batches.prefault({}),
  webhooks: webhooks.prefault({}),
  alerts: alerts.prefault({}),
  dead_letters: deadLetters.prefault({}),
  sign_in: signIn.prefault({}),
});

/** Validated, with every default filled in. */
export type Configuration = z.output<typeof configurationSchema>;
export type ConfigurationInput = z.input<typeof configurationSchema>;
export type ProviderSettings = Configuration['providers'][string];
export type CredentialSettings = ProviderSettings['credentials'][string];
export type ModelSettings = Configuration['models'][string];
