// Symptom: one row that PostgreSQL refuses (a provider's 1e30 tokens) stopped all later entries, even over restarts; on SQLite,
// one of 1e308 made every report fail. Cause: a transaction of up to 256 messages was always repeated as a whole. Fix: a
// refused message is found by bisection and set aside with its reason; impossible figures are refused on both engines.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Runtime } from '#src/config/runtime.ts';
import { configurationSchema } from '#src/config/schema.ts';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '#src/contracts/ledger-entry.ts';
import { createRejectStore, type RejectStore } from '#src/ledger/reject-store.ts';
import { reportUsage } from '#src/ledger/reports.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { createOperationsMetrics } from '#src/telemetry/metrics.ts';
import { ledgerEntry } from '#test/support/ledger-entry.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { responseSpec } from '#test/support/response-spec.ts';
import { waitFor } from '#test/support/wait.ts';
import { startLedger } from '../../../workers/support/start-ledger.ts';

const keyspace = createKeyspace('test');
const postgres = await startTestPostgres();
const directory = mkdtempSync(join(tmpdir(), 'sluice-refused-'));
const engines: [name: string, url: string][] = [['SQLite', `sqlite:${join(directory, 'sluice.db')}`]];
if (postgres !== null) engines.push(['PostgreSQL', postgres.url]);

let redis: TestRedis;
let database: Database;
let rejects: RejectStore;
let registry: Registry;
let log: string[];
let ledger: { stop(): Promise<void> };

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis.stop();
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function start(databaseUrl: string): Promise<void> {
  log = [];
  registry = new Registry();
  const configuration = configurationSchema.parse({ dead_letters: { bodies: 'none' } });
  ledger = await startLedger(
    { databaseUrl, configuration, replyShards: 1 } as unknown as Runtime,
    { kind: 'standalone', url: redis.url },
    keyspace,
    pino({ base: null }, { write: (line: string) => void log.push(line) }),
    createOperationsMetrics(registry),
  );
}

const attempt = (requestId: string, change: Partial<LedgerEntry> = {}) =>
  ledgerEntry({
    requestId,
    keyId: 'key_a',
    queueMs: 1,
    durationMs: 2,
    inputTokens: 10,
    outputTokens: 2,
    costPicoUsd: '18000000',
    ...change,
  });

const outcome = (requestId: string, change: Partial<RequestOutcome> = {}): RequestOutcome => ({
  requestId,
  keyId: 'key_a',
  model: 'm',
  protocol: 'openai-chat',
  lane: 'interactive',
  isStream: false,
  outcome: 'ok',
  provider: 'p',
  upstreamModel: 'm',
  acceptedAtMs: Date.UTC(2026, 10, 28),
  finishedAtMs: Date.UTC(2026, 10, 28) + 5,
  attempts: 1,
  costPicoUsd: '18000000',
  timeline: [],
  chargeUnits: 1,
  ...change,
});

const good = (id: string): LedgerMessage => ({ attempt: attempt(id), request: outcome(id) });
const append = (message: unknown) =>
  redis.client.xadd(
    keyspace.ledgerStream,
    '*',
    'e',
    typeof message === 'string' ? message : JSON.stringify(message),
  ) as Promise<string>;
const whenWritten = () =>
  waitFor('everything to be written', async () => (await redis.client.xlen(keyspace.ledgerStream)) === 0, 10_000);
const booked = async () =>
  (await database.selectFrom('ledger_entries').select('request_id').orderBy('request_id').execute()).map(
    (row) => row.request_id,
  );

const POISON: [name: string, message: unknown][] = [
  ['tokens of 1e30', { attempt: attempt('bad', { inputTokens: 1e30 }) }],
  ['tokens of 2e19', { attempt: attempt('bad', { outputTokens: 2e19 }) }],
  ['negative tokens', { attempt: attempt('bad', { outputTokens: -5 }) }],
  ['half a token', { attempt: attempt('bad', { outputTokens: 0.5 }) }],
  ['a cost of 1e308', { attempt: attempt('bad', { costPicoUsd: `1${'0'.repeat(308)}` }) }],
  ['a cost that is no number', { attempt: attempt('bad', { costPicoUsd: 'NaN' }) }],
  ['a negative cost', { request: outcome('bad', { costPicoUsd: '-1' }) }],
  ['a charge of 1e30', { request: outcome('bad', { chargeUnits: 1e30 }) }],
  ['a time that is none', { attempt: attempt('bad', { startedAtMs: 1e300 }) }],
  ['a missing column', { request: { ...outcome('bad'), model: undefined } }],
  ['a column that is null', { attempt: attempt('bad', { model: null as unknown as string }) }],
  ['a column that is an object', { attempt: attempt('bad', { model: {} as unknown as string }) }],
  ['an attempt that is a number', { attempt: 5 }],
  ['a letter without an outcome', { deadLetter: { spec: responseSpec(), failure: null } }],
  ['null', 'null'],
  ['a list', '[]'],
  ['no JSON', '{"attempt":'],
];

