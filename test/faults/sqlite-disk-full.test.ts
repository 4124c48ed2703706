// The disk of SQLite is full. Requests are still answered; their entries wait in Redis and are written when there is space.
// Symptom: the log said "cannot rollback - no transaction is active". Cause: SQLite ends a transaction when its disk is full,
// and the error of the rollback after that hid the real one. Fix: src/storage/database.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { canFillDisks, emptyDiskOf, fillDiskOf } from '#test/support/full-disk.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, openEntries } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const REQUESTS = 20;

describe.skipIf(!canFillDisks)('a full disk', () => {
  let vendors: Providers;
  let broker: TestBroker;
  let answers: Answer[];
  let waiting: number;
  let log: string;
  let readiness: Response;

  beforeAll(async () => {
    vendors = await startProviders({ tokens: 12 });
    broker = await startBroker({ configuration: providerConfiguration(vendors) });
    await ask(broker.url, { prompt: 'Before.' });
    await booksClosed(broker);
    const worker = broker.workers[0]!;
    fillDiskOf(worker.child.pid!);
    const prompts = Array.from({ length: REQUESTS }, (_, index) => `Meanwhile ${index}.`);
    answers = await Promise.all(prompts.map((prompt, index) => ask(broker.url, { prompt, stream: index % 2 === 0 })));
    await waitFor('the trouble in the log', () => worker.log().includes('entries wait'));
    // The last answers are whole a moment before their entries are written.
    waiting = await waitFor('entries that wait', async () => {
      const count = await openEntries(broker);
      return count >= REQUESTS ? count : null;
    });
    readiness = await fetch(`${broker.url}/readyz`);
    emptyDiskOf(worker.child.pid!);
    await booksClosed(broker);
    await waitFor('the end of it in the log', () => worker.log().includes('entries wait is over'));
    log = worker.log();
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
  });

  test('what the clients received: their answers', () => {
    expect(answers.map(({ status, ending }) => `${status} ${ending}`)).toEqual(answers.map(() => '200 whole'));
    expect(readiness.status).toBe(200);
  });

  test('what was billed: everything, once there was room', async () => {
    expect(waiting).toBeGreaterThanOrEqual(REQUESTS);
    const rows = await ledgerRows(broker);
    expect(rows).toHaveLength(REQUESTS + 1);
    expectLedgerEqualsBill(rows, vendors);
    expect(await broker.database.selectFrom('ledger_rejects').select('id').execute()).toEqual([]);
  });

  test('what is logged: the real error', () => {
    expect(log).toMatch(/disk I\/O error|database or disk is full/);
    expect(log).not.toContain('cannot rollback');
  });

  test('what happens to the next request: it is in the ledger', async () => {
    expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
    await booksClosed(broker);
    expectLedgerEqualsBill(await ledgerRows(broker), vendors);
  });
});
