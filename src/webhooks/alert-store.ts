// Alerts in SQL. Each is reported once, over the whole fleet and across restarts: its row and its webhook event are written in
// one transaction, and a constraint refuses a second row for the same thing.
import { createSortableId } from '../contracts/ids.ts';
import { asNumber, type Database } from '../storage/database.ts';

export const ALERT_TYPES = [
  'budget.threshold_reached',
  'credits.low',
  'account.expiring',
  'provider.credential_refused',
  'spend.anomaly',
  'reconciliation.differs',
  'alert.resolved',
] as const;
export type AlertType = (typeof ALERT_TYPES)[number];

export interface NewAlert {
  type: AlertType;
  /** Deduplication key: an alert with the same key is raised only once. */
  once: string;
  /** Id of the client key concerned; absent if there is none. */
  keyId?: string;
  payload: object;
  /** Absent: kept forever, so that it is never reported again. */
  expiresAtMs?: number;
}

export interface Alert {
  id: string;
  type: AlertType;
  createdAtMs: number;
  payload: object;
}

export interface AlertStore {
  /** False if it was raised before. */
  raise(alert: NewAlert): Promise<boolean>;
  /** Deduplication keys (`once`) of alerts that are not resolved yet. */
  open(type: AlertType): Promise<string[]>;
  /**
   * Marks an alert as resolved, so that it can be raised again, and reports that once unless `isQuiet`. False if it was not open.
   */
  resolve(once: string, nowMs: number, isQuiet?: boolean): Promise<boolean>;
  /** Newest first. @param before id of an alert: those older than it. */
  list(query: { limit: number; type?: AlertType | undefined; before?: string | undefined }): Promise<Alert[]>;
  prune(nowMs: number): Promise<void>;
}

/** `once` of a resolved alert ends with this and its id. */
const RESOLVED = '#resolved:';
const RESOLVED_KEPT_MS = 100 * 86_400_000;

async function insert(transaction: Database, alert: NewAlert): Promise<boolean> {
  const { type, once, keyId = '', payload, expiresAtMs } = alert;
  const now = Date.now();
  const id = `alert_${createSortableId(now)}`;
  const text = JSON.stringify(payload);
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('alerts')
    .values({ id, once, type, key_id: keyId, payload: text, created_at: now, expires_at: expiresAtMs ?? null })
    .onConflict((conflict) => conflict.column('once').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 0n) return false;
  await transaction
    .insertInto('events_outbox')
    .values({ id: `evt_${id}`, type, key_id: keyId, subject_id: id, created_at_ms: now, payload: text })
    .execute();
  return true;
}

export function createAlertStore(database: Database): AlertStore {
  return {
    raise: (alert) => database.transaction().execute((transaction) => insert(transaction, alert)),
    async open(type) {
      const rows = await database
        .selectFrom('alerts')
        .select('once')
        .where('type', '=', type)
        .where('once', 'not like', `%${RESOLVED}%`)
        .execute();
      return rows.map(({ once }) => once);
    },
    resolve: (once, nowMs, isQuiet = false) =>
      database.transaction().execute(async (transaction) => {
        const row = await transaction
          .selectFrom('alerts')
          .select(['id', 'type', 'key_id', 'payload', 'created_at'])
          .where('once', '=', once)
          .executeTakeFirst();
        if (row === undefined) return false;
        const { numUpdatedRows } = await transaction
          .updateTable('alerts')
          .set({ once: `${once}${RESOLVED}${row.id}`, expires_at: nowMs + RESOLVED_KEPT_MS })
          .where('once', '=', once)
          .executeTakeFirst();
        // Another process was first.
        if (numUpdatedRows === 0n) return false;
        if (isQuiet) return true;
        const payload = {
          alert: row.id,
          alert_type: row.type,
          told_at: new Date(asNumber(row.created_at)).toISOString(),
          about: JSON.parse(row.payload) as object,
        };
        const told = { type: 'alert.resolved' as const, once: `resolved:${row.id}`, payload };
        return insert(transaction, {
          ...told,
          ...(row.key_id !== '' && { keyId: row.key_id }),
          expiresAtMs: nowMs + RESOLVED_KEPT_MS,
        });
      }),
    async list({ limit, type, before }) {
      let query = database.selectFrom('alerts').select(['id', 'type', 'created_at', 'payload']);
      if (type !== undefined) query = query.where('type', '=', type);
      if (before !== undefined) query = query.where('id', '<', before);
      const rows = await query.orderBy('id', 'desc').limit(limit).execute();
      return rows.map((row) => ({
        id: row.id,
        type: row.type as AlertType,
        createdAtMs: asNumber(row.created_at),
        payload: JSON.parse(row.payload) as object,
      }));
    },
    async prune(nowMs) {
      await database.deleteFrom('alerts').where('expires_at', '<', nowMs).execute();
    },
  };
}
