// Chunks in SQL: groups of lines that are submitted to a provider's own batch API. They hold what a new owner of the batch
// needs to find every line again; only the owner writes them.

import type { Selectable } from 'kysely';
import { ACTIVE_STATUSES } from '../contracts/batch.ts';
import type { BudgetReservation } from '../contracts/request-record.ts';
import type { NativeChunksTable } from '../storage/batch-tables.ts';
import { asNumber, type Database } from '../storage/database.ts';
import { decodePosition, encodePosition, type OpenLine, START } from './input-lines.ts';
import { guard, type Lease } from './run-store.ts';

/**
 * - `submitting`: stored before the provider is called, which may or may not have the lines: a new owner searches for them
 *   there. Next: running, or returned if the provider refuses it.
 * - `running`: the provider has it, under a known id. Next: ended, or recalled.
 * - `recalled`: the provider was told to cancel it, because the deadline is near or the batch is being stopped. Next: ended,
 *   or abandoned if the provider does not report its end in time.
 * - `ended`: the provider has finished. Its results are read until all of them are stored.
 * - `returned`: the provider never had it. Its lines run as ordinary requests.
 * - `abandoned`: the broker no longer waits for its end. Its lines run as ordinary requests; the ledger has an estimate of the
 *   provider's charge until the real cost is known (settle-orphaned.ts).
 */
const CHUNK_STATES = ['submitting', 'running', 'recalled', 'ended', 'returned', 'abandoned'] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];
/** The provider has it, or gets it. */
const OUT: readonly ChunkState[] = ['submitting', 'running', 'recalled'];

export interface NativeChunk {
  id: string;
  batchId: string;
  keyId: string;
  provider: string;
  deployment: string;
  upstreamModel: string;
  /** Provider protocol. */
  protocol: string;
  state: ChunkState;
  lines: readonly OpenLine[];
  /** Part of the request ids of its lines. */
  replyShards: number;
  providerBatchId: string | null;
  /** Name of the credential whose account has it; null if its provider has no named credentials. */
  credential: string | null;
  /** In the key's budgets; null if it has none. */
  reservation: BudgetReservation | null;
  createdAtMs: number;
}

/** What changes after the insert. */
type ChunkChange = Partial<Pick<NativeChunk, 'state' | 'providerBatchId' | 'credential'>>;

export interface NativeChunkStore {
  /** All chunks of one batch. */
  list(batchId: string): Promise<NativeChunk[]>;
  /** Before the provider is called. Rejects with LeaseLost if the batch has another owner; so does `change`. */
  insert(lease: Lease, chunk: NativeChunk): Promise<void>;
  change(lease: Lease, id: string, change: ChunkChange): Promise<void>;
  /** Once its lines are stored and booked. Safe to repeat. */
  remove(id: string): Promise<void>;
  /** Ids of the provider's batches that are chunks of ours. */
  providerBatchIds(provider: string): Promise<Set<string>>;
  /** Number of lines at the provider or being submitted, by the name of the credential. */
  linesOut(provider: string): Promise<Map<string, number>>;
  /** Chunks whose batch ended before them. */
  listOrphaned(): Promise<NativeChunk[]>;
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
    change: (lease, id, { state, providerBatchId, credential }) =>
      database.transaction().execute(async (transaction) => {
        await guard(transaction, lease);
        await transaction
          .updateTable('native_chunks')
          .set({
            ...(state === undefined ? {} : { state }),
            ...(providerBatchId === undefined ? {} : { vendor_batch_id: providerBatchId }),
            ...(credential === undefined ? {} : { credential }),
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
    async linesOut(provider) {
      const rows = await database
        .selectFrom('native_chunks')
        .select(['credential', ({ fn }) => fn.sum<string | number>('line_count').as('lines')])
        .where('provider', '=', provider)
        .where('state', 'in', [...OUT])
        .where('credential', 'is not', null)
        .groupBy('credential')
        .execute();
      return new Map(rows.map(({ credential, lines }) => [credential!, Number(lines)]));
    },
    async listOrphaned() {
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
    credential: chunk.credential,
    reservation: chunk.reservation === null ? null : JSON.stringify(chunk.reservation),
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
    credential: row.credential,
    replyShards: asNumber(row.reply_shards),
    reservation: row.reservation === null ? null : (JSON.parse(row.reservation) as BudgetReservation),
    createdAtMs: asNumber(row.created_at),
  };
}
