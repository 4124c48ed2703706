// Alerts about balances, expiring keys and refused credentials. Each is raised once and resolved once, no matter how many processes
// check and how often.
import { expect, test } from 'vitest';
import { createAccountStore } from '#src/accounts/account-store.ts';
import { DEFAULT_KEY_SETTINGS } from '#src/accounts/api-key.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { parseUsd } from '#src/contracts/money.ts';
import { createCircuits } from '#src/routing/circuits.ts';
import { createAlertStore } from '#src/webhooks/alert-store.ts';
import { keyspace, type MoneyParts, useMoneyChecks } from '#test/support/money-checks.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';
import { waitFor } from '#test/support/wait.ts';

const ENGINES = await startSqlEngines();
const DAY_MS = 86_400_000;

describeOnEach(ENGINES, ({ url }) => {
  let { database, redis, check, alerts } = {} as MoneyParts;
  useMoneyChecks(url, (parts) => {
    ({ database, redis, check, alerts } = parts);
  });

  /** Two processes at once, then another one. */
  async function look(more: ConfigurationInput['alerts'] = {}): Promise<void> {
    await Promise.all([check({ alerts: more }), check({ alerts: more })]);
    await check({ alerts: more });
  }

  /** Oldest first. */
  const told = async () => (await alerts()).reverse();
  const events = async () =>
    (await database.selectFrom('events_outbox').select(['type', 'key_id']).orderBy('id').execute()).map(
      ({ type, key_id: key }) => `${type} ${key}`,
    );

  test('a low balance: once at each threshold, resolved by a payment, and reported again the next time', async () => {
    const accounts = createAccountStore(database);
    const terms = { markupPpm: 0, stepUnits: 1 };
    const { key } = await createKeyStore(database).create('payer', { ...DEFAULT_KEY_SETTINGS, credits: terms });
    const pay = (usd: string) =>
      accounts.addCredits({ accountId: key.id, amount: parseUsd(usd), note: null, actor: 'test' });
    const charged = (usd: string) =>
      redis.client.hset(keyspace.budget(`${key.id}:credits`), 'spent', parseUsd(usd).toString());
    await look();
    expect(await told(), 'nothing was ever paid in').toEqual([]);
    await pay('100');
    await charged('79.99');
    await look();
    expect(await told()).toEqual([]);
    await charged('80');
    await look();
    expect(await told()).toEqual([
      {
        type: 'credits.low',
        account: key.id,
        account_kind: 'key',
        account_name: 'payer',
        balance_usd: '20',
        payment_usd: '100',
        percent: 20,
        below_usd: null,
      },
    ]);
    await charged('96');
    await look();
    expect((await told()).map(({ percent }) => percent)).toEqual([20, 5]);
    await pay('1');
    await look();
    expect(await told(), 'a small payment does not make it better, and is not told').toHaveLength(2);
    await pay('100');
    await look();
    const last = (await told()).at(-1)!;
    expect(last).toMatchObject({ type: 'alert.resolved', alert_type: 'credits.low', about: { percent: 5 } });
    await charged('190');
    await look();
    expect((await told()).map(({ type }) => type)).toEqual([
      'credits.low',
      'credits.low',
      'alert.resolved',
      'credits.low',
    ]);
    expect(await events()).toEqual([
      `credits.low ${key.id}`,
      `credits.low ${key.id}`,
      `alert.resolved ${key.id}`,
      `credits.low ${key.id}`,
    ]);
  });

  test('a balance below an amount, of an organisation; no alert if thresholds are removed', async () => {
    const accounts = createAccountStore(database);
    const settings = { ...DEFAULT_KEY_SETTINGS, credits: { markupPpm: 0, stepUnits: 1 } };
    const { id } = await accounts.create({ kind: 'organisation', name: 'acme', parentId: null, settings });
    await accounts.addCredits({ accountId: id, amount: parseUsd('10'), note: null, actor: 'test' });
    await accounts.addCredits({ accountId: id, amount: parseUsd('-1'), note: null, actor: 'test' });
    await look({ credit_percent: [], credit_usd: [] });
    expect(await told()).toEqual([]);
    await look({ credit_percent: [], credit_usd: [9.5, 2] });
    expect(await told()).toMatchObject([
      { account: id, balance_usd: '9', payment_usd: '10', below_usd: 9.5, percent: null },
    ]);
    expect(await events()).toEqual(['credits.low ']);
    // If alerts are switched off, the balance is still low, so no alert is resolved.
    await look({ credit_percent: [], credit_usd: [] });
    expect(await events()).toEqual(['credits.low ']);
  });

  test('an expiry: days before, and again when nearer; resolved if postponed, not if reached', async () => {
    const keys = createKeyStore(database);
    const { key } = await keys.create('old', { ...DEFAULT_KEY_SETTINGS, expiresAtMs: Date.now() + 30 * DAY_MS });
    await keys.create('never', DEFAULT_KEY_SETTINGS);
    const expires = (inMs: number) => keys.update(key.id, { expiresAtMs: Date.now() + inMs });
    await look();
    expect(await told()).toEqual([]);
    await look({ expiry_days: [60, 3] });
    expect(await told()).toMatchObject([{ type: 'account.expiring', account: key.id, account_kind: 'key', days: 60 }]);
    await expires(2 * DAY_MS);
    await look();
    const kinds = async () => (await told()).map(({ type }) => type);
    // Two processes report both at the same time.
    expect((await kinds()).sort(), 'another end: the former one was put off').toEqual([
      'account.expiring',
      'account.expiring',
      'alert.resolved',
    ]);
    await expires(90 * DAY_MS);
    await look();
    expect((await kinds()).at(-1)).toBe('alert.resolved');
    const endsAtMs = Date.now() + 1_000;
    await keys.update(key.id, { expiresAtMs: endsAtMs });
    await look();
    const before = await kinds();
    expect(before.at(-1)).toBe('account.expiring');
    await waitFor('it to have expired', () => Date.now() > endsAtMs);
    await look();
    expect(await kinds()).toEqual(before);
    expect(await createAlertStore(database).open('account.expiring')).toEqual([]);
  });

  test('a refused credential and one whose quota is exhausted; each until it works again', async () => {
    const circuits = createCircuits(redis.client, keyspace, () => undefined);
    const settings = {
      failures: 5,
      windowMs: 60_000,
      cooldownMs: 1_000,
      maxCooldownMs: 2_000,
      refusalCooldownMs: 60_000,
    };
    const refused = (
      circuit: string,
      code: 'upstream_credential_refused' | 'upstream_quota_exhausted' | 'upstream_server_error',
    ) => circuits.reportFailure(circuit, settings, 'refusal', code, 0);
    refused('credential:openai/main', 'upstream_credential_refused');
    refused('credential:openai/spare/openai/gpt-4o', 'upstream_credential_refused');
    refused('google/gemini', 'upstream_quota_exhausted');
    refused('other/m', 'upstream_server_error');
    const open = () => redis.client.hlen(keyspace.openCircuits);
    await waitFor('the circuits', async () => (await open()) === 4);
    await look({ credentials: false });
    expect(await told()).toEqual([]);
    await look();
    const found = (await told()).sort((a, b) => String(a.credential).localeCompare(String(b.credential)));
    expect(found).toEqual([
      {
        type: 'provider.credential_refused',
        provider: 'openai',
        credential: 'main',
        code: 'upstream_credential_refused',
        deployments: [],
      },
      {
        type: 'provider.credential_refused',
        provider: 'google',
        credential: null,
        code: 'upstream_quota_exhausted',
        deployments: ['google/gemini'],
      },
      {
        type: 'provider.credential_refused',
        provider: 'openai',
        credential: 'spare',
        code: 'upstream_credential_refused',
        deployments: ['openai/gpt-4o'],
      },
    ]);
    circuits.reportSuccess('credential:openai/main', 0);
    await waitFor('it to be closed', async () => (await open()) === 3);
    await look();
    expect((await told()).at(-1)).toMatchObject({
      type: 'alert.resolved',
      about: { provider: 'openai', credential: 'main' },
    });
    expect(await told()).toHaveLength(4);
  });
});
