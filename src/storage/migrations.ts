// Schema changes, in order, applied at start by whichever process comes first. Never edit one that was released.
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { filesAndBatches } from './batch-tables.ts';
import { deadLetters } from './dead-letter-tables.ts';
import { nativeChunks } from './native-tables.ts';
import { ledgerRejects } from './reject-tables.ts';
import { responsesAndConversations } from './response-tables.ts';
import type { Tables } from './tables.ts';
import { webhooks } from './webhook-tables.ts';

const MIGRATIONS: Record<string, Migration> = {
  '2026-11-20-keys-and-ledger': {
    async up(database: Kysely<unknown>) {
      await database.schema
        .createTable('api_keys')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('hint', 'text', (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('revoked_at', 'bigint')
        .execute();
      await createLedgerEntries(database);
      await createRequests(database);
    },
  },
  '2026-11-21-files-and-batches': filesAndBatches,
  '2026-11-22-webhooks': webhooks,
  '2026-11-23-responses-and-conversations': responsesAndConversations,
  '2026-11-24-dead-letters': deadLetters,
  '2026-11-25-native-chunks': nativeChunks,
  '2026-11-28-ledger-rejects': ledgerRejects,
  '2026-11-28-cost-details': {
    async up(database) {
      await database.schema.alterTable('ledger_entries').addColumn('details', 'text').execute();
    },
  },
};

async function createLedgerEntries(database: Kysely<unknown>): Promise<void> {
  const texts = ['key_id', 'model', 'provider', 'deployment', 'upstream_model', 'protocol', 'lane', 'state', 'outcome'];
  const counts = ['is_stream', 'started_at', 'queue_ms', 'duration_ms', 'input_tokens', 'cached_input_tokens'];
  counts.push('cache_write_tokens', 'output_tokens', 'reasoning_tokens');
  let table = database.schema
    .createTable('ledger_entries')
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('attempt', 'bigint', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull());
  for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
  for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull());
  await table
    .addColumn('first_byte_ms', 'bigint')
    .addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull())
    .addPrimaryKeyConstraint('ledger_entries_key', ['request_id', 'attempt'])
    .execute();
  await database.schema.createIndex('ledger_entries_by_day').on('ledger_entries').columns(['day', 'key_id']).execute();
}

async function createRequests(database: Kysely<unknown>): Promise<void> {
  const texts = ['day', 'key_id', 'model', 'protocol', 'lane', 'outcome', 'timeline'];
  const counts = ['is_stream', 'accepted_at', 'finished_at', 'attempts', 'charge_units'];
  let table = database.schema.createTable('requests').addColumn('request_id', 'text', (column) => column.primaryKey());
  for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
  for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull());
  await table
    .addColumn('provider', 'text')
    .addColumn('upstream_model', 'text')
    .addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull())
    .execute();
  await database.schema.createIndex('requests_by_day').on('requests').columns(['day', 'key_id']).execute();
}

/** Brings the schema up to date. Several processes may call it at once: PostgreSQL serialises them by a lock. */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db: database as unknown as Kysely<unknown>,
    provider: { getMigrations: async () => MIGRATIONS },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
