// The roll-ups of the ledger match its rows on both engines, for all writers, changes and deletions and any order of the jobs;
// rows from before the roll-ups are in reports before, while and after they are summed.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRandom, nextFraction } from '#simulator/engine/answers/random.ts';
import { createBudgetReader } from '#src/accounts/budgets.ts';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '#src/contracts/ledger-entry.ts';
import type { ReportDimension } from '#src/ledger/dimensions.ts';
import { createLedgerStore, dayOf } from '#src/ledger/ledger-store.ts';
import { chargesByDay, type ReportQuery, type ReportRow, reportPage, reportUsage } from '#src/ledger/reports.ts';
import { addChanges, sumEarlierDay } from '#src/ledger/rollups.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { ROLLUPS, summedFrom } from '#src/storage/rollup-tables.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();
const START_MS = Date.UTC(2026, 9, 30, 22);
const HOUR_MS = 3_600_000;
const MESSAGES = 400;

/** A few of everything, with duplicates, changes of state and what has no value. */
function messagesOf(seed: number, count = MESSAGES): LedgerMessage[] {
  const random = createRandom(seed);
  const pick = <T>(...values: T[]): T => values[Math.floor(nextFraction(random) * values.length)]!;
  return Array.from({ length: count }, (_, index) => {
    const requestId = `req_${seed}_${pick(index, Math.floor(index / 2))}`;
    const common = {
      requestId,
      keyId: pick('key_a', 'key_b'),
      model: pick('m', "m'2"),
      protocol: 'openai-chat',
      lane: pick('interactive' as const, 'batch' as const),
      isStream: true,
      outcome: pick('ok', 'ok', 'rate_limited'),
      provider: pick('p', 'q'),
      upstreamModel: 'u',
      costPicoUsd: pick('1', '999999', '1000001', '900000000000000001'),
      ...pick({}, { projectId: 'proj', organisationId: 'org' }),
      ...pick({}, {}, { labels: pick({ session: 's' }, { tags: ['a', 'b'] }, { batch: 'b1', tags: ['a'] }) }),
    };
    const atMs = START_MS + Math.floor(nextFraction(random) * 60) * HOUR_MS;
    const attempt: LedgerEntry = {
      ...common,
      attempt: pick(1, 2),
      deployment: 'd',
      ...pick({}, { credential: 'c' }),
      state: pick('settled' as const, 'estimated' as const, 'unsettled' as const),
      startedAtMs: atMs,
      queueMs: 1,
      firstByteMs: null,
      durationMs: 1,
      inputTokens: pick(1, 20),
      cachedInputTokens: 2,
      cacheWriteTokens: 3,
      outputTokens: pick(4, 5),
      reasoningTokens: 6,
    };
    const request: RequestOutcome = {
      ...common,
      creditAccount: pick('org', 'proj'),
      acceptedAtMs: atMs,
      finishedAtMs: atMs + 5,
      attempts: pick(1, 2),
      timeline: [],
      chargeUnits: pick(0, 7),
    };
    return pick({ attempt }, { attempt, request });
  });
}

