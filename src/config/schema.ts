// The configuration file as its author writes it. Only what has no sensible default is required; every default is
// here. `docs/configuration.md` and the JSON Schema for editors (sluice.schema.json) are generated from it.
import { z } from 'zod';
import { LIMIT_KINDS, type LimitKind } from '../contracts/limit-kinds.ts';
import { STRATEGY_NAMES } from '../contracts/route-plan.ts';
import { alerts } from './alert-schema.ts';
import { batches, files } from './batch-schema.ts';
import { hedge } from './hedge-schema.ts';
import { price, usageApi } from './price-schema.ts';
import { deadLetters, ledger, name, redis, server } from './server-schema.ts';
import { signIn } from './sign-in-schema.ts';
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

const milliseconds = z.number().int().positive();
const positive = z.number().int().positive();

const limitShape = Object.fromEntries(
  LIMIT_KINDS.map(({ setting, description }) => [setting, positive.optional().describe(description)]),
) as Record<LimitKind['setting'], z.ZodOptional<z.ZodNumber>>;

/** Limits of a provider or a deployment; those of a key are in src/api/routes/admin.ts. */
export const limitSettings = z.strictObject(limitShape);

const limits = limitSettings.describe(
  'A limit that is absent does not apply; what the provider says in its answers is obeyed either way.',
);

const timeouts = z.strictObject({
  connect_ms: milliseconds.default(5_000).describe('Until the connection is established.'),
  first_byte_ms: milliseconds
    .optional()
    .describe(
      'Longest time from the call to the first event of a stream, or to the status of an unstreamed answer. Absent: for streams 30000 while another deployment can be asked, else 90000; for unstreamed answers 300000 while another can be asked, else no limit of its own.',
    ),
  idle_ms: milliseconds
    .optional()
    .describe(
      'Longest silence between two pieces of an answer. Absent: for streams 30000 while another deployment can take over, else 90000; for unstreamed answers no limit of its own.',
    ),
  total_ms: milliseconds.default(600_000).describe('Longest time for one call as a whole.'),
});

const retries = z.strictObject({
  max: z.number().int().min(0).max(20).default(2).describe('Retries of one deployment, after its first attempt.'),
  base_ms: milliseconds.default(500).describe('Backoff: a random time up to base × 2^n.'),
  max_ms: milliseconds.default(20_000).describe('Longest backoff; a provider’s own retry-after is obeyed in full.'),
});

const circuit = z
  .strictObject({
    failures: positive
      .default(5)
      .describe('Failures within the window that open the circuit, if they are at least half of its calls.'),
    window_ms: milliseconds.default(10_000).describe('The time over which failures are counted.'),
    cooldown_ms: milliseconds
      .default(5_000)
      .describe('How long it stays out of rotation; doubles with each failed trial.'),
    max_cooldown_ms: milliseconds.default(15_000).describe('Longest time out of rotation.'),
    refusal_cooldown_ms: milliseconds.default(60_000).describe('After a rejected key or an exhausted quota.'),
  })
  .describe('When a deployment is taken out of rotation.');

