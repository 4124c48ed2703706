// Batches in SQL as the API tier creates, shows and cancels them; run-store.ts has what running them needs.
import type { Kysely } from 'kysely';
import { isActive } from '../contracts/batch.ts';
import type { Tables } from '../storage/tables.ts';
import { type Batch, readBatch } from './batch.ts';
import { createFileStore, fileRow, type StoredFile } from './file-store.ts';
import { encodePosition, START } from './input-lines.ts';

/** What the client chooses. */
export type NewBatch = Pick<
  Batch,
  | 'id'
  | 'keyId'
  | 'endpoint'
  | 'inputFileId'
  | 'completionWindow'
  | 'outputExpiresAfterSeconds'
  | 'metadata'
  | 'createdAtMs'
  | 'expiresAtMs'
> & {
  /** Number of lines, if known before validation. */
  total?: number;
};

export interface BatchQuery {
  /** Prefix of the ids of this kind of batch. */
  prefix: string;
  after?: string | undefined;
  before?: string | undefined;
  limit: number;
}

export interface BatchStore {
  /** @param store id of the input's blob store. @param inlineInput inserted in the same transaction. */
  insert(batch: NewBatch, run: { store: string; replyShards: number }, inlineInput?: StoredFile): Promise<Batch>;
  /** Null if there is none, or it is another key's. */
  find(keyId: string, id: string): Promise<Batch | null>;
  /** Newest first. */
  list(keyId: string, query: BatchQuery): Promise<Batch[]>;
  /** Of every key. Newest first. */
  listAll(query: { after?: string | undefined; limit: number }): Promise<Batch[]>;
  /** Requests cancellation; returns the batch after that. A batch past cancelling is unchanged. */
  cancel(keyId: string, id: string): Promise<Batch | null>;
  /** Deletes an ended batch and its files. False if it has not ended. */
  remove(batch: Batch): Promise<boolean>;
}

const CANCELLABLE = ['validating', 'in_progress'] as const;

export function createBatchStore(database: Kysely<Tables>): BatchStore {
  async function find(keyId: string, id: string): Promise<Batch | null> {
    const row = await database
      .selectFrom('batches')
      .selectAll()
      .where('id', '=', id)
      .where('key_id', '=', keyId)
      .executeTakeFirst();
    return row === undefined ? null : readBatch(row);
  }

  return {
    find,
    async insert(batch, { store, replyShards }, inlineInput) {
      await database.transaction().execute(async (transaction) => {
        if (inlineInput !== undefined) await transaction.insertInto('files').values(fileRow(inlineInput)).execute();
        await transaction.insertInto('batches').values(newBatchRow(batch)).execute();
        await transaction
          .insertInto('batch_runs')
          .values(newRunRow(batch.id, store, replyShards))
          .execute();
      });
      return (await find(batch.keyId, batch.id))!;
    },
    async list(keyId, { prefix, after, before, limit }) {
      let query = database
        .selectFrom('batches')
        .selectAll()
        .where('key_id', '=', keyId)
        .where('id', 'like', `${prefix}%`)
        .orderBy('id', before === undefined ? 'desc' : 'asc')
        .limit(limit);
      if (after !== undefined) query = query.where('id', '<', after);
      if (before !== undefined) query = query.where('id', '>', before);
      const found = (await query.execute()).map(readBatch);
      return before === undefined ? found : found.reverse();
    },
    async listAll({ after, limit }) {
      let query = database
        .selectFrom('batches')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit);
      if (after !== undefined) {
        const last = database.selectFrom('batches').where('id', '=', after);
        query = query.where(({ eb, refTuple }) =>
          eb(refTuple('created_at', 'id'), '<', last.select(['created_at', 'id']).$asTuple('created_at', 'id')),
        );
      }
      return (await query.execute()).map(readBatch);
    },
    async cancel(keyId, id) {
      await database
        .updateTable('batches')
        .set({ status: 'cancelling', cancelling_at: Date.now() })
        .where('id', '=', id)
        .where('key_id', '=', keyId)
        .where('status', 'in', [...CANCELLABLE])
        .execute();
      return find(keyId, id);
    },
    async remove(batch) {
      if (isActive(batch.status)) return false;
      await database.deleteFrom('batches').where('id', '=', batch.id).execute();
      const files = createFileStore(database);
      for (const id of [batch.inputFileId, batch.outputFileId, batch.errorFileId]) {
        if (id !== null) await files.remove(batch.keyId, id);
      }
      return true;
    },
  };
}

function newBatchRow(batch: NewBatch) {
  return {
    id: batch.id,
    key_id: batch.keyId,
    endpoint: batch.endpoint,
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    output_expires_after_seconds: batch.outputExpiresAfterSeconds,
    metadata: batch.metadata === null ? null : JSON.stringify(batch.metadata),
    status: 'validating',
    created_at: batch.createdAtMs,
    expires_at: batch.expiresAtMs,
    is_at_risk: 0,
    total: batch.total ?? 0,
    completed: 0,
    failed: 0,
    not_run: 0,
    input_tokens: 0,
    cached_input_tokens: 0,
    output_tokens: 0,
    reasoning_tokens: 0,
    cost_pico_usd: 0,
  };
}

function newRunRow(batchId: string, store: string, replyShards: number) {
  return {
    batch_id: batchId,
    store,
    owner: null,
    lease_until: 0,
    epoch: 0,
    reply_shards: replyShards,
    position: encodePosition(START),
    output_pieces: '[]',
    error_pieces: '[]',
  };
}
