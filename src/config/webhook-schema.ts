// Settings of webhooks, a part of schema.ts.
import { isIP } from 'node:net';
import { z } from 'zod';
import { milliseconds, positive } from './value-schema.ts';

/** After decoding, as in the Standard Webhooks specification. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

/**
 * `whsec_` and base64 of 24 to 64 bytes. Without the prefix, OpenAI's SDKs use the text itself as the key, and others
 * decode it as base64 (npm openai 7.55.0, standardwebhooks 1.1.1): such a secret would verify here and fail there.
 */
export const webhookSecret = z.string().refine(
  (text) => {
    const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text);
    const bytes = match === null ? 0 : Buffer.from(match[1]!, 'base64').length;
    return bytes >= MIN_SECRET_BYTES && bytes <= MAX_SECRET_BYTES;
  },
  { message: 'must be whsec_ and the base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)' },
);

export const webhookUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .refine((text) => hasNoUserInfo(text), { message: 'must not contain a user name or a password' });

/** `batch.completed`, `batch.*`, `*`. */
export const webhookEvents = z
  .array(
    z
      .string()
      .regex(/^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$/, 'must be an event type such as batch.completed, or batch.*, or *'),
  )
  .min(1);

export const DEFAULT_WEBHOOK_EVENTS: readonly string[] = ['batch.*'];

const network = z.string().refine(isNetwork, { message: 'must be a network such as 10.1.0.0/16, or an address' });

export const webhooks = z.strictObject({
  endpoints: z
    .array(
      z.strictObject({
        url: webhookUrl.describe('Where events are posted.'),
        secret: webhookSecret.describe('Key for signatures: whsec_ and the base64 of 24 to 64 bytes.'),
        events: webhookEvents
          .default([...DEFAULT_WEBHOOK_EVENTS])
          .describe('Event types; a * at the end matches everything after it.'),
        key: z
          .string()
          .min(1)
          .optional()
          .describe('Id of a client key: only its events are sent. Absent: events of all keys.'),
      }),
    )
    .default([])
    .describe('Receivers. More can be registered with /admin/webhooks.'),
  allowed_networks: z
    .array(network)
    .default([])
    .describe('Private networks or addresses that events may be sent to, such as 10.1.0.0/16.'),
  allow_http: z
    .boolean()
    .default(false)
    .describe('Allows receivers without TLS; the events can then be read on the network.'),
  allowed_ports: z
    .array(z.number().int().min(1).max(65_535))
    .default([])
    .describe(
      'Allowed ports of receivers in addition to 443. Addresses in allowed_networks may use any port, and need no TLS.',
    ),
  timeout_ms: positive.max(120_000).default(15_000).describe('Longest time for one delivery attempt.'),
  attempts: positive
    .max(50)
    .default(11)
    .describe('Attempts before a delivery counts as failed; it can be replayed manually.'),
  first_retry_ms: milliseconds
    .default(5_000)
    .describe(
      'Wait after the first failure; it triples each time, up to ten hours. With the defaults, attempts span a day.',
    ),
  concurrency: positive.max(1_000).default(32).describe('Deliveries in flight per process; at most four per receiver.'),
  keep_days: positive.max(3_650).default(30).describe('How long finished deliveries and their events are kept.'),
});

export type WebhookSettings = z.output<typeof webhooks>;

/** For `createAddressGuard`. */
export function addressRulesOf({ allowed_networks, allow_http, allowed_ports }: WebhookSettings) {
  return { networks: allowed_networks, isPlainAllowed: allow_http, ports: allowed_ports };
}

function hasNoUserInfo(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.username === '' && url.password === '');
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
