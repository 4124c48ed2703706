// Alerts in SQL. Each is reported once, over the whole fleet and across restarts: its row and its webhook event are written in
// one transaction, and a constraint refuses a second row for the same thing.
import type { ExpressionBuilder, Selectable } from 'kysely';
import { createSortableId } from '../contracts/ids.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { Tables } from '../storage/tables.ts';
import type { AlertsTable } from '../storage/webhook-tables.ts';

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
  /** Null while it lasts. A notice that another alert is resolved ends when it begins. */
  endedAtMs: number | null;
  payload: object;
}

export interface AlertQuery {
  limit: number;
  type?: AlertType | undefined;
  /** Id of an alert: those older than it. */
  before?: string | undefined;
  /** `current`: open alerts. `over`: alerts that have ended. Both leave out the notices of ends. */
  state?: 'current' | 'over' | undefined;
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
  /** Newest first. */
  list(query: AlertQuery, nowMs: number): Promise<Alert[]>;
  prune(nowMs: number): Promise<void>;
}

/** `once` of a resolved alert ends with this and its id. */
const RESOLVED = '#resolved:';
const RESOLVED_KEPT_MS = 100 * 86_400_000;
const HOUR_MS = 3_600_000;
/** The next day's bill is compared after this time. */
const BILL_MS = 24 * HOUR_MS;

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

function hourOf(unixMs: number): number {
  return Math.floor(unixMs / HOUR_MS) * HOUR_MS;
}

/** Unusual spending is about the hour in which it was found, a bill about one day; all others last until they are resolved. */
function isCurrent(where: ExpressionBuilder<Tables, 'alerts'>, nowMs: number) {
  return where.and([
    where('once', 'not like', `%${RESOLVED}%`),
    where.or([where('type', '<>', 'spend.anomaly'), where('created_at', '>=', hourOf(nowMs))]),
    where.or([where('type', '<>', 'reconciliation.differs'), where('created_at', '>', nowMs - BILL_MS)]),
  ]);
}

type AlertRow = Pick<Selectable<AlertsTable>, 'type' | 'once' | 'created_at' | 'expires_at'>;

/** As `isCurrent` has it. */
function endOf({ type, once, created_at, expires_at }: AlertRow, nowMs: number): number | null {
  const createdAtMs = asNumber(created_at);
  if (type === 'alert.resolved') return createdAtMs;
  if (once.includes(RESOLVED)) return asNumber(expires_at!) - RESOLVED_KEPT_MS;
  const ends =
    type === 'spend.anomaly'
      ? hourOf(createdAtMs) + HOUR_MS
      : type === 'reconciliation.differs'
        ? createdAtMs + BILL_MS
        : Number.POSITIVE_INFINITY;
  return ends <= nowMs ? ends : null;
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
    async list({ limit, type, before, state }, nowMs) {
      let query = database.selectFrom('alerts').select(['id', 'type', 'once', 'created_at', 'expires_at', 'payload']);
      if (type !== undefined) query = query.where('type', '=', type);
      if (before !== undefined) query = query.where('id', '<', before);
      if (state !== undefined) {
        query = query
          .where('type', '<>', 'alert.resolved')
          .where((where) => (state === 'current' ? isCurrent(where, nowMs) : where.not(isCurrent(where, nowMs))));
      }
      const rows = await query.orderBy('id', 'desc').limit(limit).execute();
      return rows.map((row) => ({
        id: row.id,
        type: row.type as AlertType,
        createdAtMs: asNumber(row.created_at),
        endedAtMs: endOf(row, nowMs),
        payload: JSON.parse(row.payload) as object,
      }));
    },
    async prune(nowMs) {
      await database.deleteFrom('alerts').where('expires_at', '<', nowMs).execute();
    },
  };
}