describe.each(engines)('on %s', (engine, url) => {
  beforeEach(async () => {
    await redis.client.flushall();
    database = await openDatabase(url, () => undefined);
    for (const table of ['ledger_entries', 'requests', 'ledger_rejects'] as const)
      await database.deleteFrom(table).execute();
    rejects = createRejectStore(database);
  });
  afterEach(async () => {
    await ledger.stop();
    await database.destroy();
  });

  test('every refused message is set aside, everything else is written', async () => {
    const ids = new Map<string, string>();
    for (const [index, [name, message]] of POISON.entries()) {
      await append(good(`good_${String(index).padStart(2, '0')}`));
      ids.set(await append(message), name);
    }
    await append(good('last'));
    await start(url);
    await whenWritten();
    expect(await booked()).toEqual([...POISON.map((_, index) => `good_${String(index).padStart(2, '0')}`), 'last']);
    const kept = await rejects.list(100);
    expect(kept.map(({ id }) => ids.get(id)).sort()).toEqual(POISON.map(([name]) => name).sort());
    expect(kept.every(({ reason }) => reason.length > 0)).toBe(true);
    const [firstId] = [...ids.keys()];
    expect((await rejects.find(firstId!))?.message).toBe(JSON.stringify(POISON[0]![1]));
    const [report] = await reportUsage(database, { groupBy: [] });
    expect(report).toMatchObject({ attempts: POISON.length + 1, costPicoUsd: 18_000_000n * BigInt(POISON.length + 1) });
    expect(await registry.metrics()).toContain('sluice_ledger_rejected_total{part="ledger"}');
    expect(log.filter((line) => line.includes('was set aside'))).toHaveLength(POISON.length);
  });

  test('a message refused by a trigger of the database is set aside as well', async () => {
    await refuse(engine);
    for (const id of ['a', 'refused', 'b']) await append(good(id));
    await start(url);
    await whenWritten();
    await accept(engine);
    expect(await booked()).toEqual(['a', 'b']);
    expect(await rejects.list(10)).toMatchObject([
      { requestId: 'refused', reason: expect.stringContaining('not here') },
    ]);
    // Replayed by its text, once the database accepts it.
    await append((await rejects.find((await rejects.list(10))[0]!.id))!.message);
    await whenWritten();
    expect(await booked()).toEqual(['a', 'b', 'refused']);
  });

  test('text with NUL and lone surrogates is written without them', async () => {
    await append({ attempt: attempt('nul', { model: 'a\0b', upstreamModel: '\ud800c' }), request: outcome('nul') });
    await start(url);
    await whenWritten();
    const row = await database.selectFrom('ledger_entries').selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({ model: 'a\ufffdb', upstream_model: '\ufffdc' });
  });

  test('invalid values of an earlier release break no report, and a large sum is exact', async () => {
    const row = async (id: string, cost: string) => {
      await append({ attempt: attempt(id, { costPicoUsd: '1' }) });
      return { id, cost };
    };
    const rows = [await row('absurd', `1${'0'.repeat(308)}`)];
    for (let number = 0; number < 12; number++) rows.push(await row(`large_${number}`, '999999999999999999'));
    await start(url);
    await whenWritten();
    for (const { id, cost } of rows)
      await database.updateTable('ledger_entries').set({ cost_pico_usd: cost }).where('request_id', '=', id).execute();
    const [report] = await reportUsage(database, { groupBy: [] });
    expect(report).toMatchObject({ attempts: 13, costPicoUsd: 12n * 999_999_999_999_999_999n, inputTokens: 130 });
  });

  test('a missing table is waited for: nothing is set aside, and it is logged once', async () => {
    await database.schema.alterTable('requests').renameTo('requests_away').execute();
    await append(good('a'));
    await start(url);
    await waitFor('the trouble', () => log.some((line) => line.includes('entries wait"')));
    const tried = () => redis.client.xpending(keyspace.ledgerStream, 'writers', '-', '+', 10) as Promise<unknown[][]>;
    await waitFor('a second and third try', async () => Number((await tried())[0]?.[3] ?? 0) >= 3, 10_000);
    await database.schema.alterTable('requests_away').renameTo('requests').execute();
    await whenWritten();
    expect(await rejects.count()).toBe(0);
    expect(await booked()).toEqual(['a']);
    await waitFor('the end of it', () => log.some((line) => line.includes('entries wait is over')));
    expect(log.filter((line) => line.includes('entries wait"'))).toHaveLength(1);
  });
});

const REFUSING: Record<string, string[]> = {
  SQLite: [
    `create trigger refusing before insert on ledger_entries when new.request_id = 'refused'
       begin select raise(abort, 'not here'); end`,
  ],
  PostgreSQL: [
    `create or replace function refuse() returns trigger as $$ begin
       if new.request_id = 'refused' then raise exception 'not here'; end if; return new; end $$ language plpgsql`,
    'create trigger refusing before insert on ledger_entries for each row execute function refuse()',
  ],
};

async function refuse(engine: string): Promise<void> {
  for (const statement of REFUSING[engine]!) await sql.raw(statement).execute(database);
}

async function accept(engine: string): Promise<void> {
  await sql
    .raw(engine === 'SQLite' ? 'drop trigger refusing' : 'drop trigger refusing on ledger_entries')
    .execute(database);
}
