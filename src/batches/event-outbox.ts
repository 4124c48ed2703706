// Events for whoever delivers them. Appended in the transaction that makes them true: an event is never lost and never
// told of something that did not happen.
import type { Insertable, Kysely } from 'kysely';
import type { BatchEvent } from '../contracts/batch.ts';
import { createSortableId } from '../contracts/ids.ts';
import type { EventsOutboxTable } from '../storage/batch-tables.ts';
import type { Tables } from '../storage/tables.ts';

export interface EventOutbox {
  append(event: BatchEvent): Promise<void>;
}

/** @param transaction the one that changes what the event tells of. */
export function createEventOutbox(transaction: Kysely<Tables>): EventOutbox {
  return {
    async append(event) {
      await transaction.insertInto('events_outbox').values(rowOf(event)).execute();
    },
  };
}

export interface OutboxEvent {
  /** Of the event itself: one that is appended again is the same. */
  id: string;
  type: string;
  keyId: string;
  /** What it tells of: all that a receiver gets to know. */
  subjectId: string;
  atMs: number;
}

/** Of requests and responses. Safe to repeat. */
export async function appendEvent(transaction: Kysely<Tables>, event: OutboxEvent): Promise<void> {
  const { id, type, keyId, subjectId, atMs } = event;
  const payload = JSON.stringify({ id: subjectId });
  await transaction
    .insertInto('events_outbox')
    .values({ id, type, key_id: keyId, subject_id: subjectId, created_at_ms: atMs, payload })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** As OpenAI's webhooks have it, `data` holds the id of the batch (npm openai 7.55.0, resources/webhooks). */
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
