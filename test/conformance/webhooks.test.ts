// One suite for both SQL engines: committed events reach their receivers at least once, others never.
import OpenAI from 'openai';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type WebhookSettings, webhooks } from '#src/config/webhook-schema.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createWebhookMetrics } from '#src/telemetry/metrics.ts';
import { createDeliveryStore } from '#src/webhooks/delivery-store.ts';
import { createEndpointStore } from '#src/webhooks/endpoint-store.ts';
import { createSecretBox } from '#src/webhooks/secret-box.ts';
import { startWebhooks } from '#src/webhooks/start-webhooks.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';
import { waitFor } from '#test/support/wait.ts';
import { startWebhookReceiver, type WebhookReceiver } from '#test/support/webhook-receiver.ts';

const ENGINES = await startSqlEngines();
const SETTINGS = webhooks.parse({ allowed_networks: ['127.0.0.0/8'], first_retry_ms: 20, timeout_ms: 300 });
const POLL_MS = 20;

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let receiver: WebhookReceiver;
  let log: string[];
  const stops: (() => Promise<void>)[] = [];
  const box = createSecretBox('test key');
  const endpoints = () => createEndpointStore(database, box);
  const deliveries = () => createDeliveryStore(database);

  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    for (const table of ['events_outbox', 'webhook_deliveries', 'webhook_endpoints'] as const) {
      await database.deleteFrom(table).execute();
    }
    receiver = await startWebhookReceiver();
    log = [];
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await receiver.close();
  });

  /** A process that delivers webhooks, with its own connection, as in production. */
  async function startProcess(owner = 'worker_1', change: Partial<WebhookSettings> = {}): Promise<void> {
    const own = await openDatabase(url, () => undefined);
    const running = await startWebhooks({
      owner,
      database: own,
      settings: { ...SETTINGS, ...change },
      secretsKey: 'test key',
      logger: pino({ level: 'info' }, { write: (line: string) => void log.push(line) }),
      metrics: createWebhookMetrics(new Registry()),
      pollMs: POLL_MS,
    });
    stops.push(async () => {
      await running.stop();
      await own.destroy();
    });
  }

  const eventRow = (id: string, change: Partial<{ type: string; key_id: string }> = {}) => ({
    id,
    type: 'batch.completed',
    key_id: 'key_1',
    subject_id: 'batch_1',
    created_at_ms: 1_795_000_000_123,
    payload: JSON.stringify({ id: 'batch_1' }),
    ...change,
  });
  const emit = (...args: Parameters<typeof eventRow>) =>
    database
      .insertInto('events_outbox')
      .values(eventRow(...args))
      .execute();
  const register = (change: { keyId?: string; events?: string[]; url?: string } = {}) =>
    endpoints().create({ url: receiver.url, events: ['batch.*'], keyId: null, ...change });
  const only = async () => {
    const found = await deliveries().list({ limit: 10 });
    expect(found).toHaveLength(1);
    return found[0]!;
  };
  const finished = () =>
    waitFor('the delivery to finish', async () => {
      const [delivery] = await deliveries().list({ limit: 1 });
      return delivery !== undefined && delivery.state !== 'pending' ? delivery : null;
    });

  test('a receiver that fails, hangs, then accepts gets one event, signed again each time', async () => {
    const { secret } = await register();
    receiver.react(500, 'hang');
    await emit('evt_1');
    await startProcess();
    expect(await finished()).toMatchObject({ state: 'delivered', attempts: 3, lastStatus: 200, lastError: null });
    expect(receiver.received).toHaveLength(3);
    const client = new OpenAI({ apiKey: 'none', webhookSecret: secret });
    for (const { body, headers } of receiver.received) {
      expect(headers['webhook-id']).toBe('evt_1');
      expect(await client.webhooks.unwrap(body, headers as Record<string, string>)).toEqual({
        id: 'evt_1',
        object: 'event',
        created_at: 1_795_000_000,
        type: 'batch.completed',
        data: { id: 'batch_1' },
      });
    }
    const [{ body, headers } = { body: '', headers: {} }] = receiver.received;
    const forged = client.webhooks.unwrap(body.replace('batch_1', 'batch_2'), headers as Record<string, string>);
    await expect(forged).rejects.toThrow('signature');
    expect(log.join('')).not.toContain(secret.slice(6));
  });

  test('an event of a transaction that is rolled back or still open is not sent', async () => {
    await register();
    await startProcess();
    const other = await openDatabase(url, () => undefined);
    const rolledBack = other.transaction().execute(async (transaction) => {
      await transaction.insertInto('events_outbox').values(eventRow('evt_never')).execute();
      throw new Error('changed its mind');
    });
    await expect(rolledBack).rejects.toThrow('changed its mind');
    await other.transaction().execute(async (transaction) => {
      await transaction.insertInto('events_outbox').values(eventRow('evt_late')).execute();
      // Time for several polls, during which nothing may be delivered.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS * 5));
      expect(receiver.received).toEqual([]);
    });
    await waitFor('the committed event', () => receiver.received.length === 1);
    expect(receiver.received[0]!.headers['webhook-id']).toBe('evt_late');
    await other.destroy();
  });

  test('many processes share the work: every event once at each receiver', async () => {
    const second = await startWebhookReceiver();
    await register();
    await register({ url: second.url });
    // A receiver on a busy machine may be late; an attempt that timed out is repeated, and counts twice here.
    const patient = { timeout_ms: 30_000 };
    await Promise.all(['worker_1', 'worker_2', 'worker_3'].map((owner) => startProcess(owner, patient)));
    await Promise.all(Array.from({ length: 40 }, (_, number) => emit(`evt_${number}`)));
    await waitFor(
      'all deliveries',
      async () => (await deliveries().list({ state: 'delivered', limit: 100 })).length === 80,
    );
    for (const { received } of [receiver, second]) {
      const ids = received.map(({ headers }) => headers['webhook-id']);
      expect(new Set(ids).size).toBe(40);
      expect(ids).toHaveLength(40);
    }
    await second.close();
  });

  test('a process that died during an attempt is replaced when its lease ends, and its late result is refused', async () => {
    await register();
    await emit('evt_1');
    await startProcess('first', { attempts: 1 });
    await finished();
    const { id } = await only();
    await database
      .updateTable('webhook_deliveries')
      .set({ state: 'pending', lease_owner: 'dead', lease_until: Date.now() + 150 })
      .execute();
    expect(receiver.received).toHaveLength(1);
    const leaseEndMs = Date.now() + 100;
    await waitFor('the second attempt', () => receiver.received.length === 2);
    expect(receiver.received[1]!.atMs).toBeGreaterThan(leaseEndMs);
    const late = { state: 'failed', nextAttemptAtMs: 0, status: null, error: 'late' } as const;
    expect(await deliveries().record(id, 'dead', late)).toBe(false);
    expect((await finished()).state).toBe('delivered');
  });

  test('410 disables the endpoint until an operator enables it; a replay has the same webhook-id', async () => {
    const { endpoint } = await register();
    receiver.react(410);
    await emit('evt_1');
    await startProcess();
    expect(await finished()).toMatchObject({ state: 'failed', attempts: 1, lastStatus: 410 });
    expect(await endpoints().find(endpoint.id)).toMatchObject({ disabledReason: 'it responded with 410 Gone' });
    await emit('evt_2');
    await waitFor('the event to be taken', async () => {
      const query = database.selectFrom('events_outbox').select('id').where('fanned_out_at_ms', 'is', null);
      return (await query.executeTakeFirst()) === undefined;
    });
    await endpoints().enable(endpoint.id);
    await deliveries().replay((await only()).id);
    await waitFor('the replay', () => receiver.received.length === 2);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_1']);
    expect(
      await waitFor('its record', async () => ((await only()).state === 'delivered' ? only() : null)),
    ).toMatchObject({ attempts: 1, lastError: null });
  });

  test('a delivery fails after its last attempt, with the reason', async () => {
    await register();
    receiver.react(503, 503, 503);
    await emit('evt_1');
    await startProcess('worker_1', { attempts: 3 });
    expect(await finished()).toMatchObject({ state: 'failed', attempts: 3, lastStatus: 503, lastError: 'status 503' });
    expect(await deliveries().replay('whd_none')).toBeNull();
  });

  test('redirects are not followed, private addresses are not called', async () => {
    await register();
    receiver.react({ status: 302, headers: { location: 'http://169.254.169.254/' } });
    await emit('evt_1');
    await startProcess('worker_1', { attempts: 1 });
    expect((await finished()).lastError).toContain('redirects (302)');
    await database.deleteFrom('webhook_deliveries').execute();
    await stops.pop()!();
    await emit('evt_2');
    await startProcess('worker_2', { attempts: 1, allowed_networks: [] });
    expect((await finished()).lastError).toContain('127.0.0.1 is not a public address');
    expect(receiver.received).toHaveLength(1);
  });

  test('a receiver gets the events it subscribed to, of its key', async () => {
    await register({ keyId: 'key_1', events: ['batch.failed'] });
    await emit('evt_1');
    await emit('evt_2', { type: 'batch.failed', key_id: 'key_2' });
    await emit('evt_3', { type: 'batch.failed' });
    await startProcess();
    await finished();
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_3']);
  });

  test('one receiver that hangs does not delay the others', async () => {
    const slow = await startWebhookReceiver();
    await register({ url: slow.url, events: ['batch.expired'] });
    await register({ events: ['batch.completed'] });
    slow.react(...Array.from({ length: 40 }, () => 'hang' as const));
    for (let number = 0; number < 20; number++) await emit(`evt_slow_${number}`, { type: 'batch.expired' });
    await emit('evt_quick');
    const beganAtMs = Date.now();
    await startProcess('worker_1', { concurrency: 8, timeout_ms: 5_000 });
    await waitFor('the quick one', () => receiver.received.length === 1);
    expect(Date.now() - beganAtMs).toBeLessThan(3_000);
    expect(slow.received.length).toBeLessThanOrEqual(4);
    await slow.close();
  });

  test('endpoints follow the configuration; a disabled one stays disabled', async () => {
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const configured = { url: receiver.url, events: ['batch.*'], secret };
    await startProcess('worker_1', { endpoints: [configured, { ...configured, url: `${receiver.url}/2` }] });
    const [first] = await endpoints().list();
    await endpoints().disable(first!.id, 'it responded with 410 Gone');
    const registered = await register();
    await startProcess('worker_2', { endpoints: [{ ...configured, url: first!.url, events: ['*'] }] });
    const known = await endpoints().list();
    expect(known.map(({ id }) => id).sort()).toEqual([first!.id, registered.endpoint.id].sort());
    expect(known.find(({ id }) => id === first!.id)).toMatchObject({
      origin: 'config',
      events: ['*'],
      disabledReason: 'it responded with 410 Gone',
    });
    expect(await endpoints().readSecret(first!.id)).toBe(secret);
  });

  test('secrets are not readable in the database', async () => {
    const { secret, endpoint } = await register();
    const rows = await database.selectFrom('webhook_endpoints').select('secret').execute();
    expect(rows[0]!.secret).not.toContain(secret.slice(6));
    expect(JSON.stringify(await endpoints().list())).not.toContain(secret.slice(6));
    await emit('evt_1');
    await database
      .updateTable('webhook_endpoints')
      .set({ secret: createSecretBox('another key').seal(secret, endpoint.id) })
      .execute();
    await startProcess('worker_1', { attempts: 1 });
    expect((await finished()).lastError).toContain('SLUICE_SECRETS_KEY');
  });

  test('finished deliveries are removed after their time, waiting ones are not', async () => {
    await register();
    receiver.react(200, 'hang');
    await emit('evt_1');
    await startProcess('worker_1', { first_retry_ms: 60_000 });
    await finished();
    await emit('evt_2');
    await waitFor('the second to be tried', () => receiver.received.length === 2);
    await deliveries().prune(Date.now() + 1_000);
    expect((await only()).eventId).toBe('evt_2');
    expect(await deliveries().countPending()).toBe(1);
  });
});
