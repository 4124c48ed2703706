// The SQL schema: all tables, and the migrations that create them. Times are unix milliseconds, money is picodollars, both
// whole numbers.
import { type Kysely, sql } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration';
import { type AccountTables, accounts, administration } from './account-tables.ts';
import {
  type BatchTables,
  chunkCredentials,
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
  labels,
  ledgerRejects,
  requestsByTime,
} from './ledger-tables.ts';
import { type ResponseTables, responsesAndConversations } from './response-tables.ts';
import { type RollupTables, rollups } from './rollup-tables.ts';
import { alertsOnce, type WebhookTables, webhooks } from './webhook-tables.ts';

export interface Tables
  extends AccountTables,
    BatchTables,
    LedgerTables,
    NativeTables,
    ResponseTables,
    RollupTables,
    WebhookTables {}

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
  '2026-11-28-accounts': accounts,
  '2026-11-28-administration': administration,
  '2026-11-28-credential-names': credentialNames,
  '2026-11-28-ledger-labels': labels,
  '2026-11-28-requests-by-time': requestsByTime,
  '2026-11-28-rollups': rollups,
  '2026-11-28-alerts': alertsOnce,
  '2026-11-28-chunk-credentials': chunkCredentials,
};

/** Kysely's own number: releases that lock for a session and those that lock for a transaction wait for each other. */
const LOCK_ID = '3853314791062309107';

/**
 * Brings the schema up to date, and gives the names of what it applied. Several processes may call it at once. PostgreSQL
 * serializes them by a lock of the transaction: one of the session, as Kysely 0.29.9 takes, is given back on another connection
 * behind PgBouncer, and then nobody ever gets it again. A release before this one still starts afterwards: migrations only add.
 */
export async function migrate(database: Kysely<Tables>): Promise<string[]> {
  const db = database as unknown as Kysely<unknown>;
  if (!db.getExecutor().adapter.supportsTransactionalDdl) return apply(db);
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(BigInt(LOCK_ID))})`.execute(transaction);
    return apply(transaction);
  });
}

async function apply(db: Kysely<unknown>): Promise<string[]> {
  const migrations = { ...(await ofLaterReleases(db)), ...MIGRATIONS };
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    // Those of a later release may stand between ours.
    allowUnorderedMigrations: true,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map(({ migrationName }) => migrationName);
}

const NOTHING: Migration = { up: async () => undefined };

/** Applied by a later release: Kysely takes an applied migration that it does not know for a damaged database. */
async function ofLaterReleases(database: Kysely<unknown>): Promise<Record<string, Migration>> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === DEFAULT_MIGRATION_TABLE)) return {};
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(
    database,
  );
  const unknown = rows.filter(({ name }) => MIGRATIONS[name] === undefined);
  return Object.fromEntries(unknown.map(({ name }) => [name, NOTHING]));
}
