// What the books could not take: messages of the ledger that SQL refused because of their content.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Whole } from './columns.ts';

export interface RejectTables {
  ledger_rejects: LedgerRejectsTable;
}

export interface LedgerRejectsTable {
  id: string;
  /** Null where the message does not tell. */
  request_id: string | null;
  /** What could not be written: `ledger`, `dead_letter`, `response`. */
  part: string;
  reason: string;
  rejected_at: Whole;
  /** The message as it came, byte for byte: whatever SQL refused in it is no text here. */
  message: Uint8Array;
}

export const ledgerRejects: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createTable('ledger_rejects')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('request_id', 'text')
      .addColumn('part', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('rejected_at', 'bigint', (column) => column.notNull())
      // SQLite takes any name for a type and leaves bytes as they are.
      .addColumn('message', sql`bytea`, (column) => column.notNull())
      .execute();
  },
};
