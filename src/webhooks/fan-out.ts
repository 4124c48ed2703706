// Turns events into deliveries: one for each endpoint that subscribes to the event. Reads committed events and writes their
// deliveries in one transaction, so that each event is fanned out exactly once, even by several processes.
import type { Kysely, Selectable } from 'kysely';
import { createSortableId } from '../contracts/ids.ts';
import type { EventsOutboxTable } from '../storage/batch-tables.ts';
import { asNumber, type Database } from '../storage/database.ts';
import { isRowRefused } from '../storage/refused-rows.ts';
import type { Tables } from '../storage/tables.ts';
import { type WebhookEndpoint, wantsEvent } from './endpoint-store.ts';

type Event = Selectable<EventsOutboxTable>;

const EVENTS_AT_ONCE = 100;
/** Rows of one insert: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const ROWS_AT_ONCE = 500;

/**
 * Returns how many events were taken, at most 100; call again until it is 0. An event that cannot be fanned out is passed to
 * `onRefused` and skipped, so that the others do not wait for it.
 * @param endpoints all endpoints; disabled ones are skipped
 */
export async function fanOut(
  database: Database,
  endpoints: () => Promise<readonly WebhookEndpoint[]>,
  onRefused: (error: Error) => void,
): Promise<number> {
  // Without this query, an idle SQLite would be locked for writing once a second.
  if (!(await hasWaitingEvents(database))) return 0;
  // Read before the transaction, because SQLite has one connection. An endpoint that is removed meanwhile is noticed on sending.
  const receivers = (await endpoints()).filter(({ disabledAtMs }) => disabledAtMs === null);
  for (let limit = EVENTS_AT_ONCE; ; limit = limit >> 1) {
    try {
      return await fanOutOldest(database, receivers, limit);
    } catch (error) {
      if (!isEventAtFault(error)) throw error;
      if (limit > 1) continue;
      onRefused(error as Error);
      return (await takeEvents(database, 1)).length;
    }
  }
}

function isEventAtFault(error: unknown): boolean {
  return isRowRefused(error) || error instanceof SyntaxError || error instanceof TypeError;
}

function fanOutOldest(database: Database, receivers: readonly WebhookEndpoint[], limit: number): Promise<number> {
  return database.transaction().execute(async (transaction) => {
    const events = await takeEvents(transaction, limit);
    const rows = events.flatMap((event) => deliveriesOf(event, receivers));
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      await transaction
        .insertInto('webhook_deliveries')
        .values(rows.slice(from, from + ROWS_AT_ONCE))
        .onConflict((conflict) => conflict.columns(['event_id', 'endpoint_id']).doNothing())
        .execute();
    }
    return events.length;
  });
}

async function hasWaitingEvents(database: Database): Promise<boolean> {
  const query = database.selectFrom('events_outbox').select('id').where('fanned_out_at_ms', 'is', null);
  return (await query.limit(1).executeTakeFirst()) !== undefined;
}

/** The update is also the lock: another process waits for it and then finds these events taken. */
function takeEvents(transaction: Kysely<Tables>, limit: number): Promise<Event[]> {
  return transaction
    .updateTable('events_outbox')
    .set({ fanned_out_at_ms: Date.now() })
    .where('fanned_out_at_ms', 'is', null)
    .where('id', 'in', (query) =>
      query
        .selectFrom('events_outbox')
        .select('id')
        .where('fanned_out_at_ms', 'is', null)
        .orderBy('created_at_ms')
        .limit(limit),
    )
    .returningAll()
    .execute();
}

function deliveriesOf(event: Event, receivers: readonly WebhookEndpoint[]) {
  const nowMs = Date.now();
  const body = encodeEvent(event);
  return receivers
    .filter((endpoint) => wantsEvent(endpoint, { type: event.type, keyId: event.key_id }))
    .map((endpoint) => ({
      id: `whd_${createSortableId(nowMs)}`,
      event_id: event.id,
      event_type: event.type,
      endpoint_id: endpoint.id,
      body,
      state: 'pending',
      attempts: 0,
      next_attempt_at: nowMs,
      lease_owner: null,
      lease_until: 0,
      created_at: nowMs,
      finished_at: null,
      last_status: null,
      last_error: null,
    }));
}

/** The format of OpenAI's webhooks (npm openai 7.55.0, `resources/webhooks`); `created_at` is unix seconds. */
export function encodeEvent(event: Pick<Event, 'id' | 'type' | 'subject_id' | 'created_at_ms' | 'payload'>): string {
  const data = { id: event.subject_id, ...(JSON.parse(event.payload) as object) };
  const createdAt = Math.floor(asNumber(event.created_at_ms) / 1_000);
  return JSON.stringify({ id: event.id, object: 'event', created_at: createdAt, type: event.type, data });
}
