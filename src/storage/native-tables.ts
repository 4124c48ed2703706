// The SQL table of lines that providers have in batches of their own, as code sees it and as a migration makes it.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface NativeTables {
  native_chunks: NativeChunksTable;
}

/** Lines of one batch that were handed to a provider together. Gone when their results are stored and paid for. */
export interface NativeChunksTable {
  /** The provider is told it, where its protocol has a place for it. */
  id: string;
  batch_id: string;
  key_id: string;
  provider: string;
  deployment: string;
  upstream_model: string;
  /** Provider protocol. */
  protocol: string;
  state: string;
  /** JSON: their places, as in RunPosition. */
  lines: string;
  line_count: Whole;
  /** Part of the request ids of its lines. */
  reply_shards: Whole;
  /** Null until the provider has said it. */
  vendor_batch_id: string | null;
  /** What was reserved in the key's budget; null where it has none. */
  hold_account: string | null;
  hold_units: OptionalWhole;
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
