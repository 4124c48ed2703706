// Expired rows are removed on both engines, and only those: reports by day, statements and budgets stay the same, and unsettled
// rows stay and can still be settled. On PostgreSQL, months are partitions, also for a table that had rows before.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBudgetReader } from '#src/accounts/budgets.ts';
import { createRequestIdIn } from '#src/contracts/ids.ts';
import type { LedgerEntry, LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { type ReportQuery, reportPage, reportUsage } from '#src/ledger/reports.ts';
import { applyRetention } from '#src/ledger/retention.ts';
import { addChanges } from '#src/ledger/rollups.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { listPartitions, preparePartitions } from '#src/storage/ledger-partitions.ts';
import { writeHoursFrom } from '#src/storage/rollups.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 28);
const [OLD, RECENT] = [Date.UTC(2026, 7, 3), NOW - DAY_MS];

function message(shard: number, atMs: number, state: LedgerEntry['state'] = 'settled', id?: string): LedgerMessage {
  const common = {
    requestId: id ?? createRequestIdIn(shard, atMs),
    keyId: 'key_a',
    model: 'm',
    protocol: 'openai-chat',
    lane: 'interactive' as const,
    isStream: true,
    outcome: 'ok',
    provider: 'p',
    upstreamModel: 'u',
    costPicoUsd: '1000001',
  };
  return {
    attempt: {
      ...common,
      attempt: 1,
      deployment: 'd',
      state,
      startedAtMs: atMs,
      queueMs: 1,
      firstByteMs: null,
      durationMs: 1,
      inputTokens: 1,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 1,
      reasoningTokens: 0,
    },
    request: {
      ...common,
      acceptedAtMs: atMs,
      finishedAtMs: atMs + 5,
      attempts: 1,
      timeline: [{ kind: 'accepted', atMs }] as never,
      chargeUnits: 1,
    },
  };
}

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  const isSqlite = url.startsWith('sqlite:');
  const insert = (...messages: LedgerMessage[]) => createLedgerStore(database).insert(messages);
  const ids = async (table: 'requests' | 'ledger_entries') =>
    (await database.selectFrom(table).select('request_id').orderBy('request_id').execute()).map(
      (row) => row.request_id,
    );
  const partitionOf = async (id: string) =>
    (
      await sql<{
        name: string;
      }>`select tableoid::regclass::text as name from requests where request_id = ${id}`.execute(database)
    ).rows[0]?.name;
  const report = () => reportUsage(database, { groupBy: ['day', 'settlement'] });
  const spent = () => createBudgetReader(database).spentSince({ id: 'key_a', kind: 'key' }, null);
  const idOf = ({ request }: LedgerMessage) => request!.requestId;

  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
  });
  afterAll(() => database.destroy());

  const before = [message(0, OLD), message(0, OLD + 1, 'unsettled'), message(0, RECENT)];
  test('a table with rows becomes the first partition: rows, keys, triggers and permissions stay', async () => {
    await insert(...before);
    if (isSqlite) return;
    await sql`create role reader`.execute(database);
    await sql`grant select on requests to reader`.execute(database);
    await Promise.allSettled([1, 2].map(() => preparePartitions(database, 1, NOW)));
    await preparePartitions(database, 1, NOW);
    expect(await partitionOf(idOf(before[0]!))).toBe('requests_before');
    expect((await listPartitions(database)).map(({ suffix }) => suffix).sort()).toEqual([
      '0_2027_01',
      '0_2027_02',
      'before',
      'default',
    ]);
    await insert(...before);
    expect(await ids('requests')).toHaveLength(before.length);
    const { rows } = await sql<{
      may: boolean;
    }>`select has_table_privilege('reader', 'requests', 'select') as may`.execute(database);
    expect(rows).toEqual([{ may: true }]);
    const { rows: constraints } =
      await sql`select conname from pg_constraint where conname like '%_before' and contype = 'c'`.execute(database);
    expect(constraints).toEqual([]);
  });

  const later = [
    message(0, Date.UTC(2027, 0, 5)),
    message(0, Date.UTC(2027, 1, 5), 'unsettled'),
    message(3, RECENT),
    message(0, RECENT, 'settled', 'other'),
  ];
  test('every month is a partition; a repeated row is written once in each, and an unsettled attempt is settled', async () => {
    await insert(...later);
    await insert(
      ...later.map(({ attempt, request }) => ({ attempt: { ...attempt!, costPicoUsd: '7' }, request: request! })),
    );
    expect(await ids('ledger_entries')).toHaveLength(before.length + later.length);
    if (!isSqlite)
      expect(await Promise.all(later.map((one) => partitionOf(idOf(one))))).toEqual([
        'requests_0_2027_01',
        'requests_0_2027_02',
        'requests_default',
        'requests_before',
      ]);
    const changes = (await report()).map(({ group, costPicoUsd }) => [group.day, group.settlement, costPicoUsd]);
    expect(changes).toContainEqual(['2027-02-05', 'unsettled', 1_000_001n]);
  });

  test('expired rows are deleted, sums stay, and unsettled rows stay until they are settled', async () => {
    await addChanges(database);
    const [reported, paid] = [await report(), await spent()];
    const muchLater = Date.UTC(2027, 2, 31);
    await applyRetention(database, { keep_timelines_days: 30 }, NOW);
    const timelines = await database.selectFrom('requests').select('request_id').where('timeline', '=', '[]').execute();
    expect(timelines.map((row) => row.request_id).sort()).toEqual([before[0]!, before[1]!].map(idOf).sort());
    await applyRetention(database, { keep_requests_days: 30 }, NOW);
    expect(await ids('requests')).toEqual([...before.slice(1), ...later].map(idOf).sort());
    await applyRetention(database, { keep_requests_days: 7 }, muchLater);
    const unsettled = [before[1]!, later[1]!];
    for (const table of ['requests', 'ledger_entries'] as const)
      expect(await ids(table)).toEqual(unsettled.map(idOf).sort());
    if (!isSqlite) expect((await listPartitions(database)).map(({ suffix }) => suffix).sort()).toEqual(['default']);
    expect(await report()).toEqual(reported);
    expect(await spent()).toBe(paid);

    await insert(
      ...unsettled.map(({ attempt }) => ({ attempt: { ...attempt!, state: 'settled' as const, costPicoUsd: '5' } })),
    );
    const sum = (await report()).reduce((all, { costPicoUsd }) => all + costPicoUsd, 0n);
    expect(sum).toBe(5n * 1_000_001n + 10n);
    await applyRetention(database, { keep_requests_days: 7 }, muchLater);
    expect(await ids('requests')).toEqual([]);
    expect((await report()).reduce((all, { costPicoUsd }) => all + costPicoUsd, 0n)).toBe(sum);
  });

  test('hourly sums are deleted, daily ones never', async () => {
    await addChanges(database);
    const hours = () => reportUsage(database, { groupBy: ['hour'] });
    const days = await report();
    await applyRetention(database, { keep_hours_days: 60 }, NOW);
    expect((await hours()).every(({ group }) => group.hour! > '2026-09')).toBe(true);
    expect(await hours()).not.toEqual([]);
    expect(await report()).toEqual(days);
    // A report over an earlier period says that it is incomplete; otherwise it would be mistaken for complete.
    const wholeFrom = async (query: ReportQuery) => (await reportPage(database, query, { limit: 5 })).wholeFrom;
    const first = new Date(Math.ceil((NOW - 60 * 86_400_000) / 3_600_000) * 3_600_000).toISOString();
    expect(await wholeFrom({ groupBy: ['hour'] })).toBe(first);
    expect(await wholeFrom({ groupBy: ['model'], filters: { tags: 'a' } })).toBe(first);
    expect(await wholeFrom({ groupBy: ['hour'], from: '2026-09-28' })).toBe(first);
    expect(await wholeFrom({ groupBy: ['hour'], from: '2026-09-29' })).toBeNull();
    expect(await wholeFrom({ groupBy: ['day', 'model'] })).toBeNull();
    await writeHoursFrom(database, '2026-01-01T00:00:00.000Z');
    expect(await wholeFrom({ groupBy: ['hour'] }), 'deleted hours stay deleted when more are kept').toBe(first);
  });
});
