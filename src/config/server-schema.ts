// Settings of the server, Redis and dead letters, a part of schema.ts.
import { z } from 'zod';
import { isAddressRange } from './address-ranges.ts';
import { websockets } from './agent-schema.ts';
import { bodyBytes, milliseconds, positive } from './value-schema.ts';

/** Also part of Redis keys, queue names, metrics and the `vendor:` header. */
export const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be lower-case letters, digits, "-" and "_", and start with a letter or digit',
  );

const addressRange = z.string().refine(isAddressRange, 'must be an IP address or a range such as 10.0.0.0/8');

export const redis = z
  .strictObject({
    url: z
      .url({ protocol: /^(rediss?|unix)$/ })
      .optional()
      .describe(
        'redis:// or rediss://, with password and database number; or unix:///path/redis.sock?password=…&db=0, which is faster on one machine. Absent: `sluice start` runs one.',
      ),
    cluster: z
      .array(z.url({ protocol: /^rediss?$/ }))
      .min(1)
      .optional()
      .describe('Some nodes of a Redis Cluster; the others are discovered.'),
    sentinel: z
      .strictObject({
        urls: z.array(z.url()).min(1).describe('Addresses of the sentinels.'),
        name: z.string().min(1).describe('Name of the primary in the sentinels’ configuration.'),
      })
      .optional(),
    namespace: name
      .default('sluice')
      .describe('Prefix of every key, so that several installations can share one Redis.'),
    reply_shards: positive
      .max(32)
      .optional()
      .describe('Hash slots that requests are spread over. Default: 1, or 16 on a cluster.'),
  })
  .refine((value) => [value.url, value.cluster, value.sentinel].filter((form) => form !== undefined).length <= 1, {
    message: 'set exactly one of url, cluster and sentinel',
  });

export const server = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all interfaces.'),
  port: z.number().int().min(0).max(65_535).default(8080).describe('0: any free port.'),
  body_limit_bytes: bodyBytes.default(32 * 1024 * 1024).describe('Larger request bodies get 413.'),
  body_ms: milliseconds
    .default(60_000)
    .describe(
      'A request body must arrive within this time. File uploads may take longer, as long as bytes keep arriving.',
    ),
  upload_pace_ms: milliseconds
    .default(30_000)
    .describe('An upload that is slower than 1 KiB a second for this long is cut off.'),
  connections_per_address: positive
    .default(4_096)
    .describe('Open connections per client address; further ones are closed.'),
  trusted_proxies: z
    .array(addressRange)
    .default([])
    .describe(
      'Addresses or ranges (10.0.0.0/8) whose X-Forwarded-For is trusted. Their own connections are not counted.',
    ),
  wrong_keys_per_minute: positive
    .default(120)
    .describe(
      'Wrong keys per minute and address. Above that, only keys that this process already knows are accepted from the address for the rest of the minute.',
    ),
  waiting_bytes_per_key: positive
    .default(256 * 1024 * 1024)
    .describe('Bytes of request bodies that one key may have in Redis at the same time; above that, requests get 429.'),
  waiting_bytes: positive
    .default(1024 * 1024 * 1024)
    .describe('The same for all keys together; above that, requests get 503.'),
  cors: z
    .union([
      z.literal(false),
      z.strictObject({
        origins: z
          .union([z.literal('*'), z.array(z.string().min(1))])
          .default('*')
          .describe('Allowed origins, such as [https://app.example]; * for any.'),
        max_age_seconds: positive.default(600).describe('How long a browser may cache a preflight response.'),
      }),
    ])
    .prefault({})
    .describe(
      'CORS: which web pages of other origins may call the API from a browser; false: none. Every call still needs a key in a header; cookies are not accepted.',
    ),
  deadline_ms: milliseconds.default(600_000).describe('Deadline of a request without x-sluice-deadline-ms.'),
  keep_alive_ms: milliseconds.default(15_000).describe('Interval of keep-alives in idle streams; SDKs ignore them.'),
  resume_grace_ms: milliseconds
    .default(30_000)
    .describe('How long a request with an Idempotency-Key keeps running without a client, so that it can be resumed.'),
  hold_back_tokens: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'Tokens to buffer at the start of a stream. If the provider fails before the client has received any, the next one starts over unnoticed.',
    ),
  stream_ids: z
    .boolean()
    .default(true)
    .describe('Adds an id to every streamed event, so that clients can resume after it.'),
  public_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Public base URL of this listener, for links in responses (results_url). Absent: links are relative.'),
  admin: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
      port: z.number().int().min(0).max(65_535).default(8081).describe('0: any free port.'),
    })
    .optional()
    .describe(
      'Separate listener for /admin, /metrics, /openapi.json and probes. Absent: the clients’ port if that is on loopback, else 127.0.0.1:8081.',
    ),
  shutdown_grace_ms: milliseconds.default(25_000).describe('How long running streams may continue after SIGTERM.'),
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
      .describe('How the bodies of failed requests are stored. Default: encrypted if there is a key, else none.'),
    key: sealingKey
      .optional()
      .describe('Base64 of 32 random bytes (openssl rand -base64 32); the same for every process.'),
    earlier_keys: z
      .array(sealingKey)
      .default([])
      .describe('Former keys, for reading bodies that were encrypted with them.'),
    keep_days: z.number().int().positive().max(3_650).default(30).describe('How long failed requests are kept.'),
  })
  .refine(({ bodies, key }) => bodies !== 'encrypted' || key !== undefined, {
    message: 'missing: bodies: encrypted needs a key',
    path: ['key'],
  })
  .describe('Requests that failed permanently are kept for inspection and replay.');

const keptDays = z.number().int().max(36_500);

export const ledger = z
  .strictObject({
    keep_requests_days: keptDays
      .min(7)
      .optional()
      .describe(
        'How long requests and their attempts are kept. On PostgreSQL, whole months are dropped. Default: forever.',
      ),
    keep_timelines_days: keptDays
      .min(1)
      .optional()
      .describe(
        'How long the timeline of a request is kept: its waits and each of its attempts. Default: as long as the request.',
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
