// Symptom: one event that could not become deliveries blocked a hundred others, and all later ones, forever. Cause: they were
// one transaction that was repeated as a whole. Fix: groups are divided until the event is alone, and it is skipped.
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '#src/storage/database.ts';
import type { WebhookEndpoint } from '#src/webhooks/endpoint-store.ts';
import { fanOut } from '#src/webhooks/fan-out.ts';

const endpoint: WebhookEndpoint = {
  id: 'whe_1',
  origin: 'admin',
  keyId: null,
  url: 'https://receiver.example/',
  events: ['*'],
  createdAtMs: 1,
  disabledAtMs: null,
  disabledReason: null,
};
const EVENTS = 40;

let database: Database;
beforeEach(async () => {
  database = await openDatabase('sqlite::memory:', () => undefined);
  const ids = Array.from({ length: EVENTS }, (_, index) => `evt_${String(index).padStart(2, '0')}`);
  await database
    .insertInto('events_outbox')
    .values(
      ids.map((id, index) => ({ id, type: 't', key_id: 'k', subject_id: 's', created_at_ms: index, payload: '{}' })),
    )
    .execute();
});
afterEach(() => database.destroy());

async function fanOutAll(): Promise<string[]> {
  const told: string[] = [];
  for (let rounds = 0; rounds < 100; rounds++) {
    const taken = await fanOut(
      database,
      async () => [endpoint],
      ({ message }) => void told.push(message),
    );
    if (taken === 0) return told;
  }
  return expect.unreachable('it goes round for ever');
}

const deliveries = async () =>
  (await database.selectFrom('webhook_deliveries').select('event_id').execute()).map((row) => row.event_id);

test('only an event with a broken payload is left out', async () => {
  await database.updateTable('events_outbox').set({ payload: '{' }).where('id', 'in', ['evt_07', 'evt_33']).execute();
  expect(await fanOutAll()).toHaveLength(2);
  expect(await deliveries()).toHaveLength(EVENTS - 2);
  expect(await deliveries()).not.toContain('evt_07');
});

test('only an event whose delivery SQL refuses is left out', async () => {
  await sql`create trigger refusing before insert on webhook_deliveries when new.event_id = 'evt_20'
    begin select raise(abort, 'not here'); end`.execute(database);
  expect(await fanOutAll()).toEqual([expect.stringContaining('not here')]);
  expect(await deliveries()).toHaveLength(EVENTS - 1);
});

test('while SQL is down, all of them are kept for later', async () => {
  await database.schema.dropTable('webhook_deliveries').execute();
  await expect(fanOutAll()).rejects.toThrow('no such table');
  const waiting = await database
    .selectFrom('events_outbox')
    .select('id')
    .where('fanned_out_at_ms', 'is', null)
    .execute();
  expect(waiting).toHaveLength(EVENTS);
});
