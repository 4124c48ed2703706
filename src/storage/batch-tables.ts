// The SQL tables of files, batches, chunks at providers, and events: their types and their migrations.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface BatchTables {
  files: FilesTable;
  batches: BatchesTable;
  batch_runs: BatchRunsTable;
  events_outbox: EventsOutboxTable;
}

export interface FilesTable {
  id: string;
  key_id: string;
  purpose: string;
  filename: string;
  bytes: Whole;
  created_at: Whole;
  expires_at: OptionalWhole;
  /** Set by its owner; the bytes are deleted once no batch reads them. */
  deleted_at: OptionalWhole;
  /** 1 for files of batches that were created inline: clients do not see them. */
  is_internal: Whole;
  /** Id of the blob store. */
  store: string;
  /** JSON: BlobPiece[]. */
  pieces: string;
}

/** A batch as clients see it. */
export interface BatchesTable {
  id: string;
  key_id: string;
  endpoint: string;
  input_file_id: string;
  completion_window: string;
  output_expires_after_seconds: OptionalWhole;
  /** JSON, or null. */
  metadata: string | null;
  status: string;
  /** JSON: BatchFault[], or null. */
  errors: string | null;
  model: string | null;
  output_file_id: string | null;
  error_file_id: string | null;
  created_at: Whole;
  in_progress_at: OptionalWhole;
  expires_at: Whole;
  finalizing_at: OptionalWhole;
  completed_at: OptionalWhole;
  failed_at: OptionalWhole;
  expired_at: OptionalWhole;
  cancelling_at: OptionalWhole;
  cancelled_at: OptionalWhole;
  /** Numbers of lines: all, answered, answered with an error, not run (expired, cancelled). */
  total: Whole;
  completed: Whole;
  failed: Whole;
  not_run: Whole;
  input_tokens: Whole;
  cached_input_tokens: Whole;
  output_tokens: Whole;
  reasoning_tokens: Whole;
  /** Of the answered lines, by their answers; only the ledger includes failed attempts. */
  cost_pico_usd: Whole;
  /** When it will be done at its current rate; null while that is not known. */
  eta: OptionalWhole;
  is_at_risk: Whole;
  /** When the event `batch.at_risk` was sent. */
  warned_at: OptionalWhole;
}

/** What a process needs to resume a batch. Deleted when the batch has ended. */
export interface BatchRunsTable {
  batch_id: string;
  /** Blob store of its input: only processes with access to it can run the batch. */
  store: string;
  owner: string | null;
  lease_until: Whole;
  /** Fencing token: grows with every owner, and writes of earlier owners are refused. */
  epoch: Whole;
  reply_shards: Whole;
  /** JSON: RunPosition. */
  position: string;
  /** JSON: BlobPiece[]. */
  output_pieces: string;
  error_pieces: string;
}

/** Written in the transaction of the change that it reports; webhooks are delivered from here. */
export interface EventsOutboxTable {
  id: string;
  type: string;
  key_id: string;
  /** The batch. */
  subject_id: string;
  created_at_ms: Whole;
  /** JSON: `data` of the webhook. */
  payload: string;
  /** When its deliveries were created (webhook-tables.ts); null before. */
  fanned_out_at_ms: OptionalWhole;
}

type Schema = Kysely<unknown>['schema'];

export const filesAndBatches: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    await createFiles(schema);
    await createBatches(schema);
    await createRuns(schema);
    await createOutbox(schema);
  },
};

async function createFiles(schema: Schema): Promise<void> {
  let table = schema.createTable('files').addColumn('id', 'text', (column) => column.primaryKey());
  for (const name of ['key_id', 'purpose', 'filename', 'store', 'pieces']) {
    table = table.addColumn(name, 'text', (column) => column.notNull());
  }
  for (const name of ['bytes', 'created_at', 'is_internal']) {
    table = table.addColumn(name, 'bigint', (column) => column.notNull());
  }
  await table.addColumn('expires_at', 'bigint').addColumn('deleted_at', 'bigint').execute();
  await schema.createIndex('files_by_key').on('files').columns(['key_id', 'id']).execute();
}

const BATCH_TIMES = ['in_progress', 'finalizing', 'completed', 'failed', 'expired', 'cancelling', 'cancelled'];
const BATCH_COUNTS = ['total', 'completed', 'failed', 'not_run', 'input_tokens', 'cached_input_tokens'];

