// One suite for both SQL engines: the guarantees of the stores hold on SQLite and on PostgreSQL.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAccountStore } from '#src/accounts/account-store.ts';
import { createAdminKeyStore } from '#src/accounts/admin-key-store.ts';
import { hashSecret, isRevoked, validUntilMs } from '#src/accounts/api-key.ts';
import { createBudgetReader } from '#src/accounts/budgets.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '#src/contracts/ledger-entry.ts';
import type { ReportDimension } from '#src/ledger/dimensions.ts';
import { exportRows } from '#src/ledger/export.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { chargesByDay, type ReportQuery, reportUsage } from '#src/ledger/reports.ts';
import {
  asBigint,
  asNumber,
  type Database,
  lookIntoDatabase,
  migrateDatabase,
  openDatabase,
} from '#src/storage/database.ts';
import { readPoolState } from '#src/storage/postgres.ts';
import { startPgBouncer, startTestPostgres } from '#test/support/postgres-server.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';
import { startTcpProxy } from '#test/support/tcp-proxy.ts';
import { waitFor } from '#test/support/wait.ts';

/** Rows of a suite stay: the suite behind PgBouncer uses another server. */
const postgres = await startTestPostgres();
const bouncer = postgres === null ? null : await startPgBouncer(postgres);
afterAll(async () => {
  await bouncer?.stop();
  await postgres?.stop();
});
const ENGINES = [
  ...(await startSqlEngines()),
  { name: 'PostgreSQL behind PgBouncer' as const, url: bouncer?.url ?? null },
];

const DAY = Date.UTC(2026, 10, 20, 12);

function entry(change: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    requestId: 'req_1',
    attempt: 1,
    keyId: 'key_1',
    model: 'gpt-4o',
    provider: 'openai',
    deployment: 'openai/gpt-4o',
    upstreamModel: 'gpt-4o-2024-11-20',
    protocol: 'openai-chat',
    lane: 'interactive',
    isStream: false,
    state: 'settled',
    outcome: 'ok',
    startedAtMs: DAY,
    queueMs: 2,
    firstByteMs: 300,
    durationMs: 500,
    inputTokens: 100,
    cachedInputTokens: 10,
    cacheWriteTokens: 0,
    outputTokens: 50,
    reasoningTokens: 5,
    costPicoUsd: '123456789012345678',
    ...change,
  };
}

