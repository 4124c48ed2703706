// The SQL tables of files, batches and events, as code sees them and as a migration makes them.
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
  /** Set by its owner; the bytes go when no batch needs them. */
  deleted_at: OptionalWhole;
  /** 1 for the input and results of batches that came inline: no client sees them as files. */
  is_internal: Whole;
  /** Id of the blob store. */
  store: string;
  /** JSON: BlobPiece[]. */
  pieces: string;
}

/** One batch as its owner sees it. */
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
  /** Lines: all, answered, answered with an error, never run (expired, cancelled). */
  total: Whole;
  completed: Whole;
  failed: Whole;
  not_run: Whole;
  input_tokens: Whole;
  cached_input_tokens: Whole;
  output_tokens: Whole;
  reasoning_tokens: Whole;
  /** Of the answered lines, as their answers say it; the ledger has what failed attempts cost besides. */
  cost_pico_usd: Whole;
  /** When it will be done at its present rate; null while nobody can tell. */
  eta: OptionalWhole;
  is_at_risk: Whole;
  /** When its owner was told so. */
  warned_at: OptionalWhole;
}

/** What the process that runs a batch must know to go on where another stopped. Gone when the batch has ended. */
export interface BatchRunsTable {
  batch_id: string;
  /** Blob store of its input: only a process that has it can run the batch. */
  store: string;
  owner: string | null;
  lease_until: Whole;
  /** Counts owners: whoever holds an older number is refused. */
  epoch: Whole;
  reply_shards: Whole;
  /** JSON: RunPosition. */
  position: string;
  /** JSON: BlobPiece[]. */
  output_pieces: string;
  error_pieces: string;
}

/** Written with the change that it tells of; whoever delivers events reads them from here. */
export interface EventsOutboxTable {
  id: string;
  type: string;
  key_id: string;
  /** The batch. */
  subject_id: string;
  created_at_ms: Whole;
  /** JSON: what a receiver gets as `data`. */
  payload: string;
  /** When it became deliveries (webhook-tables.ts); null before. */
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
