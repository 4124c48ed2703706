// Symptom: one request stopped all ledger writes forever, while /readyz reported ready. Cause: SQL refused its row, and the
// writer repeated the same transaction. Fix: a refused message is set aside alone; an operator can inspect and replay it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { admin, readMetrics, readReadiness } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { processPath } from '#test/support/processes.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

interface ShownReject {
  id: string;
  request_id: string;
  part: string;
  reason: string;
  message?: { attempt?: object; request?: object };
}

const REFUSED_PROMPT = 'Refused.';
const postgres = await startTestPostgres();
const directory = mkdtempSync(join(tmpdir(), 'sluice-refused-'));

let vendors: Providers;
let broker: TestBroker;
let refused: Answer;
let others: Answer[];

/** The database refuses the rows of streams. */
async function refuseStreams(): Promise<void> {
  const statements = broker.databaseUrl.startsWith('sqlite:')
    ? [
        `create trigger refusing before insert on requests when new.is_stream = 1
           begin select raise(abort, 'no streams here'); end`,
      ]
    : [
        `create function refuse() returns trigger as $$ begin
           if new.is_stream = 1 then raise exception 'no streams here'; end if; return new; end $$ language plpgsql`,
        'create trigger refusing before insert on requests for each row execute function refuse()',
      ];
  for (const statement of statements) await sql.raw(statement).execute(broker.database);
}

async function acceptAll(): Promise<void> {
  const isSqlite = broker.databaseUrl.startsWith('sqlite:');
  await sql.raw(isSqlite ? 'drop trigger refusing' : 'drop trigger refusing on requests').execute(broker.database);
}

const rejects = async () => (await admin<{ data: ShownReject[] }>(broker, 'GET', '/ledger/rejects')).json.data;

async function command(...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, SLUICE_ADMIN_KEY: ADMIN_KEY, SLUICE_BASE_URL: broker.url };
  const cli = [processPath('src/cli.ts'), 'ledger', 'rejects', ...args];
  return (await promisify(execFile)(process.execPath, cli, { env, cwd: directory })).stdout;
}

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const databaseUrl = postgres === null ? {} : { databaseUrl: postgres.url };
  broker = await startBroker({ configuration: providerConfiguration(vendors), ...databaseUrl });
  await refuseStreams();
  const asked = ask(broker.url, { stream: true, prompt: REFUSED_PROMPT });
  others = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(broker.url, { prompt: `Other ${index}.` })));
  refused = await asked;
  await booksClosed(broker);
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('what the clients received: their answers', () => {
  expect(refused).toMatchObject({ status: 200, ending: 'whole' });
  expect(others.map(({ status }) => status)).toEqual(others.map(() => 200));
});

test('what was billed: everything except the refused message, which is listed with its reason', async () => {
  expect(await ledgerRows(broker)).toHaveLength(others.length);
  const [reject, ...more] = await rejects();
  expect(more).toEqual([]);
  expect(reject).toMatchObject({
    request_id: refused.headers['x-request-id'],
    part: 'ledger',
    reason: expect.stringContaining('no streams here'),
  });
  const shown = (await admin<ShownReject>(broker, 'GET', `/ledger/rejects/${reject!.id}`)).json;
  expect(shown.message).toMatchObject({ request: { requestId: refused.headers['x-request-id'] } });
  await waitFor('it to be counted', async () => /^sluice_ledger_rejects 1$/m.test(await readMetrics(broker)), 10_000);
  expect(await readReadiness(broker)).toMatchObject({ status: 'ready', ledger: { waiting: 0, rejects: 1 } });
});

test('what happens to it: refused again while SQL refuses it, written when it does not', async () => {
  const [{ id }] = (await rejects()) as [ShownReject];
  expect(await command('list')).toContain(id);
  expect(await command('replay', id)).toContain('1 replayed');
  const [again] = await waitFor('it to come back', async () => {
    const listed = await rejects();
    return listed.length === 1 && listed[0]!.id !== id ? listed : null;
  });
  await acceptAll();
  expect(await command('replay', '--all')).toContain('1 replayed');
  await booksClosed(broker);
  expect(await rejects()).toEqual([]);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
  expect((await admin(broker, 'GET', `/ledger/rejects/${again!.id}`)).status).toBe(404);
});

test('an invalid message can be corrected or deleted', async () => {
  const raw = { attempt: { requestId: 'req_wrong', inputTokens: 1e30 } };
  const key = createKeyspace('sluice').ledgerStream;
  for (const _ of [1, 2]) await broker.redis.client.xadd(key, '*', 'e', JSON.stringify(raw));
  const [first, second] = await waitFor('both', async () => ((await rejects()).length === 2 ? rejects() : null));
  const file = join(directory, 'message.json');
  writeFileSync(file, JSON.stringify({}));
  await command('replay', first!.id, '--message', file);
  expect(await command('delete', second!.id)).toContain('1 deleted');
  await booksClosed(broker);
  expect(await command('list')).toContain('No refused messages.');
});

test('what happens to the next request: it is in the ledger', async () => {
  expect((await ask(broker.url, { stream: true, prompt: 'And then?' })).status).toBe(200);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});
