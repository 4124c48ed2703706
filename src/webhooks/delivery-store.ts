// Deliveries in SQL. Several processes claim them; a lease reserves a delivery for one process during one attempt, and the
// result is recorded only while that process still has the lease. Leases compare wall clocks, so the clocks of all
// processes must agree to within seconds.
import { type Selectable, sql } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import type { WebhookDeliveriesTable } from '../storage/webhook-tables.ts';

/**
 * A delivery's states:
 * - pending: waits for its next attempt, or has one in progress (lease). Becomes delivered after a 2xx; failed after the last
 *   attempt, or when its endpoint is gone.
 * - delivered, failed: finished. A replay makes either pending again, starting from its first attempt.
 */
export type DeliveryState = 'pending' | 'delivered' | 'failed';

export interface WebhookDelivery {
  id: string;
  eventId: string;
  eventType: string;
  endpointId: string;
  body: string;
  state: DeliveryState;
  /** Attempts since it was created or replayed. */
  attempts: number;
  nextAttemptAtMs: number;
  createdAtMs: number;
  finishedAtMs: number | null;
  /** HTTP status of the last attempt; null if there was no answer. */
  lastStatus: number | null;
  lastError: string | null;
}

export interface AttemptRecord {
  state: DeliveryState;
  /** When to try again, if pending. Unix ms. */
  nextAttemptAtMs: number;
  status: number | null;
  error: string | null;
}

export interface ClaimRequest {
  owner: string;
  leaseMs: number;
  limit: number;
  perEndpoint: number;
  /** Endpoints to skip, because they have enough attempts in flight. */
  except: readonly string[];
}

export interface DeliveryFilter {
  state?: DeliveryState | undefined;
  endpointId?: string | undefined;
  limit: number;
}

export interface DeliveryStore {
  /** Leases due deliveries to this owner, the longest overdue first. */
  claim(request: ClaimRequest): Promise<WebhookDelivery[]>;
  /** False if the lease was lost: another process has it, and records the result. */
  record(id: string, owner: string, attempt: AttemptRecord): Promise<boolean>;
  find(id: string): Promise<WebhookDelivery | null>;
  /** Newest first. */
  list(filter: DeliveryFilter): Promise<WebhookDelivery[]>;
  /** Makes it pending again, with the same webhook-id. Null if there is no such delivery. */
  replay(id: string): Promise<WebhookDelivery | null>;
  countPending(): Promise<number>;
  /** Removes finished deliveries, and events that were fanned out, from before `beforeMs`. */
  prune(beforeMs: number): Promise<void>;
}

export function createDeliveryStore(database: Database): DeliveryStore {
  const due = (nowMs: number, except: readonly string[]) => {
    const query = database
      .selectFrom('webhook_deliveries')
      .where('state', '=', 'pending')
      .where('next_attempt_at', '<=', nowMs)
      .where('lease_until', '<=', nowMs);
    return except.length === 0 ? query : query.where('endpoint_id', 'not in', except);
  };
  const find = async (id: string) => {
    const row = await database.selectFrom('webhook_deliveries').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : readDelivery(row);
  };

  return {
    async claim({ owner, leaseMs, limit, perEndpoint, except }) {
      const nowMs = Date.now();
      // Reads first, so that an idle SQLite is not locked for writing.
      if ((await due(nowMs, except).select('id').limit(1).executeTakeFirst()) === undefined) return [];
      const ranked = due(nowMs, except).select([
        'id',
        'next_attempt_at',
        // A receiver that hangs must not use up the whole limit.
        sql<number>`row_number() over (partition by endpoint_id order by next_attempt_at)`.as('rank'),
      ]);
      const rows = await database
        .updateTable('webhook_deliveries')
        .set({ lease_owner: owner, lease_until: nowMs + leaseMs })
        .where('id', 'in', (query) =>
          query
            .selectFrom(ranked.as('due'))
            .select('due.id')
            .where('due.rank', '<=', perEndpoint)
            .orderBy('due.next_attempt_at')
            .limit(limit),
        )
        // Repeated, because PostgreSQL checks the row again after waiting for another process's update.
        .where('state', '=', 'pending')
        .where('lease_until', '<=', nowMs)
        .returningAll()
        .execute();
      return rows.map(readDelivery);
    },
    async record(id, owner, { state, nextAttemptAtMs, status, error }) {
      const result = await database
        .updateTable('webhook_deliveries')
        .set((row) => ({
          state,
          attempts: row('attempts', '+', 1),
          next_attempt_at: nextAttemptAtMs,
          lease_owner: null,
          lease_until: 0,
          finished_at: state === 'pending' ? null : Date.now(),
          last_status: status,
          last_error: error,
        }))
        .where('id', '=', id)
        .where('lease_owner', '=', owner)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    find,
    async list({ state, endpointId, limit }) {
      let query = database.selectFrom('webhook_deliveries').selectAll();
      if (state !== undefined) query = query.where('state', '=', state);
      if (endpointId !== undefined) query = query.where('endpoint_id', '=', endpointId);
      const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
      return rows.map(readDelivery);
    },
    async replay(id) {
      await database
        .updateTable('webhook_deliveries')
        .set({ state: 'pending', attempts: 0, next_attempt_at: Date.now(), finished_at: null })
        .where('id', '=', id)
        .execute();
      return find(id);
    },
    async countPending() {
      const query = database.selectFrom('webhook_deliveries').where('state', '=', 'pending');
      const { pending } = await query.select(({ fn }) => fn.countAll().as('pending')).executeTakeFirstOrThrow();
      return asNumber(pending);
    },
    async prune(beforeMs) {
      await database.deleteFrom('webhook_deliveries').where('finished_at', '<', beforeMs).execute();
      await database.deleteFrom('events_outbox').where('fanned_out_at_ms', '<', beforeMs).execute();
    },
  };
}

function readDelivery(row: Selectable<WebhookDeliveriesTable>): WebhookDelivery {
  return {
    id: row.id,
    eventId: row.event_id,
    eventType: row.event_type,
    endpointId: row.endpoint_id,
    body: row.body,
    state: row.state as DeliveryState,
    attempts: asNumber(row.attempts),
    nextAttemptAtMs: asNumber(row.next_attempt_at),
    createdAtMs: asNumber(row.created_at),
    finishedAtMs: row.finished_at === null ? null : asNumber(row.finished_at),
    lastStatus: row.last_status === null ? null : asNumber(row.last_status),
    lastError: row.last_error,
  };
}
