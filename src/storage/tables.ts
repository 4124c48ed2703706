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

/** Kysely's own lock id, so that releases that lock per session and releases that lock per transaction exclude each other. */
const LOCK_ID = '3853314791062309107';

/**
 * Applies all pending migrations and returns their names. Several processes may call it at once. PostgreSQL serialises them by an
 * advisory lock of the transaction. Kysely 0.29.9 takes one of the session, which behind PgBouncer is released on another
 * connection and so stays locked forever. Earlier releases still start afterwards, because migrations only add.
 */
export async function migrate(database: Kysely<Tables>): Promise<string[]> {
  const db = database as unknown as Kysely<unknown>;
  if (await isComplete(db)) return [];
  if (!db.getExecutor().adapter.supportsTransactionalDdl) return apply(db);
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(BigInt(LOCK_ID))})`.execute(transaction);
    return apply(transaction);
  });
}

/** One query, without the lock, in place of several that read the columns of all tables: nearly every start finds it so. */
async function isComplete(db: Kysely<unknown>): Promise<boolean> {
  // The table may not be there yet. Any other error occurs again in what follows.
  const applied = await readApplied(db).catch((): string[] => []);
  return Object.keys(MIGRATIONS).every((name) => applied.includes(name));
}

async function readApplied(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db);
  return rows.map(({ name }) => name);
}

async function apply(db: Kysely<unknown>): Promise<string[]> {
  const migrations = { ...(await ofLaterReleases(db)), ...MIGRATIONS };
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    // Migrations of a later release may sort between ours.
    allowUnorderedMigrations: true,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).map(({ migrationName }) => migrationName);
}

const NOTHING: Migration = { up: async () => undefined };

/** Placeholders for migrations of a later release: Kysely reports applied migrations that it does not know as corruption. */
async function ofLaterReleases(database: Kysely<unknown>): Promise<Record<string, Migration>> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === DEFAULT_MIGRATION_TABLE)) return {};
  const unknown = (await readApplied(database)).filter((name) => MIGRATIONS[name] === undefined);
  return Object.fromEntries(unknown.map((name) => [name, NOTHING]));
}
