// Symptom: a worker process stood still for five seconds, then "database is locked". Cause: it has several connections to one
// SQLite file (ledger, batches, webhooks), and SQLite waits for a lock by blocking the thread that the owner of the lock needs.
// Fix: src/storage/database.ts waits without blocking.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '#src/storage/database.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a write waits for another connection of the same process, and both succeed', async () => {
  const url = `sqlite:${join(directory, 'test.db')}`;
  const [one, other] = [await openDatabase(url, () => undefined), await openDatabase(url, () => undefined)];
  const row = (id: string) => ({
    id,
    type: 'batch.completed',
    key_id: 'key_1',
    subject_id: 'batch_1',
    created_at_ms: 1,
    payload: '{}',
  });
  const order: string[] = [];
  let second: Promise<unknown> = Promise.resolve();
  await one.transaction().execute(async (transaction) => {
    await transaction.insertInto('events_outbox').values(row('evt_1')).execute();
    second = other
      .insertInto('events_outbox')
      .values(row('evt_2'))
      .execute()
      .then(() => order.push('second'));
    // The thread is free: a timer comes when it is due.
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push('first');
  });
  await second;
  expect(order).toEqual(['first', 'second']);
  expect(await one.selectFrom('events_outbox').select('id').orderBy('id').execute()).toHaveLength(2);
  await Promise.all([one.destroy(), other.destroy()]);
});