const credential = z
  .strictObject({
    api_key: z.string().min(1).optional().describe('The secret itself, or a variable: ${NAME}.'),
    file: z
      .string()
      .min(1)
      .optional()
      .describe('A file that contains it (a secret of Docker or Kubernetes); read again when it changes.'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('A program and its arguments that print it; no shell is involved.'),
    refresh_ms: milliseconds
      .default(300_000)
      .describe('How long the printed secret is used before the command runs again.'),
    timeout_ms: milliseconds.max(60_000).default(10_000).describe('How long the command may run.'),
    weight: positive.default(1).describe('Share of the traffic beside the provider’s other credentials.'),
    limits: limits.default({}),
  })
  .refine(({ api_key, file, command }) => [api_key, file, command].filter((one) => one !== undefined).length === 1, {
    error: 'give one of api_key, file and command',
  });

const provider = z.strictObject({
  preset: z
    .string()
    .optional()
    .describe('Name of a built-in provider; default: the provider’s own name, if it is one.'),
  protocols: z.array(z.enum(PROTOCOLS)).min(1).optional().describe('The first is used when a request is translated.'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('With the version segment for OpenAI-style protocols (…/v1), without one for others.'),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe('Sent in the header that the protocol asks for. Absent: no key is sent.'),
  credentials: named(credential)
    .default({})
    .describe(
      'Several keys in place of api_key, by name: each has limits, a circuit and a share of its own; one that is refused or exhausted leaves the rotation alone.',
    ),
  headers: z.record(z.string(), z.string()).default({}).describe('Sent with every call.'),
  send_traceparent: z
    .boolean()
    .default(false)
    .describe(
      'Calls carry the traceparent of their span where traces are on: for providers that you run yourself and that trace, too.',
    ),
  credential_header: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be a header name in lower case')
    .optional()
    .describe('Header that carries the key, where it is not the protocol’s own (Azure: api-key).'),
  paths: z
    .partialRecord(z.enum(PROTOCOLS), z.string().regex(/^\//, 'must start with "/"'))
    .default({})
    .describe('Paths by protocol, where they are not the protocol’s own; {model} becomes the deployment’s model.'),
  prefill: z
    .enum(['plain', 'prefix', 'continue', 'never'])
    .optional()
    .describe(
      'How its models continue a text that they began, for streams that broke off: a closing assistant message (plain), one marked so (prefix: Mistral, DeepSeek), vLLM’s flags (continue). Default: what is known of the model.',
    ),
  query: z.record(z.string(), z.string()).default({}).describe('Added to every call: api-version and the like.'),
  limits: limits.default({}),
  learn_limits: z
    .boolean()
    .default(true)
    .describe('Limits that are not configured are learned from what the provider announces in its answers.'),
  timeouts: timeouts.prefault({}),
  retries: retries.prefault({}),
  circuit: circuit.prefault({}),
  stream_usage: z.boolean().optional().describe('False for providers that refuse stream_options.'),
  strict_messages: z
    .boolean()
    .optional()
    .describe(
      'True for providers that refuse members of messages that they do not know (reasoning_content, annotations): such members of earlier answers are left out. Default: true for Mistral, Groq and Cerebras.',
    ),
  price_id: z.string().optional().describe('The provider’s name in the price package.'),
  slots: positive.optional().describe('Requests one worker process works on at once; default: workers.slots.'),
  usage_api: usageApi.optional().describe('Where `sluice reconcile` reads what the provider has billed.'),
});

const deployment = z.strictObject({
  id: z.string().min(1).optional().describe('Default: provider/model.'),
  provider: name.describe('Name of a provider above.'),
  model: z.string().min(1).describe('The provider’s own model id; "*" under a wildcard model.'),
  tier: positive.default(1).describe('Lower tiers are tried first.'),
  weight: positive.default(1).describe('Share of the traffic within a tier.'),
  limits: limits.default({}),
  first_token_ms: milliseconds
    .optional()
    .describe(
      'A stream that shows nothing of its answer within this goes to the next deployment, where there is one. Default: no such limit.',
    ),
  price: price.optional(),
  batch: z
    .enum(['native'])
    .optional()
    .describe('native: lines of batches go through the provider’s own batch API. Absent: as ordinary calls.'),
  price_batch: price.optional().describe('What the provider’s own batches cost. Default: half the price.'),
});

const model = z.strictObject({
  deployments: z.array(deployment).min(1),
  strategy: z
    .enum(STRATEGY_NAMES)
    .default('tiered')
    .describe(
      'Which deployment is asked first. tiered: lower tiers first, by weight within one; weighted: by weight over all tiers; lowest_price, least_busy, lowest_latency (time to first token), highest_throughput, most_quota_left: within each tier.',
    ),
  fallbacks: z.array(z.string().min(1)).default([]).describe('Other models, after every deployment of this one.'),
  on_content_filter: z
    .array(z.string().min(1))
    .default([])
    .describe('Models to ask when a provider’s filter refuses the prompt. Default: the refusal is the answer.'),
  on_context_length: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Larger models to ask when the prompt is too long for this one. Default: the client is told that it is too long.',
    ),
  prompt_cache: z
    .strictObject({
      by: z
        .enum(['conversation', 'prefix'])
        .default('conversation')
        .describe(
          'Which requests go to the same deployment and credential, so that they find its prompt cache: the turns of a conversation, or all requests whose prompts begin with the same 4096 characters (tools and system prompt first).',
        ),
      wait_ms: z
        .number()
        .int()
        .min(0)
        .max(10_000)
        .default(1_000)
        .describe('by: prefix: followers wait so long at most for the first answer to begin; 0 does not wait.'),
    })
    .prefault({}),
  wait_up_to_ms: z
    .number()
    .int()
    .min(0)
    .default(2_000)
    .describe(
      'A provider whose retry-after is no longer than this is waited for, before the next deployment is asked.',
    ),
  hedge,
  output_tokens: positive
    .default(1_000)
    .describe('Output tokens assumed for the token limit where a request does not say max_tokens.'),
});

const workers = z.strictObject({
  slots: positive.default(512).describe('Interactive requests that one process works on at once, per provider.'),
  batch_slots: positive
    .default(512)
    .describe(
      'The most that the batch lane works on at once per process and provider; fewer while the event loop is busy.',
    ),
  max_answer_bytes: positive.default(64 * 1024 * 1024).describe('Larger answers of a provider are cut off and fail.'),
});

const storage = z.strictObject({
  finished_ms: milliseconds
    .default(3_600_000)
    .describe('How long a finished stream, or an answer that has not been fetched yet, stays readable in Redis.'),
  idempotency_ms: milliseconds
    .default(86_400_000)
    .describe('How long an Idempotency-Key is remembered, and its answer kept.'),
  store_responses: z
    .boolean()
    .default(true)
    .describe('The default of store for requests to /v1/responses. true: they are kept, as at OpenAI.'),
  responses_days: positive.max(3_650).default(30).describe('How long responses are kept. Conversations stay.'),
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
  providers: named(provider).default({}),
  models: z.record(z.string().min(1), model).default({}),
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
