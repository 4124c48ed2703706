// Stores ledger messages that SQL refused, until an operator replays or deletes them: no billed call is lost.
import type { Selectable } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import type { LedgerRejectsTable } from '../storage/ledger-tables.ts';

/** The part that was refused: the ledger rows, the dead letter, the response. */
export type RejectedPart = 'ledger' | 'dead_letter' | 'response';

export interface Reject {
  /** Its id in the ledger stream. */
  id: string;
  requestId: string | null;
  part: RejectedPart;
  reason: string;
  rejectedAtMs: number;
}

export interface StoredReject extends Reject {
  /** The original message, unchanged. */
  message: string;
}

export interface RejectStore {
  /** Safe to repeat: the first reason is kept. False if the message is already stored. */
  insert(reject: StoredReject): Promise<boolean>;
  /** Oldest first. @param after the last id of the previous page. */
  list(limit: number, after?: string): Promise<Reject[]>;
  find(id: string): Promise<StoredReject | null>;
  count(): Promise<number>;
  /** False if not found. */
  delete(id: string): Promise<boolean>;
}

const COLUMNS = ['id', 'request_id', 'part', 'reason', 'rejected_at'] as const;
/** Reasons quote the refused value. */
const MAX_REASON = 500;

export function createRejectStore(database: Database): RejectStore {
  return {
    async insert({ id, requestId, part, reason, rejectedAtMs, message }) {
      const [result] = await database
        .insertInto('ledger_rejects')
        .values({
          id,
          request_id: requestId,
          part,
          reason: reason.slice(0, MAX_REASON),
          rejected_at: rejectedAtMs,
          message: Buffer.from(message),
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
      return Number(result?.numInsertedOrUpdatedRows ?? 0) > 0;
    },

    async list(limit, after) {
      let query = database.selectFrom('ledger_rejects').select(COLUMNS);
      if (after !== undefined) query = query.where('id', '>', after);
      return (await query.orderBy('id').limit(limit).execute()).map(readReject);
    },

    async find(id) {
      const row = await database.selectFrom('ledger_rejects').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : { ...readReject(row), message: Buffer.from(row.message).toString() };
    },

    async count() {
      const query = database.selectFrom('ledger_rejects').select((row) => row.fn.countAll().as('count'));
      return asNumber((await query.executeTakeFirstOrThrow()).count);
    },

    async delete(id) {
      const [result] = await database.deleteFrom('ledger_rejects').where('id', '=', id).execute();
      return Number(result?.numDeletedRows ?? 0) > 0;
    },
  };
}

function readReject(row: Omit<Selectable<LedgerRejectsTable>, 'message'>): Reject {
  return {
    id: row.id,
    requestId: row.request_id,
    part: row.part as RejectedPart,
    reason: row.reason,
    rejectedAtMs: asNumber(row.rejected_at),
  };
}
