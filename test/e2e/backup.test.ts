// A fleet is lost and restored from its backup: Redis' append-only file or a snapshot, and a dump of PostgreSQL. The new fleet
// answers requests that were queued at the time of the backup, and its ledger is consistent.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '#src/storage/database.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { ROOT } from '#test/support/processes.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const ANSWERED = 6;
const QUEUED = 4;
const LIMIT_MS = 90_000;

const postgres = await startTestPostgres();
const folder = mkdtempSync(join(tmpdir(), 'sluice-backup-'));

function script(name: string, variables: Record<string, string>): string {
  const env = { PATH: process.env.PATH, ...variables };
  return execFileSync(`${ROOT}deploy/backup/${name}.sh`, [join(folder, 'copy')], { env, encoding: 'utf8' });
}

async function queue(url: string): Promise<string> {
  const headers = { prefer: 'respond-async' };
  const { status, text } = await ask(url, { prompt: 'Queued when the copy was made.', headers });
  expect(status, text).toBe(202);
  return (JSON.parse(text) as { id: string }).id;
}

async function statusOf(url: string, id: string): Promise<string> {
  const answer = await fetch(`${url}/v1/requests/${id}`, { headers: { authorization: `Bearer ${TEST_KEY}` } });
  return ((await answer.json()) as { status: string }).status;
}

describe.skipIf(postgres === null)('a fleet that is rebuilt from its backup', () => {
  let vendors: Providers;
  let redis: TestRedis;
  let broker: TestBroker;
  let queued: string[];
  let said: string;

  beforeAll(async () => {
    vendors = await startProviders({ tokens: 10 });
    const configuration = providerConfiguration(vendors);
    const lost = await startBroker({ configuration, databaseUrl: postgres!.url, redis: { appendOnly: true } });
    for (let index = 0; index < ANSWERED; index++) await ask(lost.url, { prompt: `Answered ${index}.` });
    await lost.workers[0]!.stop();
    queued = await Promise.all(Array.from({ length: QUEUED }, () => queue(lost.url)));
    said = script('backup', { SLUICE_REDIS_URL: lost.redis.url, SLUICE_DATABASE_URL: postgres!.url });
    await sql`create database restored`.execute(lost.database);
    await lost.stop();

    const databaseUrl = postgres!.url.replace(/\/postgres$/, '/restored');
    const directory = join(folder, 'redis');
    script('restore', { SLUICE_DATABASE_URL: databaseUrl, REDIS_DIR: directory });
    redis = await startTestRedis({ appendOnly: true, args: ['--dir', directory] });
    broker = await startBroker({ configuration, databaseUrl, sharedRedis: redis });
  }, LIMIT_MS);
  afterAll(async () => {
    await broker?.stop();
    await redis?.stop();
    await vendors?.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the backup consists of the append-only file and PostgreSQL', () => {
    expect(said).toMatch(/Redis: the append-only file.*\n.*SQL: PostgreSQL/);
  });

  test('queued requests are answered, and so is the next one', async () => {
    await waitFor('the queued requests', async () => {
      const states = await Promise.all(queued.map((id) => statusOf(broker.url, id)));
      return states.every((state) => state === 'completed');
    });
    expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  });

  test('the ledger is complete: every call once, and every sum right', async () => {
    await booksClosed(broker);
    const rows = await ledgerRows(broker);
    expect(rows).toHaveLength(ANSWERED + QUEUED + 1);
    expectLedgerEqualsBill(rows, vendors);
    expect(await faultsInBooks(broker)).toEqual([]);
    await sql`update ledger_entries set cost_pico_usd = cost_pico_usd + 1 where request_id = ${queued[0]}`.execute(
      broker.database,
    );
    expect(await faultsInBooks(broker)).toMatchObject([{ request_id: queued[0] }]);
  });

  test('a snapshot over the network works as well as the file', async () => {
    const directory = mkdtempSync(join(folder, 'snapshot-'));
    const copy = join(directory, 'copy');
    const env = { PATH: process.env.PATH, SLUICE_DATABASE_URL: `sqlite:${join(directory, 'from.db')}` };
    await (await openDatabase(env.SLUICE_DATABASE_URL, () => undefined)).destroy();
    const other = await startTestRedis();
    await other.client.set('kept', 'yes');
    execFileSync(`${ROOT}deploy/backup/backup.sh`, [copy], {
      env: { ...env, SLUICE_REDIS_URL: other.url },
      stdio: 'pipe',
    });
    await other.stop();
    const restored = {
      ...env,
      SLUICE_DATABASE_URL: `sqlite:${join(directory, 'to.db')}`,
      REDIS_DIR: join(directory, 'redis'),
    };
    execFileSync(`${ROOT}deploy/backup/restore.sh`, [copy], { env: restored });
    const again = await startTestRedis({ appendOnly: true, args: ['--dir', restored.REDIS_DIR] });
    expect(await again.client.get('kept')).toBe('yes');
    await again.stop();
    await (await openDatabase(restored.SLUICE_DATABASE_URL, () => undefined)).destroy();
  });
});

async function faultsInBooks({ database }: TestBroker): Promise<unknown[]> {
  const text = readFileSync(`${ROOT}deploy/backup/check-books.sql`, 'utf8').replaceAll(/^--.*$/gm, '');
  const statements = text.split(';').filter((statement) => statement.trim() !== '');
  const results = await Promise.all(statements.map((statement) => sql.raw(statement).execute(database)));
  return results.flatMap(({ rows }) => rows);
}
