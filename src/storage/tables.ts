// The SQL schema: all tables, and the migrations that create them. Times are unix milliseconds, money is picodollars, both
// whole numbers.
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import {
  type BatchTables,
  chunkReservations,
  filesAndBatches,
  type NativeTables,
  nativeChunks,
} from './batch-tables.ts';
import {
  costDetails,
  credentialNames,
  deadLetters,
  keysAndLedger,
  type LedgerTables,
  ledgerRejects,
} from './ledger-tables.ts';
import { type ResponseTables, responsesAndConversations } from './response-tables.ts';
import { type WebhookTables, webhooks } from './webhook-tables.ts';

export interface Tables extends BatchTables, LedgerTables, NativeTables, ResponseTables, WebhookTables {}

/** In order. Never change one that was released. */
const MIGRATIONS: Record<string, Migration> = {
  '2026-11-20-keys-and-ledger': keysAndLedger,
  '2026-11-21-files-and-batches': filesAndBatches,
  '2026-11-22-webhooks': webhooks,
  '2026-11-23-responses-and-conversations': responsesAndConversations,
  '2026-11-24-dead-letters': deadLetters,
  '2026-11-25-native-chunks': nativeChunks,
  '2026-11-28-ledger-rejects': ledgerRejects,
  '2026-11-28-cost-details': costDetails,
  '2026-11-28-chunk-reservations': chunkReservations,
  '2026-11-28-credential-names': credentialNames,
};

/** Brings the schema up to date. Several processes may call it at once: PostgreSQL serializes them by a lock. */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db: database as unknown as Kysely<unknown>,
    provider: { getMigrations: async () => MIGRATIONS },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
