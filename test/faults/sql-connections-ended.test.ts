// Symptom: a worker process exited with status 0 when PostgreSQL closed its connections (pg_terminate_backend, a restart, a
// proxy's limit). Cause: connections in use had no error listener. Fix: src/storage/database.ts adds one to every connection.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

/** While requests come: connections are ended in every state that they are in. */
const ENDINGS = 25;

const postgres = await startTestPostgres();

describe.skipIf(postgres === null)('connections that PostgreSQL ends, again and again', () => {
  let vendors: Providers;
  let broker: TestBroker;
  const answers: Answer[] = [];

  const endAll = () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'sluice' and pid <> pg_backend_pid()`.execute(broker.database);

  beforeAll(async () => {
    vendors = await startProviders({ tokens: 12 });
    broker = await startBroker({
      configuration: providerConfiguration(vendors),
      databaseUrl: postgres!.url,
      workers: 2,
    });
    await ask(broker.url, { prompt: 'Before.' });
    for (let round = 0; round < ENDINGS; round++) {
      const asked = [0, 1].map((index) => ask(broker.url, { prompt: `Round ${round} ${index}.`, stream: index === 0 }));
      await endAll();
      answers.push(...(await Promise.all(asked)));
    }
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
    await postgres?.stop();
  });

  test('what the clients received: their answers', () => {
    expect(answers.map(({ status, ending }) => `${status} ${ending}`)).toEqual(answers.map(() => '200 whole'));
  });

  test('what was billed: every call once', async () => {
    await booksClosed(broker, 30_000);
    const rows = await ledgerRows(broker);
    expect(rows).toHaveLength(2 * ENDINGS + 1);
    expectLedgerEqualsBill(rows, vendors);
  });

  test('what happens to the next request: it is answered by the same processes', async () => {
    expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
    const processes = [...broker.apis, ...broker.workers];
    expect(processes.map(({ child }) => child.exitCode ?? child.signalCode)).toEqual(processes.map(() => null));
    const log = processes.map((running) => running.log()).join('');
    expect(log).toContain('terminating connection due to administrator command');
    expect(log).not.toContain('uncaught');
  });
});
