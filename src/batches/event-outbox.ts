// Appends events to the outbox from which webhooks are delivered, in the transaction that they report: no event is lost, and
// none reports something that was rolled back.
import type { Insertable, Kysely } from 'kysely';
import type { BatchEvent } from '../contracts/batch.ts';
import { createSortableId } from '../contracts/ids.ts';
import type { EventsOutboxTable } from '../storage/batch-tables.ts';
import type { Tables } from '../storage/tables.ts';

export interface EventOutbox {
  append(event: BatchEvent): Promise<void>;
}

/** @param transaction the one that makes the change. */
export function createEventOutbox(transaction: Kysely<Tables>): EventOutbox {
  return {
    async append(event) {
      await transaction.insertInto('events_outbox').values(rowOf(event)).execute();
    },
  };
}

export interface OutboxEvent {
  /** Id of the event; appending it again does nothing. */
  id: string;
  type: string;
  keyId: string;
  /** Id of what it is about: all that a receiver gets. */
  subjectId: string;
  atMs: number;
}

/** For requests and responses. Safe to repeat. */
export async function appendEvent(transaction: Kysely<Tables>, event: OutboxEvent): Promise<void> {
  const { id, type, keyId, subjectId, atMs } = event;
  const payload = JSON.stringify({ id: subjectId });
  await transaction
    .insertInto('events_outbox')
    .values({ id, type, key_id: keyId, subject_id: subjectId, created_at_ms: atMs, payload })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** As in OpenAI's webhooks, `data` has the id of the batch (npm openai 7.55.0, resources/webhooks). */
function rowOf({ type, batchId, keyId, atMs }: BatchEvent): Insertable<EventsOutboxTable> {
  return {
    id: `evt_${createSortableId(atMs)}`,
    type,
    key_id: keyId,
    subject_id: batchId,
    created_at_ms: atMs,
    payload: JSON.stringify({ id: batchId }),
  };
}
