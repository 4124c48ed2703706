import { describe, expect, test } from 'vitest';
import { webhookSecret, webhooks } from '#src/config/webhook-schema.ts';
import { createWebhookSecret, type WebhookEndpoint, wantsEvent } from '#src/webhooks/endpoint-store.ts';

const endpoint = (change: Partial<WebhookEndpoint>): WebhookEndpoint => ({
  id: 'we_1',
  origin: 'admin',
  keyId: null,
  url: 'https://example.com',
  events: ['batch.*'],
  createdAtMs: 0,
  disabledAtMs: null,
  disabledReason: null,
  ...change,
});
const COMPLETED = { type: 'batch.completed', keyId: 'key_1' };

test.each<[string, Partial<WebhookEndpoint>, boolean]>([
  ['a pattern takes what begins like it', {}, true],
  ['a type takes itself', { events: ['batch.completed'] }, true],
  ['a type takes no other', { events: ['batch.failed'] }, false],
  ['a star takes all', { events: ['*'] }, true],
  ['another family is not taken', { events: ['response.*'] }, false],
  ['its own key', { keyId: 'key_1' }, true],
  ['another key', { keyId: 'key_2' }, false],
])('%s', (_what, change, wanted) => {
  expect(wantsEvent(endpoint(change), COMPLETED)).toBe(wanted);
});

describe('secrets', () => {
  test('a generated secret is accepted', () => {
    expect(webhookSecret.safeParse(createWebhookSecret()).success).toBe(true);
  });

  test.each(['secret', 'whsec_', 'whsec_dG9vIHNob3J0', `whsec_${Buffer.alloc(65).toString('base64')}`, 'whsec_a b'])(
    '%s is refused, with how to create one',
    (secret) => {
      expect(webhookSecret.safeParse(secret).error?.issues[0]?.message).toContain('openssl rand');
    },
  );
});

test.each([
  ['https://user:pass@example.com', ['*'], []],
  ['ftp://example.com', ['*'], []],
  ['https://example.com', ['batch.*.x'], []],
  ['https://example.com', [], []],
  ['https://example.com', ['*'], ['10.0.0.0/33']],
  ['https://example.com', ['*'], ['example.com']],
])('a configuration with %s, %j, %j is refused', (url, events, networks) => {
  const secret = createWebhookSecret();
  expect(webhooks.safeParse({ endpoints: [{ url, events, secret }], allowed_networks: networks }).success).toBe(false);
});
