// Settings of the server, Redis and dead letters, a part of schema.ts.
import { z } from 'zod';
import { isAddressRange } from './address-ranges.ts';
import { websockets } from './agent-schema.ts';

/** Also part of Redis keys, queue names, metrics and the `vendor:` header. */
export const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be lower-case letters, digits, "-" and "_", and start with a letter or digit',
  );

const addressRange = z.string().refine(isAddressRange, 'must be an IP address or a range, as 10.0.0.0/8');
const milliseconds = z.number().int().positive();
const positive = z.number().int().positive();

export const redis = z
  .strictObject({
    url: z
      .url({ protocol: /^(rediss?|unix)$/ })
      .optional()
      .describe(
        'redis:// or rediss://, with password and database number; or unix:///path/redis.sock?password=…&db=0, which costs less on one machine. Absent: embedded by `sluice start`.',
      ),
    cluster: z
      .array(z.url({ protocol: /^rediss?$/ }))
      .min(1)
      .optional()
      .describe('Some nodes of a Redis Cluster; the others are found through them.'),
    sentinel: z
      .strictObject({
        urls: z.array(z.url()).min(1).describe('The sentinels.'),
        name: z.string().min(1).describe('The sentinels’ name for the primary.'),
      })
      .optional(),
    namespace: name.default('sluice').describe('Prefix of every key: several brokers can share one Redis.'),
    reply_shards: positive
      .max(32)
      .optional()
      .describe('Hash slots that requests spread over. Default: 1, or 16 on a cluster.'),
  })
  .refine((value) => [value.url, value.cluster, value.sentinel].filter((form) => form !== undefined).length <= 1, {
    message: 'give one of url, cluster and sentinel',
  });

export const server = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all.'),
  port: z.number().int().min(0).max(65_535).default(8080).describe('0 takes any free port.'),
  body_limit_bytes: positive.default(32 * 1024 * 1024).describe('Larger request bodies are answered with 413.'),
  body_ms: milliseconds
    .default(60_000)
    .describe(
      'A request body must have arrived within this. Uploads of files may take longer, as long as bytes keep coming.',
    ),
  upload_pace_ms: milliseconds
    .default(30_000)
    .describe('An upload that is slower than 1 KiB a second for this long is cut off.'),
  connections_per_address: positive
    .default(4_096)
    .describe('Connections of one address at once; further ones are closed.'),
  trusted_proxies: z
    .array(addressRange)
    .default([])
    .describe(
      'Addresses, or ranges as 10.0.0.0/8, whose X-Forwarded-For names the client; their own connections are not counted.',
    ),
  wrong_keys_per_minute: positive
    .default(120)
    .describe(
      'Of one address; then only keys that are in memory already are accepted from it for the rest of the minute.',
    ),
  waiting_bytes_per_key: positive
    .default(256 * 1024 * 1024)
    .describe(
      'Bytes of request bodies that one key may have in Redis at once; above that, requests are refused with 429.',
    ),
  waiting_bytes: positive
    .default(1024 * 1024 * 1024)
    .describe('The same for all keys together; above that, requests are refused with 503.'),
  cors: z
    .union([
      z.literal(false),
      z.strictObject({
        origins: z
          .union([z.literal('*'), z.array(z.string().min(1))])
          .default('*')
          .describe('Origins of those pages, such as [https://app.example]; * for any.'),
        max_age_seconds: positive.default(600).describe('How long a browser remembers a preflight.'),
      }),
    ])
    .prefault({})
    .describe(
      'Which pages of other origins may call this address from a browser; false: none. Every call needs its key in a header either way, and cookies are not allowed.',
    ),
  deadline_ms: milliseconds.default(600_000).describe('Deadline of a request without x-sluice-deadline-ms.'),
  keep_alive_ms: milliseconds
    .default(15_000)
    .describe('A stream that has been idle for this long is sent a keep-alive, in bytes that SDKs ignore.'),
  resume_grace_ms: milliseconds
    .default(30_000)
    .describe(
      'A request with an Idempotency-Key keeps running for this long without a client, so that one can resume it.',
    ),
  hold_back_tokens: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'Tokens of a stream that are held back until there are more: a provider that fails before that is replaced unnoticed.',
    ),
  stream_ids: z.boolean().default(true).describe('Every streamed event carries an id, so that it can be resumed.'),
  public_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('How clients reach this address, for links in answers (results_url). Absent: links are relative.'),
  admin: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
      port: z.number().int().min(0).max(65_535).default(8081).describe('0 takes any free port.'),
    })
    .optional()
    .describe(
      'A listener of its own for /admin, /metrics, /openapi.json and probes. Absent: on the clients’ port while that is on loopback, else 127.0.0.1:8081.',
    ),
  shutdown_grace_ms: milliseconds.default(25_000).describe('How long running streams may go on after SIGTERM.'),
  websockets,
});

const KEY_BYTES = 32;

const sealingKey = z.string().refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES, {
  message: `must be the base64 of ${KEY_BYTES} random bytes: openssl rand -base64 ${KEY_BYTES}`,
});

export const deadLetters = z
  .strictObject({
    bodies: z
      .enum(['none', 'encrypted', 'plain'])
      .optional()
      .describe('How the bodies of failed requests are kept. Default: encrypted where there is a key, else none.'),
    key: sealingKey
      .optional()
      .describe('Base64 of 32 random bytes (openssl rand -base64 32); the same for every process.'),
    earlier_keys: z.array(sealingKey).default([]).describe('Former keys: they open what they have sealed.'),
    keep_days: z.number().int().positive().max(3_650).default(30).describe('How long failed requests are kept.'),
  })
  .refine(({ bodies, key }) => bodies !== 'encrypted' || key !== undefined, {
    message: 'missing: bodies that are encrypted need a key',
    path: ['key'],
  })
  .describe('Requests that failed for good are kept for inspection and replay.');

const keptDays = z.number().int().max(36_500);

export const ledger = z
  .strictObject({
    keep_requests_days: keptDays
      .min(7)
      .optional()
      .describe(
        'How long requests and their attempts are kept. On PostgreSQL whole months are dropped. Default: forever.',
      ),
    keep_timelines_days: keptDays
      .min(1)
      .optional()
      .describe(
        'How long the details of a request are kept: its waits and each of its attempts. Default: as long as the request.',
      ),
    keep_hours_days: keptDays
      .min(7)
      .optional()
      .describe(
        'How long reports by hour, batch, session and tag are kept. Default: forever. Reports by day are always kept.',
      ),
  })
  .describe(
    'How long the ledger keeps its rows. A request with an unsettled attempt stays until the attempt is settled.',
  );

export type LedgerSettings = z.output<typeof ledger>;
export type DeadLetterSettings = z.output<typeof deadLetters>;
