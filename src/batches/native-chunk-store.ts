// Chunks in SQL: what a new owner of their batch must know to find every line again. Written only by the owner.
import type { Selectable } from 'kysely';
import { ACTIVE_STATUSES } from '../contracts/batch.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { NativeChunksTable } from '../storage/native-tables.ts';
import type { ChunkChange, ChunkState, NativeChunk } from './native-chunk.ts';
import { guard, type Lease } from './run-changes.ts';
import { decodePosition, encodePosition, START } from './run-position.ts';

export interface NativeChunkStore {
  /** Of one batch. */
  list(batchId: string): Promise<NativeChunk[]>;
  /** Before the provider is asked. Rejects with LeaseLost when the batch has another owner; so does `change`. */
  insert(lease: Lease, chunk: NativeChunk): Promise<void>;
  change(lease: Lease, id: string, change: ChunkChange): Promise<void>;
  /** Its lines are stored and paid for. Safe to call twice. */
  remove(id: string): Promise<void>;
  /** Ids of the provider's batches that are known to be chunks. */
  providerBatchIds(provider: string): Promise<Set<string>>;
  /** Chunks whose batch has ended without them. */
  listLeft(): Promise<NativeChunk[]>;
}

export function createNativeChunkStore(database: Database): NativeChunkStore {
  return {
    async list(batchId) {
      const rows = await database.selectFrom('native_chunks').selectAll().where('batch_id', '=', batchId).execute();
      return rows.map(readChunk);
    },
    insert: (lease, chunk) =>
      database.transaction().execute(async (transaction) => {
        await guard(transaction, lease);
        await transaction.insertInto('native_chunks').values(chunkRow(chunk)).execute();
      }),
    change: (lease, id, { state, providerBatchId }) =>
      database.transaction().execute(async (transaction) => {
        await guard(transaction, lease);
        await transaction
          .updateTable('native_chunks')
          .set({
            ...(state === undefined ? {} : { state }),
            ...(providerBatchId === undefined ? {} : { vendor_batch_id: providerBatchId }),
          })
          .where('id', '=', id)
          .execute();
      }),
    async remove(id) {
      await database.deleteFrom('native_chunks').where('id', '=', id).execute();
    },
    async providerBatchIds(provider) {
      const rows = await database
        .selectFrom('native_chunks')
        .select('vendor_batch_id')
        .where('provider', '=', provider)
        .where('vendor_batch_id', 'is not', null)
        .execute();
      return new Set(rows.map(({ vendor_batch_id: id }) => id!));
    },
    async listLeft() {
      const active = database
        .selectFrom('batches')
        .select('id')
        .where('status', 'in', [...ACTIVE_STATUSES]);
      const rows = await database
        .selectFrom('native_chunks')
        .selectAll()
        .where('batch_id', 'not in', active)
        .orderBy('created_at')
        .execute();
      return rows.map(readChunk);
    },
  };
}

function chunkRow(chunk: NativeChunk) {
  return {
    id: chunk.id,
    batch_id: chunk.batchId,
    key_id: chunk.keyId,
    provider: chunk.provider,
    deployment: chunk.deployment,
    upstream_model: chunk.upstreamModel,
    protocol: chunk.protocol,
    state: chunk.state,
    lines: encodePosition({ next: START.next, open: chunk.lines }),
    line_count: chunk.lines.length,
    reply_shards: chunk.replyShards,
    vendor_batch_id: chunk.providerBatchId,
    hold_account: chunk.hold?.account ?? null,
    hold_units: chunk.hold?.units ?? null,
    created_at: chunk.createdAtMs,
  };
}

function readChunk(row: Selectable<NativeChunksTable>): NativeChunk {
  return {
    id: row.id,
    batchId: row.batch_id,
    keyId: row.key_id,
    provider: row.provider,
    deployment: row.deployment,
    upstreamModel: row.upstream_model,
    protocol: row.protocol,
    state: row.state as ChunkState,
    lines: decodePosition(row.lines).open,
    providerBatchId: row.vendor_batch_id,
    replyShards: asNumber(row.reply_shards),
    hold: row.hold_account === null ? null : { account: row.hold_account, units: asNumber(row.hold_units) },
    createdAtMs: asNumber(row.created_at),
  };
}
