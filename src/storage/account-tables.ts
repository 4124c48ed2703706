// The SQL tables of accounts: organisations and projects above keys, prepaid credits, keys and actions of operators.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface AccountTables {
  accounts: AccountsTable;
  credit_entries: CreditEntriesTable;
  admin_keys: AdminKeysTable;
  audit_log: AuditLogTable;
}

export interface AccountsTable {
  id: string;
  /** `organisation` or `project`. */
  kind: string;
  /** Of a project: its organisation, if it has one. */
  parent_id: string | null;
  name: string;
  /** JSON, as for a key. */
  settings: string;
  created_at: Whole;
  revoked_at: OptionalWhole;
}

/** Top-ups and corrections. Charges are in `requests`. */
export interface CreditEntriesTable {
  id: string;
  account_id: string;
  /** Picodollars; negative for a correction. */
  amount_pico_usd: Whole;
  note: string | null;
  actor: string;
  created_at: Whole;
}

export interface AdminKeysTable {
  id: string;
  name: string;
  hash: string;
  hint: string;
  role: string;
  created_at: Whole;
  revoked_at: OptionalWhole;
}

export interface AuditLogTable {
  id: string;
  at: Whole;
  actor: string;
  role: string;
  method: string;
  path: string;
  status: Whole;
  /** JSON, without secrets; null if there was no body, or it is not known. */
  request: string | null;
  before: string | null;
  after: string | null;
}

export const accounts: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    await schema
      .createTable('accounts')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('parent_id', 'text')
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('settings', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at', 'bigint')
      .execute();
    await schema
      .createTable('credit_entries')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('amount_pico_usd', sql`numeric`, (column) => column.notNull())
      .addColumn('note', 'text')
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute();
    await schema.createIndex('credit_entries_by_account').on('credit_entries').columns(['account_id', 'id']).execute();
    await schema.alterTable('api_keys').addColumn('project_id', 'text').execute();
    await schema.alterTable('api_keys').addColumn('former_hash', 'text').execute();
    await schema.alterTable('api_keys').addColumn('former_until', 'bigint').execute();
    await schema.createIndex('api_keys_by_former_hash').on('api_keys').column('former_hash').execute();
    for (const table of ['requests', 'ledger_entries']) {
      for (const column of ['project_id', 'organisation_id'])
        await schema.alterTable(table).addColumn(column, 'text').execute();
    }
    await schema.alterTable('requests').addColumn('credit_account', 'text').execute();
    for (const column of ['project_id', 'organisation_id', 'credit_account']) {
      await sql`create index ${sql.raw(`requests_by_${column}`)} on requests (${sql.ref(column)}, day) where ${sql.ref(column)} is not null`.execute(
        database,
      );
    }
  },
};

export const administration: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    let keys = schema.createTable('admin_keys').addColumn('id', 'text', (column) => column.primaryKey());
    for (const name of ['name', 'hash', 'hint', 'role'])
      keys = keys.addColumn(name, 'text', (column) => column.notNull());
    await keys
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at', 'bigint')
      .execute();
    await schema.createIndex('admin_keys_by_hash').on('admin_keys').column('hash').unique().execute();
    let log = schema.createTable('audit_log').addColumn('id', 'text', (column) => column.primaryKey());
    for (const name of ['actor', 'role', 'method', 'path'])
      log = log.addColumn(name, 'text', (column) => column.notNull());
    for (const name of ['at', 'status']) log = log.addColumn(name, 'bigint', (column) => column.notNull());
    for (const name of ['request', 'before', 'after']) log = log.addColumn(name, 'text');
    await log.execute();
  },
};