function outcome(change: Partial<RequestOutcome> = {}): RequestOutcome {
  return {
    requestId: 'req_1',
    keyId: 'key_1',
    model: 'gpt-4o',
    protocol: 'openai-chat',
    lane: 'interactive',
    isStream: false,
    outcome: 'ok',
    provider: 'openai',
    upstreamModel: 'gpt-4o-2024-11-20',
    acceptedAtMs: DAY,
    finishedAtMs: DAY + 500,
    attempts: 1,
    costPicoUsd: '5',
    timeline: [],
    chargeUnits: 3,
    ...change,
  };
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

const TERMS = { markupPpm: 100_000, stepUnits: 1 };

describeOnEach(ENGINES, ({ url }) => {
  test('a release before the last migration still starts, and a migration is applied once', async () => {
    const database = await openDatabase(url, () => undefined);
    await sql`insert into kysely_migration (name, timestamp) values ('2026-11-24-of-a-later-release', '2026-12-01')`.execute(
      database,
    );
    expect(await migrateDatabase(url)).toEqual([]);
    await sql`drop index requests_by_time`.execute(database);
    await sql`delete from kysely_migration where name = '2026-11-28-requests-by-time'`.execute(database);
    expect(await migrateDatabase(url)).toEqual(['2026-11-28-requests-by-time']);
    expect(await migrateDatabase(url)).toEqual([]);
    await sql`delete from kysely_migration where name = '2026-11-24-of-a-later-release'`.execute(database);
    await database.destroy();
  });
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    await database.deleteFrom('ledger_entries').execute();
    await database.deleteFrom('requests').execute();
    for (const table of ['api_keys', 'accounts', 'credit_entries', 'audit_log'] as const)
      await database.deleteFrom(table).execute();
  });
  test('reports how its connections are used: busy ones, and queries waiting for one', async () => {
    if (url.startsWith('sqlite:')) return;
    const idle = readPoolState()!;
    const queries = Array.from({ length: 2 * idle.max }, () => sql`select pg_sleep(0.3)`.execute(database));
    await waitFor('busy connections, and queries behind them', () => {
      const { busy, waiting } = readPoolState()!;
      return busy > idle.busy && waiting > 0;
    });
    await Promise.all(queries);
    expect(readPoolState()).toMatchObject({ busy: idle.busy, waiting: 0 });
  });
  const insert = (...messages: LedgerMessage[]) => createLedgerStore(database).insert(messages);
  const rows = () => database.selectFrom('ledger_entries').selectAll().orderBy('attempt').execute();

  test('a database that is up to date opens while another process holds the lock of migrations', async () => {
    if (url.startsWith('sqlite:')) return;
    await database.transaction().execute(async (transaction) => {
      await sql`select pg_advisory_xact_lock(3853314791062309107)`.execute(transaction);
      expect(await migrateDatabase(url)).toEqual([]);
    });
  });

  test('migrations may run again, also from several processes at once', async () => {
    const again = await Promise.all([1, 2, 3].map(() => openDatabase(url, () => undefined)));
    await Promise.all(again.map((other) => other.destroy()));
    if (url.startsWith('sqlite:')) return;
    // Behind PgBouncer a session lock is released on another connection, and so is held for ever.
    const locks = sql<{ count: string }>`select count(*) from pg_locks where locktype = 'advisory'`;
    expect((await locks.execute(database)).rows).toEqual([{ count: '0' }]);
  });

  test('amounts are stored exactly, to the picodollar', async () => {
    await insert({ attempt: entry() });
    expect((await rows()).map((row) => asBigint(row.cost_pico_usd))).toEqual([123_456_789_012_345_678n]);
  });

  test('one attempt is one row, no matter how often its message arrives', async () => {
    await insert({ attempt: entry() }, { attempt: entry() });
    await insert({ attempt: entry({ costPicoUsd: '1' }) });
    expect((await rows()).map((row) => asBigint(row.cost_pico_usd))).toEqual([123_456_789_012_345_678n]);
  });

  test('an unsettled attempt is replaced by its real cost, never the reverse', async () => {
    const unsettled = entry({ state: 'unsettled', outcome: 'unknown', costPicoUsd: '7' });
    await insert({ attempt: unsettled });
    await insert({ attempt: entry({ costPicoUsd: '9' }) });
    await insert({ attempt: unsettled });
    expect((await rows()).map((row) => [row.state, row.outcome, asBigint(row.cost_pico_usd)])).toEqual([
      ['settled', 'ok', 9n],
    ]);
    await insert({ attempt: { ...unsettled, attempt: 2 } }, { attempt: entry({ attempt: 2, costPicoUsd: '8' }) });
    expect((await rows()).map((row) => row.state)).toEqual(['settled', 'settled']);
  });

  test('a request keeps its first outcome', async () => {
    await insert({ request: outcome() }, { request: outcome({ outcome: 'internal' }) });
    await insert({ request: outcome({ outcome: 'internal' }) });
    const found = await database.selectFrom('requests').selectAll().execute();
    expect(found.map((row) => [row.outcome, asNumber(row.charge_units)])).toEqual([['ok', 3]]);
  });

  test('a large batch of rows is written in one transaction', async () => {
    await insert(...Array.from({ length: 1_000 }, (_, attempt) => ({ attempt: entry({ attempt }) })));
    expect(await rows()).toHaveLength(1_000);
  });

  test('usage is summed by day, key, model and provider, in integers', async () => {
    await insert(
      { attempt: entry() },
      { attempt: entry({ attempt: 2, costPicoUsd: '2', outcome: 'upstream_server_error', state: 'estimated' }) },
      { attempt: entry({ attempt: 3, provider: 'azure', costPicoUsd: '3', state: 'unsettled' }) },
      { attempt: entry({ attempt: 4, keyId: 'key_2', startedAtMs: DAY + 86_400_000, costPicoUsd: '4' }) },
    );
    expect(await reportUsage(database, { groupBy: ['day', 'provider'] })).toMatchObject([
      { group: { day: '2026-11-20', provider: 'azure' }, attempts: 1, unsettledAttempts: 1, costPicoUsd: 3n },
      {
        group: { day: '2026-11-20', provider: 'openai' },
        attempts: 2,
        failedAttempts: 1,
        estimatedAttempts: 1,
        inputTokens: 200,
        cachedInputTokens: 20,
        outputTokens: 100,
        reasoningTokens: 10,
        costPicoUsd: 123_456_789_012_345_680n,
      },
      { group: { day: '2026-11-21', provider: 'openai' }, attempts: 1, costPicoUsd: 4n },
    ]);
    expect(await reportUsage(database, { groupBy: ['key'], keyId: 'key_2' })).toMatchObject([
      { group: { key: 'key_2' } },
    ]);
    expect(await reportUsage(database, { groupBy: ['model'], from: '2026-11-22' })).toEqual([]);
    expect(await reportUsage(database, { groupBy: [] })).toMatchObject([{ group: {}, attempts: 4 }]);
  });

  test('keys are stored by their hash and can be revoked once', async () => {
    const keys = createKeyStore(database);
    const { key, secret } = await keys.create('ci', { budgets: { total: '5' }, models: ['gpt-*'] });
    const stored = await database.selectFrom('api_keys').selectAll().execute();
    expect(JSON.stringify(stored, (_name, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      secret,
    );
    expect((await keys.ensure('again', secret)).id).toBe(key.id);
    expect(await keys.list()).toEqual([key]);
    expect(await keys.update(key.id, { budgets: { month: '9' } })).toMatchObject({
      settings: { budgets: { month: '9' }, models: ['gpt-*'] },
    });
    await database
      .updateTable('api_keys')
      .set({ settings: JSON.stringify({ budgetUnits: 25, budgetPeriod: 'day' }) })
      .execute();
    expect((await keys.findById(key.id))?.settings.budgets, 'of an earlier release').toEqual({ day: '2500000000' });
    const revoked = await keys.revoke(key.id);
    expect(revoked?.revokedAtMs).toBeGreaterThan(0);
    expect(await keys.revoke(key.id)).toEqual(revoked);
    expect(await keys.revoke('key_none')).toBeNull();
  });

  test('reports can group and filter by every dimension, per attempt and per request; exports have the rows', async () => {
    const labels = { batch: 'batch_1', session: 's', tags: ['a', 'b'] };
    const of = { projectId: 'p', organisationId: 'o', labels };
    await insert(
      {
        attempt: entry({ ...of, lane: 'batch', costPicoUsd: '3' }),
        request: outcome({ ...of, lane: 'batch', costPicoUsd: '3' }),
      },
      { attempt: entry({ requestId: 'req_2', outcome: 'upstream_error', credential: 'c', costPicoUsd: '4' }) },
      {
        request: outcome({
          requestId: 'req_2',
          outcome: 'upstream_error',
          attempts: 2,
          costPicoUsd: '4',
          chargeUnits: 2,
        }),
      },
      {
        attempt: entry({
          requestId: 'req_2',
          attempt: 2,
          startedAtMs: DAY + 3_600_000,
          costPicoUsd: '0',
          labels: { tags: ['c_d'] },
        }),
      },
    );
    const report = async (groupBy: readonly ReportDimension[], more: Partial<ReportQuery> = {}) =>
      (await reportUsage(database, { groupBy, ...more })).map(({ group, attempts, requests, costPicoUsd }) => [
        ...groupBy.map((name) => group[name]),
        requests ?? attempts,
        costPicoUsd,
      ]);
    expect(await report(['hour'])).toEqual([
      ['2026-11-20T12:00:00.000Z', 2, 7n],
      ['2026-11-20T13:00:00.000Z', 1, 0n],
    ]);
    expect(await report(['month', 'lane'])).toEqual([
      ['2026-11', 'batch', 1, 3n],
      ['2026-11', 'interactive', 2, 4n],
    ]);
    expect(await report(['tags', 'batch', 'session', 'project'], { filters: { tags: 'b' } })).toEqual([
      ['a,b', 'batch_1', 's', 'p', 1, 3n],
    ]);
    expect(await report(['tags'], { filters: { tags: 'c_d' } }), 'an underscore is itself').toEqual([['c_d', 1, 0n]]);
    expect(await report(['hour'], { filters: { hour: '2026-11-20T13:00:00Z' } })).toEqual([
      ['2026-11-20T13:00:00.000Z', 1, 0n],
    ]);
    expect(await report(['status'], { filters: { credential: '', key: 'key_1' }, from: '2026-11-20' })).toEqual([
      ['ok', 2, 3n],
    ]);
    expect(await report(['status', 'organisation'], { per: 'request' })).toEqual([
      ['ok', 'o', 1, 3n],
      ['upstream_error', '', 1, 4n],
    ]);
    const [sums] = await reportUsage(database, { per: 'request', groupBy: [] });
    expect(sums).toMatchObject({ requests: 2, attempts: 3, failedAttempts: 1, charge: 500_000_000n });
    const rows = await all(exportRows(database, 'attempt', { filters: { lane: 'batch' } }));
    expect(rows).toMatchObject([{ request_id: 'req_1', tags: 'a,b', cost_usd: '0.000000000003', input_tokens: 100 }]);
    expect(await all(exportRows(database, 'request', { to: '2026-11-19' }))).toEqual([]);
  });

  test('accounts contain keys: found with them, revoked with them; credits are paid in and charged', async () => {
    const [keys, accounts] = [createKeyStore(database), createAccountStore(database)];
    const top = await accounts.create({
      kind: 'organisation',
      name: 'o',
      parentId: null,
      settings: { credits: TERMS },
    });
    const project = await accounts.create({ kind: 'project', name: 'p', parentId: top.id });
    const { key, secret } = await keys.create('k', { budgets: { day: '7' } }, project.id);
    for (const amount of [5n, 900_000_000_000_000_000n, -1n]) {
      await accounts.addCredits({ accountId: top.id, amount, note: null, actor: 'a' });
    }
    const found = (await keys.findByHash(hashSecret(secret)))!;
    expect(found).toEqual(await keys.findById(key.id));
    expect(found.above.map(({ id }) => id)).toEqual([project.id, top.id]);
    expect(found.credits).toEqual({ account: top.id, paidIn: '900000000000000004', terms: TERMS });
    const change = {
      projectId: project.id,
      organisationId: top.id,
      creditAccount: top.id,
      chargeUnits: 3,
      costPicoUsd: '8',
    };
    await insert({ request: outcome({ requestId: 'req_a', ...change }) }, { request: outcome({ requestId: 'req_b' }) });
    const reader = createBudgetReader(database);
    expect(await reader.spentSince({ id: project.id, kind: 'project' }, '2026-11-20')).toBe(8n);
    expect(await reader.spentSince({ id: top.id, kind: 'organisation' }, null)).toBe(8n);
    expect(await reader.spentSince({ id: top.id, kind: 'credits' }, null)).toBe(300_000_000n);
    expect(await chargesByDay(database, top.id, {})).toEqual([
      { day: '2026-11-20', requests: 1, cost: 8n, charge: 300_000_000n },
    ]);
    await accounts.revoke(top.id);
    expect(isRevoked((await keys.findById(key.id))!)).toBe(true);
  });

  test('a rotated key is found by both secrets; the old one has an end', async () => {
    const keys = createKeyStore(database);
    const { key, secret } = await keys.create('k');
    const rotated = await keys.rotate(key.id, 60_000);
    expect((await keys.findByHash(hashSecret(rotated!.secret)))?.secretUntilMs).toBeNull();
    expect(validUntilMs((await keys.findByHash(hashSecret(secret)))!)).toBeGreaterThan(Date.now());
    await keys.rotate(key.id, 0);
    expect(await keys.findByHash(hashSecret(secret))).toBeNull();
  });

  test('the audit log can be filtered by the start of its path, newest first', async () => {
    const adminKeys = createAdminKeyStore(database);
    const entry = { actor: 'a', role: 'owner', method: 'POST', status: 200, request: null, before: null, after: '{}' };
    for (const [atMs, path] of [['/admin/keys/key_1'], ['/admin/keys/key%1'], ['/admin/holds']].map(
      ([p], n) => [n, p] as const,
    )) {
      await adminKeys.note({ ...entry, atMs, path: path! });
    }
    expect((await adminKeys.audit({ limit: 5, path: '/admin/keys/key_' })).map(({ path }) => path)).toEqual([
      '/admin/keys/key_1',
    ]);
    expect(await adminKeys.audit({ limit: 2 })).toHaveLength(2);
  });

  test('the spending of a key is summed from its requests since a day', async () => {
    await insert(
      { request: outcome({ requestId: 'req_1', acceptedAtMs: DAY - 86_400_000 }) },
      // Their sum exceeds the range of SQLite's own sums.
      ...Array.from({ length: 12 }, (_, index) => ({
        request: outcome({ requestId: `req_large_${index}`, costPicoUsd: '999999999999999999' }),
      })),
      { request: outcome({ requestId: 'req_3', keyId: 'key_2' }) },
    );
    const reader = createBudgetReader(database);
    expect(await reader.spentSince({ id: 'key_1', kind: 'key' }, null)).toBe(12n * 999_999_999_999_999_999n + 5n);
    expect(await reader.spentSince({ id: 'key_1', kind: 'key' }, '2026-11-20')).toBe(12n * 999_999_999_999_999_999n);
    expect(await reader.spentSince({ id: 'key_9', kind: 'key' }, null)).toBe(0n);
  });
});

describe.skipIf(postgres === null)('a network to PostgreSQL that has gone silent', () => {
  test('ends a query in time, and leaves no dead connection behind', async () => {
    const network = await startTcpProxy({ port: Number(new URL(postgres!.url).port) });
    const address = new URL(postgres!.url);
    address.port = new URL(network.url).port;
    const silent = await lookIntoDatabase(`${address}?query_timeout=1000`);
    const ask = () => sql<{ one: number }>`select 1 as one`.execute(silent);
    await ask();
    network.silence();
    await expect(ask()).rejects.toThrow('Query read timeout');
    expect((await ask()).rows).toEqual([{ one: 1 }]);
    await silent.destroy();
    await network.stop();
  });
});
