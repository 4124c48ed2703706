// Messages that the books could not take, kept until an operator has looked at them: nothing that was paid for is dropped.
import type { Selectable } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import type { LedgerRejectsTable } from '../storage/reject-tables.ts';

/** What of a message was refused: its rows in the books, its dead letter, its response. */
export type RejectedPart = 'ledger' | 'dead_letter' | 'response';

export interface Reject {
  /** Of the message in the ledger's stream. */
  id: string;
  requestId: string | null;
  part: RejectedPart;
  reason: string;
  rejectedAtMs: number;
}

export interface StoredReject extends Reject {
  /** As it came. */
  message: string;
}

export interface RejectStore {
  /** Safe to repeat: the first reason stays. False for one that is there already. */
  insert(reject: StoredReject): Promise<boolean>;
  /** Oldest first. @param after an id where an earlier page ended. */
  list(limit: number, after?: string): Promise<Reject[]>;
  find(id: string): Promise<StoredReject | null>;
  count(): Promise<number>;
  /** False when there was none. */
  delete(id: string): Promise<boolean>;
}

const COLUMNS = ['id', 'request_id', 'part', 'reason', 'rejected_at'] as const;
/** Reasons quote what was refused. */
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
