// Alerts about costs: raised once, no matter how many processes check and how often, and sent to the right receivers.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { createAccountStore } from '#src/accounts/account-store.ts';
import { DEFAULT_KEY_SETTINGS } from '#src/accounts/api-key.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import { parseUsd } from '#src/contracts/money.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { createAlertStore } from '#src/webhooks/alert-store.ts';
import { fanOut } from '#src/webhooks/fan-out.ts';
import { ledgerEntry } from '#test/support/ledger-entry.ts';
import { keyspace, type MoneyParts, useMoneyChecks } from '#test/support/money-checks.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';
import { waitFor } from '#test/support/wait.ts';
import { startMoneyWatch } from '#workers/support/watch-money.ts';

const ENGINES = await startSqlEngines();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ adminKey: 'organization-key' });
});
afterAll(() => simulator.close());

describeOnEach(ENGINES, ({ url }) => {
  let { database, redis, optionsOf, check, alerts: told } = {} as MoneyParts;
  useMoneyChecks(url, (parts) => {
    ({ database, redis, optionsOf, check, alerts: told } = parts);
  });

  const look = (more: ConfigurationInput = {}) => check(more);
  const spend = (account: string, usd: string) =>
    redis.client.hset(keyspace.budget(account), 'spent', parseUsd(usd).toString());
  const month = () => `month:${new Date().toISOString().slice(0, 7)}-01`;

  test('a budget’s thresholds: each once, the highest if several are passed at once', async () => {
    const budgets = { month: parseUsd('10').toString() };
    const { key } = await createKeyStore(database).create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await look();
    expect(await told()).toEqual([]);
    await spend(`${key.id}:${month()}`, '4.999999');
    await look();
    expect(await told()).toEqual([]);
    await spend(`${key.id}:${month()}`, '8.5');
    await Promise.all([look(), look(), look()]);
    await look();
    expect(await told()).toEqual([
      {
        type: 'budget.threshold_reached',
        account: key.id,
        account_kind: 'key',
        account_name: 'search',
        period: 'month',
        period_start: `${new Date().toISOString().slice(0, 7)}-01`,
        percent: 80,
        budget_usd: '10',
        spent_usd: '8.5',
      },
    ]);
    await spend(`${key.id}:${month()}`, '10');
    await look();
    await look();
    expect((await told()).map((alert) => ('percent' in alert ? alert.percent : null))).toEqual([100, 80]);
    expect(await database.selectFrom('events_outbox').select(['type', 'key_id']).execute()).toEqual([
      { type: 'budget.threshold_reached', key_id: key.id },
      { type: 'budget.threshold_reached', key_id: key.id },
    ]);
  });

  test('configured thresholds: none, or above 100 % for overspending', async () => {
    const budgets = { month: parseUsd('10').toString() };
    const { key } = await createKeyStore(database).create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await spend(`${key.id}:${month()}`, '14.99');
    await look({ alerts: { budget_percent: [] } });
    await look({ alerts: { budget_percent: [150] } });
    expect(await told()).toEqual([]);
    await spend(`${key.id}:${month()}`, '15');
    await look({ alerts: { budget_percent: [150] } });
    expect(await told()).toMatchObject([{ percent: 150, spent_usd: '15' }]);
  });

  test('processes check in turns, every check_ms; none checks if alerts are off', async () => {
    const budgets = { month: parseUsd('10').toString() };
    const { key } = await createKeyStore(database).create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await spend(`${key.id}:${month()}`, '9');
    const watch = (alerts: ConfigurationInput['alerts']) => startMoneyWatch(optionsOf({ alerts }));
    const off = watch({ enabled: false, check_ms: 1 });
    for (let count = 0; count < 100; count++) await redis.client.ping();
    await off.stop();
    expect(await told()).toEqual([]);
    // As when its time is over.
    await redis.client.del(keyspace.alertTurn('watch'));
    const watches = [watch({ check_ms: 20 }), watch({ check_ms: 20 }), watch({ check_ms: 20 })];
    await waitFor('the alert', async () => (await told()).length > 0);
    await Promise.all(watches.map((one) => one.stop()));
    expect(await told()).toMatchObject([{ percent: 80 }]);
  });

  // Symptom: in a rolling restart that turned alerts off, a process of before raised again what had been closed, with another event,
  // and it stayed open for ever. Cause: each process decided by itself. Fix: alerts are off while one process has them off.
  test('while one process has alerts off, no other checks, and what is open ends', async () => {
    const budgets = { month: parseUsd('10').toString() };
    const { key } = await createKeyStore(database).create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await spend(`${key.id}:${month()}`, '9');
    await look();
    const current = async () =>
      (await createAlertStore(database).list({ limit: 10, state: 'current' }, Date.now())).length;
    expect(await current()).toBe(1);
    const off = startMoneyWatch(optionsOf({ alerts: { enabled: false } }));
    await waitFor('the end of the alert', async () => (await current()) === 0);
    let tries = 0;
    const { client } = redis;
    const counted = new Proxy(client, {
      get(target, name) {
        if (name !== 'set') return Reflect.get(target, name, target) as unknown;
        tries += 1;
        return client.set.bind(client);
      },
    });
    const on = startMoneyWatch({ ...optionsOf({ alerts: { check_ms: 5 } }), redis: counted });
    await waitFor('tries to check', () => tries >= 5);
    await Promise.all([on.stop(), off.stop()]);
    expect(await current()).toBe(0);
    expect(await database.selectFrom('events_outbox').select('type').execute()).toHaveLength(1);
    // Off for longer than to the next sign of the process that has them off.
    expect(await client.pttl(keyspace.alertTurn('watch'))).toBeGreaterThan(20_000);
  });

  // With alerts off, open alerts stayed open for ever, because nothing checked them.
  test('if alerts are off, open ones end without a notice when a process starts', async () => {
    const store = createAlertStore(database);
    const types = [
      'budget.threshold_reached',
      'credits.low',
      'account.expiring',
      'provider.credential_refused',
    ] as const;
    for (const type of types) await store.raise({ type, once: `${type}|1`, payload: {} });
    await store.raise({ type: 'reconciliation.differs', once: 'bill', payload: {} });
    await store.raise({ type: 'spend.anomaly', once: 'spend', payload: {}, expiresAtMs: 1_000 });
    await startMoneyWatch(optionsOf({ alerts: { enabled: false } })).stop();
    const current = await store.list({ limit: 10, state: 'current' }, Date.now());
    expect(current.map(({ type }) => type)).toEqual(['reconciliation.differs']);
    expect((await told()).map(({ type }) => type).sort()).toEqual([...types, 'reconciliation.differs'].sort());
  });

  test('the highest threshold of a budget stays open until the budget is changed or its period is over', async () => {
    const store = createAlertStore(database);
    const states = async (state: 'current' | 'over', nowMs = Date.now()) =>
      (await store.list({ limit: 100, state }, nowMs)).map(({ payload, endedAtMs }) => [
        (payload as { percent?: number }).percent,
        endedAtMs === null ? null : 'ended',
      ]);
    const keys = createKeyStore(database);
    const budgets = { month: parseUsd('10').toString() };
    const { key } = await keys.create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await spend(`${key.id}:${month()}`, '5');
    await look();
    expect(await states('current')).toEqual([[50, null]]);
    await spend(`${key.id}:${month()}`, '8');
    await look();
    expect(await states('current')).toEqual([[80, null]]);
    expect(await states('over')).toEqual([[50, 'ended']]);
    // A correction of the spending: the threshold was reached nevertheless, and is not reported again.
    await spend(`${key.id}:${month()}`, '7');
    await look();
    await spend(`${key.id}:${month()}`, '8');
    await look();
    expect(await states('current')).toEqual([[80, null]]);
    await keys.update(key.id, { ...DEFAULT_KEY_SETTINGS, budgets: { month: parseUsd('100').toString() } });
    await look();
    expect(await states('current')).toEqual([]);
    expect(await told()).toHaveLength(2);
  });

  // If Redis was restarted empty, or had dropped the sum of an idle budget, the alert was closed silently and reported again
  // when the sum was read back from the ledger. Only the end of the period or a change of the budget ends it.
  test('a sum lost by Redis neither ends a budget’s alert nor repeats it', async () => {
    const budgets = { total: parseUsd('10').toString() };
    const { key } = await createKeyStore(database).create('search', { ...DEFAULT_KEY_SETTINGS, budgets });
    await spend(`${key.id}:total`, '8');
    await look();
    await redis.client.flushall();
    await look();
    const current = () => createAlertStore(database).list({ limit: 10, state: 'current' }, Date.now());
    expect(await current()).toHaveLength(1);
    // Restored from an older snapshot, then from the ledger.
    await spend(`${key.id}:total`, '1');
    await look();
    await spend(`${key.id}:total`, '8.5');
    await look();
    expect(await told()).toMatchObject([{ percent: 80, spent_usd: '8' }]);
    await look({ alerts: { budget_percent: [] } });
    expect(await current()).toEqual([]);
  });

  test('unusual spending stays open for its hour, a bill until the next comparison; the notice of an end is not an alert', async () => {
    const store = createAlertStore(database);
    const now = Date.now();
    await store.raise({ type: 'spend.anomaly', once: 'a', payload: {} });
    await store.raise({ type: 'reconciliation.differs', once: 'b', payload: {} });
    await store.raise({ type: 'provider.credential_refused', once: 'c', payload: {} });
    const types = async (state: 'current' | 'over', nowMs: number) =>
      (await store.list({ limit: 100, state }, nowMs)).map(({ type }) => type).sort();
    expect(await types('current', now)).toEqual([
      'provider.credential_refused',
      'reconciliation.differs',
      'spend.anomaly',
    ]);
    expect(await types('over', now + HOUR_MS)).toEqual(['spend.anomaly']);
    expect(await types('over', now + DAY_MS + 60_000)).toEqual(['reconciliation.differs', 'spend.anomaly']);
    await store.resolve('c', now);
    expect(await types('current', now + DAY_MS + 60_000)).toEqual([]);
    const all = await store.list({ limit: 100 }, now + DAY_MS + 60_000);
    expect(all.map(({ type }) => type)).toContain('alert.resolved');
    expect(all.find(({ type }) => type === 'provider.credential_refused')!.endedAtMs).toBe(now);
  });

  test('a project’s budget is reported only to receivers of all keys; a changed budget is reported again', async () => {
    const accounts = createAccountStore(database);
    const settings = { ...DEFAULT_KEY_SETTINGS, budgets: { total: parseUsd('2').toString() } };
    const { id } = await accounts.create({ kind: 'project', name: 'maps', parentId: null, settings } as never);
    await spend(`${id}:total`, '1.1');
    await look({ alerts: { budget_percent: [50] } });
    expect(await told()).toMatchObject([{ account: id, account_kind: 'project', period_start: null, percent: 50 }]);
    const endpoint = {
      origin: 'admin',
      url: 'https://r.example/',
      createdAtMs: 1,
      disabledAtMs: null,
      disabledReason: null,
    } as const;
    const receivers = [
      { ...endpoint, id: 'whe_all', keyId: null, events: ['budget.*'] },
      { ...endpoint, id: 'whe_batches', keyId: null, events: ['batch.*'] },
      { ...endpoint, id: 'whe_key', keyId: 'key_1', events: ['*'] },
    ];
    await fanOut(
      database,
      async () => receivers,
      () => undefined,
    );
    const deliveries = await database.selectFrom('webhook_deliveries').select(['endpoint_id', 'body']).execute();
    expect(deliveries.map((row) => row.endpoint_id)).toEqual(['whe_all']);
    expect(JSON.parse(deliveries[0]!.body)).toMatchObject({
      object: 'event',
      type: 'budget.threshold_reached',
      data: { id: expect.stringMatching(/^alert_/), account: id, spent_usd: '1.1' },
    });
    await database.deleteFrom('webhook_deliveries').execute();
    await accounts.update(id, { ...settings, budgets: { total: parseUsd('2.1').toString() } });
    await look({ alerts: { budget_percent: [50] } });
    expect(await told()).toHaveLength(2);
  });

  const entry = (number: number, startedAtMs: number, usd: string, more: Partial<LedgerEntry> = {}) =>
    ledgerEntry({
      requestId: `req_${number}`,
      provider: 'openai',
      deployment: 'openai/m',
      startedAtMs,
      firstByteMs: 1,
      durationMs: 2,
      inputTokens: 1_000,
      outputTokens: 0,
      costPicoUsd: parseUsd(usd).toString(),
      ...more,
    });
  const write = (entries: LedgerEntry[]) => createLedgerStore(database).insert(entries.map((attempt) => ({ attempt })));

  test('an hour that costs far more than the same hour of earlier days is reported', async () => {
    const now = Date.now();
    await write([
      ...Array.from({ length: 10 }, (_, day) => entry(day + 1, now - (day + 1) * DAY_MS, '10')),
      // Another hour of yesterday: it is no measure for this one.
      entry(100, now - DAY_MS - 5 * HOUR_MS, '900'),
      entry(101, now, '19'),
    ]);
    await look();
    expect(await told()).toEqual([]);
    await write([entry(102, now, '30', { keyId: 'key_2', provider: 'google' })]);
    await look({ alerts: { spend: { enabled: false } } });
    expect(await told()).toEqual([]);
    await look();
    await look();
    const alerts = await told();
    expect(alerts).toHaveLength(3);
    expect(alerts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          type: 'spend.anomaly',
          scope: 'all',
          name: null,
          spent_usd: '49',
          usual_usd: '10',
          unusual_above_usd: '20',
        }),
        expect.objectContaining({
          scope: 'provider',
          name: 'google',
          spent_usd: '30',
          usual_usd: '0',
          unusual_above_usd: '5',
        }),
        expect.objectContaining({ scope: 'key', name: 'key_2' }),
      ]),
    );
  });

  test('a bill that differs from the ledger is reported once a day', async () => {
    const dayBefore = Date.now() - 2 * DAY_MS;
    await write([entry(1, dayBefore, '7')]);
    const configuration: Partial<ConfigurationInput> = {
      alerts: { spend: { enabled: false } },
      providers: {
        openai: { base_url: `${simulator.url}/v1`, usage_api: { admin_key: 'organization-key' } },
        other: { preset: 'openai', base_url: `${simulator.url}/v1`, usage_api: { admin_key: 'organization-key' } },
      },
    };
    const reconcile = { tolerance_usd: 7, tolerance_percent: 100 };
    await look({ ...configuration, alerts: { spend: { enabled: false }, reconcile: { enabled: false } } });
    await look({ ...configuration, alerts: { spend: { enabled: false }, reconcile } });
    expect(await told()).toEqual([]);
    // A report is read once a day.
    await redis.client.flushall();
    await look(configuration);
    await look(configuration);
    expect(await told()).toMatchObject([
      {
        type: 'reconciliation.differs',
        provider: 'openai',
        day: new Date(dayBefore).toISOString().slice(0, 10),
        ledger: { input_tokens: 1_000, cost_usd: '7' },
        billed: { input_tokens: 0 },
        differences: ['input_tokens', 'cost_usd'],
      },
    ]);
  });

  test('reported alerts are forgotten after their time, except those without an end', async () => {
    const store = createAlertStore(database);
    const alert = { type: 'spend.anomaly', payload: {} } as const;
    await store.raise({ ...alert, once: 'a', expiresAtMs: 1_000 });
    await store.raise({ ...alert, once: 'b' });
    await store.prune(2_000);
    expect(await store.raise({ ...alert, once: 'a' })).toBe(true);
    expect(await store.raise({ ...alert, once: 'b' })).toBe(false);
  });
});