async function createBatches(schema: Schema): Promise<void> {
  let table = schema.createTable('batches').addColumn('id', 'text', (column) => column.primaryKey());
  for (const name of ['key_id', 'endpoint', 'input_file_id', 'completion_window', 'status']) {
    table = table.addColumn(name, 'text', (column) => column.notNull());
  }
  for (const name of ['metadata', 'errors', 'model', 'output_file_id', 'error_file_id']) {
    table = table.addColumn(name, 'text');
  }
  for (const name of ['created_at', 'expires_at', 'is_at_risk']) {
    table = table.addColumn(name, 'bigint', (column) => column.notNull());
  }
  for (const name of [...BATCH_COUNTS, 'output_tokens', 'reasoning_tokens']) {
    table = table.addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0));
  }
  for (const name of [
    ...BATCH_TIMES.map((state) => `${state}_at`),
    'output_expires_after_seconds',
    'eta',
    'warned_at',
  ]) {
    table = table.addColumn(name, 'bigint');
  }
  await table.addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull().defaultTo(0)).execute();
  await schema.createIndex('batches_by_key').on('batches').columns(['key_id', 'id']).execute();
  await schema.createIndex('batches_by_status').on('batches').column('status').execute();
}

async function createRuns(schema: Schema): Promise<void> {
  await schema
    .createTable('batch_runs')
    .addColumn('batch_id', 'text', (column) => column.primaryKey())
    .addColumn('store', 'text', (column) => column.notNull())
    .addColumn('owner', 'text')
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('reply_shards', 'bigint', (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('output_pieces', 'text', (column) => column.notNull())
    .addColumn('error_pieces', 'text', (column) => column.notNull())
    .execute();
}

async function createOutbox(schema: Schema): Promise<void> {
  let table = schema.createTable('events_outbox').addColumn('id', 'text', (column) => column.primaryKey());
  for (const name of ['type', 'key_id', 'subject_id', 'payload']) {
    table = table.addColumn(name, 'text', (column) => column.notNull());
  }
  await table.addColumn('created_at_ms', 'bigint', (column) => column.notNull()).execute();
  await schema.createIndex('events_outbox_by_time').on('events_outbox').column('created_at_ms').execute();
}

export interface NativeTables {
  native_chunks: NativeChunksTable;
}

/** Lines of one batch that were submitted to a provider's batch API together. Deleted once their results are booked. */
export interface NativeChunksTable {
  /** Sent to the provider if its protocol has a field for it. */
  id: string;
  batch_id: string;
  key_id: string;
  provider: string;
  deployment: string;
  upstream_model: string;
  /** Provider protocol. */
  protocol: string;
  state: string;
  /** JSON: their positions, as in RunPosition. */
  lines: string;
  line_count: Whole;
  /** Part of the request ids of its lines. */
  reply_shards: Whole;
  /** Null until the provider has answered. */
  vendor_batch_id: string | null;
  /** By name; null if its provider has only one key, or the row is from a release that supported only one. */
  credential: string | null;
  /** JSON: BudgetReservation; null if its key has no budget. */
  reservation: string | null;
  created_at: Whole;
}

export const nativeChunks: Migration = {
  async up(database: Kysely<unknown>) {
    let table = database.schema.createTable('native_chunks').addColumn('id', 'text', (column) => column.primaryKey());
    const texts = ['batch_id', 'key_id', 'provider', 'deployment', 'upstream_model', 'protocol', 'state', 'lines'];
    for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
    for (const name of ['line_count', 'reply_shards', 'created_at']) {
      table = table.addColumn(name, 'bigint', (column) => column.notNull());
    }
    for (const name of ['vendor_batch_id', 'hold_account']) table = table.addColumn(name, 'text');
    await table.addColumn('hold_units', 'bigint').execute();
    await database.schema.createIndex('native_chunks_by_batch').on('native_chunks').column('batch_id').execute();
  },
};

/** Reservations in several budgets, in picodollars. `hold_account` and `hold_units` can hold only one. */
export const chunkReservations: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema.alterTable('native_chunks').addColumn('reservation', 'text').execute();
  },
};

/** The credential that created it: the chunk belongs to that credential's account. */
export const chunkCredentials: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema.alterTable('native_chunks').addColumn('credential', 'text').execute();
  },
};