const GROUPS: ReportDimension[][] = [
  [],
  ['day', 'status', 'lane'],
  ['hour', 'model'],
  ['month', 'key', 'project', 'organisation'],
  ['session', 'tags', 'batch'],
  ['provider', 'upstream_model', 'protocol'],
];

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  const isSqlite = url.startsWith('sqlite:');
  const insert = (messages: LedgerMessage[]) => createLedgerStore(database).insert(messages);

  async function setSummedFrom(value: string): Promise<void> {
    for (const name of ['attempt', 'request'] as const)
      await database.updateTable('ledger_progress').set({ value }).where('name', '=', summedFrom(name)).execute();
  }

  /** @param isPaged also page by page: many queries. */
  async function reports(isPaged = false): Promise<unknown> {
    const all: unknown[] = [];
    for (const per of ['attempt', 'request'] as const) {
      const groups =
        per === 'attempt'
          ? [...GROUPS, ['deployment', 'credential', 'settlement'] as const]
          : [...GROUPS, ['credits'] as const];
      for (const groupBy of groups) {
        const whole = await reportUsage(database, { per, groupBy });
        if (isPaged) expect(await pagesOf({ per, groupBy }, 17), 'page by page').toEqual(whole);
        all.push(whole);
      }
      all.push(await reportUsage(database, { per, groupBy: ['hour'], filters: { tags: 'b' }, from: '2026-10-31' }));
      all.push(
        await reportUsage(database, {
          per,
          groupBy: ['day'],
          filters: { project: '', status: 'ok' },
          to: '2026-10-31',
        }),
      );
    }
    all.push(await chargesByDay(database, 'org', {}));
    for (const [kind, id] of [
      ['key', 'key_a'],
      ['organisation', 'org'],
      ['credits', 'proj'],
    ] as const)
      for (const day of [null, '2026-10-31'])
        all.push(await createBudgetReader(database).spentSince({ id, kind }, day));
    return all;
  }

  /** The sums of the rows themselves, without roll-ups. */
  async function reportsOfRows(): Promise<unknown> {
    await setSummedFrom('9999');
    const of = await reports();
    await setSummedFrom('');
    return of;
  }

  /** A report, page by page. */
  async function pagesOf(query: ReportQuery, limit: number): Promise<ReportRow[]> {
    const rows: ReportRow[] = [];
    let after: string | null | undefined;
    do {
      const page = await reportPage(database, query, { limit, ...(after && { after }) });
      rows.push(...page.rows);
      after = page.next;
    } while (after !== null);
    return rows;
  }

  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    await setSummedFrom('');
    for (const table of ['ledger_entries', 'requests'] as const) await database.deleteFrom(table).execute();
    await addChanges(database);
  });

  test('roll-ups equal the rows, whatever several concurrent writers insert, change and delete', async () => {
    const messages = messagesOf(1);
    const [first, second] = [messages.slice(0, 250), messages.slice(150)];
    await Promise.all([insert(first), insert(second), addChanges(database)]);
    expect(await reports()).toEqual(await reportsOfRows());
    await addChanges(database);
    await insert(messages);
    await database
      .updateTable('ledger_entries')
      .set({ cost_pico_usd: '5', model: 'm3' })
      .where('attempt', '=', 2)
      .execute();
    await database.deleteFrom('requests').where('lane', '=', 'batch').execute();
    expect(await reports()).toEqual(await reportsOfRows());
    await addChanges(database);
    expect(await reports(true)).toEqual(await reportsOfRows());
    expect(await reportUsage(database, { per: 'request', groupBy: ['lane'] })).toMatchObject([
      { group: { lane: 'interactive' } },
    ]);
    await database.deleteFrom('requests').execute();
    expect(await reportUsage(database, { per: 'request', groupBy: ['lane'] })).toEqual([]);
  });

  test('roll-ups equal the rows of an upgraded ledger before, during and after they are summed, with new rows among them', async () => {
    const triggers = async (change: 'disable' | 'enable') => {
      for (const { source } of Object.values(ROLLUPS))
        await sql.raw(`alter table ${source} ${change} trigger user`).execute(database);
    };
    if (!isSqlite) await triggers('disable');
    await insert(messagesOf(2));
    if (!isSqlite) await triggers('enable');
    else
      for (const { name } of Object.values(ROLLUPS))
        for (const unit of ['hours', 'days']) await sql.raw(`delete from ${name}_${unit}`).execute(database);
    const days = await database.selectFrom('ledger_entries').select('day').distinct().execute();
    await setSummedFrom(dayOf(START_MS + 100 * HOUR_MS));
    const steps: boolean[] = [];
    for (let step = 0; step < 10; step++) {
      await insert(messagesOf(3 + step, 40));
      await addChanges(database);
      for (const rollup of Object.values(ROLLUPS)) steps.push(await sumEarlierDay(database, rollup));
      const now = await reports(step === 1);
      const from = await database.selectFrom('ledger_progress').selectAll().orderBy('name').execute();
      expect(now).toEqual(await reportsOfRows());
      for (const { name, value } of from)
        await database.updateTable('ledger_progress').set({ value }).where('name', '=', name).execute();
    }
    expect(steps.filter(Boolean)).toHaveLength(2 * days.length);
    expect(steps.slice(-2)).toEqual([false, false]);
  });
});
