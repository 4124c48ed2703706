// Webhooks as deployed: registered by the admin API and the configuration, delivered by the worker process, replayed by
// API and command.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { processPath } from '#test/support/processes.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';
import { startWebhookReceiver, type WebhookReceiver } from '#test/support/webhook-receiver.ts';

const CONFIGURED_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let vendors: Providers;
let broker: TestBroker;
let configured: WebhookReceiver;
let receiver: WebhookReceiver;

beforeAll(async () => {
  [vendors, configured, receiver] = await Promise.all([
    startProviders(),
    startWebhookReceiver(),
    startWebhookReceiver(),
  ]);
  broker = await startBroker({
    configuration: {
      ...providerConfiguration(vendors),
      alerts: { check_ms: 100 },
      webhooks: {
        endpoints: [{ url: configured.url, secret: CONFIGURED_SECRET }],
        allowed_networks: ['127.0.0.0/8'],
        attempts: 2,
        first_retry_ms: 20,
      },
    },
  });
});
afterAll(async () => {
  await broker.stop();
  await Promise.all([vendors.close(), configured.close(), receiver.close()]);
});
afterEach(() => {
  configured.received.length = 0;
  receiver.received.length = 0;
});

async function admin(method: string, path: string, body?: object): Promise<{ status: number; value: Answer }> {
  const response = await fetch(`${broker.url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, value: (await response.json()) as Answer };
}

interface Answer extends Record<string, unknown> {
  id: string;
  secret: string;
  data: Record<string, unknown>[];
  error: { message: string; param: string };
}

async function emit(id: string, keyId: string): Promise<void> {
  await broker.database
    .insertInto('events_outbox')
    .values({
      id,
      type: 'batch.completed',
      key_id: keyId,
      subject_id: 'batch_1',
      created_at_ms: Date.now(),
      payload: JSON.stringify({ id: 'batch_1' }),
    })
    .execute();
}

test('a budget that fills up is reported once, signed, to its subscribers', async () => {
  const { value } = await admin('POST', '/webhooks', { url: receiver.url, events: ['budget.*'] });
  const { value: key } = await admin('POST', '/keys', { name: 'search', budgets: { day: 0.001 } });
  const ask = () =>
    fetch(`${broker.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key.key}` },
      body: JSON.stringify({
        model: 'solo',
        max_tokens: 10,
        messages: [{ role: 'user', content: '[[sim tokens=10]]' }],
      }),
    });
  while ((await ask()).status !== 402);
  const percents = () =>
    receiver.received.map(({ body }) => (JSON.parse(body) as { data: { percent: number } }).data.percent);
  await waitFor('80 %', () => percents().includes(80));
  const client = new OpenAI({ apiKey: 'none' });
  const [first] = receiver.received;
  expect(await client.webhooks.unwrap(first!.body, first!.headers as never, value.secret)).toMatchObject({
    type: 'budget.threshold_reached',
    data: { account: key.id, account_name: 'search', period: 'day', budget_usd: '0.001' },
  });
  const listed = (await admin('GET', '/alerts?type=budget.threshold_reached')).value.data;
  expect(listed.map(({ data }) => (data as { percent: number }).percent).reverse()).toEqual(
    [...new Set(percents())].sort(),
  );
  await admin('DELETE', `/webhooks/${value.id}`);
});

test('an endpoint of one key gets events of that key, the configured one of all keys; both can verify them', async () => {
  const { id: keyId } = await broker.createKey('batches');
  const { status, value } = await admin('POST', '/webhooks', { url: receiver.url, key_id: keyId });
  expect(status).toBe(201);
  await emit('evt_own', keyId);
  await emit('evt_other', 'key_other');
  await waitFor('three deliveries', () => receiver.received.length + configured.received.length === 3);
  const client = new OpenAI({ apiKey: 'none' });
  const read = async ({ received }: WebhookReceiver, secret: string) =>
    Promise.all(received.map(({ body, headers }) => client.webhooks.unwrap(body, headers as never, secret)));
  expect((await read(receiver, value.secret)).map(({ id }) => id)).toEqual(['evt_own']);
  expect((await read(configured, CONFIGURED_SECRET)).map(({ id }) => id).sort()).toEqual(['evt_other', 'evt_own']);

  const listed = (await admin('GET', '/webhooks')).value.data;
  expect(listed.map(({ origin, key_id: key }) => [origin, key])).toEqual([
    ['admin', keyId],
    ['config', null],
  ]);
  expect(JSON.stringify(listed)).not.toContain('whsec_');
  expect(broker.workers[0]!.log() + broker.apis[0]!.log()).not.toContain(value.secret.slice(6));
  expect((await admin('DELETE', `/webhooks/${value.id}`)).value).toEqual({ id: value.id, deleted: true });
  const kept = await admin('DELETE', `/webhooks/${String(listed[1]!.id)}`);
  expect([kept.status, kept.value.error.message]).toEqual([400, expect.stringContaining('configuration')]);
});

test('a failed delivery can be replayed, by the API and by the command, with the same webhook-id', async () => {
  configured.react(500, 503);
  await emit('evt_replayed', 'key_1');
  const failed = await waitFor('it to fail', async () => {
    const { data } = (await admin('GET', '/webhooks/deliveries?state=failed')).value;
    return data.find(({ event_id: id }) => id === 'evt_replayed');
  });
  expect(failed).toMatchObject({ attempts: 2, last_status: 503, last_error: 'status 503', next_attempt_at: null });
  const { status, value } = await admin('POST', `/webhooks/deliveries/${String(failed.id)}/replay`);
  expect([status, value.state]).toEqual([200, 'pending']);
  await waitFor('the replay', () => configured.received.length === 3);
  await sluice('webhooks', 'replay', String(failed.id));
  await waitFor('the second replay', () => configured.received.length === 4);
  expect(new Set(configured.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['evt_replayed']));
  const { data } = (await admin('GET', '/webhooks/deliveries?limit=1')).value;
  expect(data).toHaveLength(1);
});

test('the command registers, lists and removes receivers', async () => {
  const added = JSON.parse(
    await sluice('webhooks', 'add', receiver.url, '--event', 'batch.failed', '--json'),
  ) as Answer;
  expect(await sluice('webhooks', 'list')).toMatch(new RegExp(`${added.id} .*batch.failed.*receives`));
  expect(await sluice('webhooks', 'remove', added.id)).toContain('has been removed');
  await expect(sluice('webhooks', 'remove', added.id)).rejects.toThrow(`there is no receiver '${added.id}'`);
});

test.each<[string, object, string, string]>([
  ['a private address', { url: 'http://169.254.169.254/latest' }, 'url', 'not a public address'],
  ['a URL that is none', { url: 'nonsense' }, 'url', 'Invalid URL'],
  ['an event type that is none', { url: 'https://example.com', events: ['Batch Completed'] }, 'events.0', 'event type'],
  ['a weak secret', { url: 'https://example.com', secret: 'whsec_c2hvcnQ=' }, 'secret', 'openssl rand'],
  ['a key that is none', { url: 'https://example.com', key_id: 'key_none' }, 'key_id', 'no key'],
])('%s is refused with the field', async (_what, body, param, message) => {
  const { status, value } = await admin('POST', '/webhooks', body);
  expect([status, value.error.param]).toEqual([400, param]);
  expect(value.error.message).toContain(message);
});

test('a missing receiver or delivery is an error', async () => {
  expect((await admin('POST', '/webhooks/deliveries/whd_none/replay')).status).toBe(404);
  expect((await admin('POST', '/webhooks/we_none/enable')).status).toBe(404);
  expect((await admin('DELETE', '/webhooks/we_none')).status).toBe(404);
});

async function sluice(...args: string[]): Promise<string> {
  const environment = { PATH: process.env.PATH, SLUICE_DATABASE_URL: broker.databaseUrl };
  const { stdout } = await promisify(execFile)(process.execPath, [processPath('src/cli.ts'), ...args], {
    env: environment,
  });
  return stdout;
}
