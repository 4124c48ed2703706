// The SQL table of alerts: its type and its migration.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface AlertTables {
  alerts: AlertsTable;
}

export interface AlertsTable {
  id: string;
  /** What it is told of only once: a threshold of a budget in a period, an hour, a day. */
  once: string;
  type: string;
  /** Of the client key that it is about; empty where it is not about one. */
  key_id: string;
  /** JSON: what receivers get beside its id. */
  payload: string;
  created_at: Whole;
  /** Null: never; what it is about has no end, and it must not be told again. */
  expires_at: OptionalWhole;
}

export const alertsOnce: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    let table = schema.createTable('alerts').addColumn('id', 'text', (column) => column.primaryKey());
    for (const name of ['type', 'key_id', 'payload'])
      table = table.addColumn(name, 'text', (column) => column.notNull());
    await table
      .addColumn('once', 'text', (column) => column.notNull().unique())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint')
      .execute();
    await schema.createIndex('alerts_by_expiry').on('alerts').column('expires_at').execute();
  },
};
