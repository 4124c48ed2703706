// Files in SQL: who owns them, what they are for, where their bytes lie. An expired or deleted file is not there for
// its owner; its bytes go when no batch reads them any more.
import { type Insertable, type Kysely, type Selectable, sql } from 'kysely';
import { ACTIVE_STATUSES } from '../contracts/batch.ts';
import type { FilesTable } from '../storage/batch-tables.ts';
import type { BlobPiece } from '../storage/blobs.ts';
import { asNumber } from '../storage/database.ts';
import type { Tables } from '../storage/tables.ts';

export interface StoredFile {
  id: string;
  keyId: string;
  purpose: string;
  filename: string;
  bytes: number;
  createdAtMs: number;
  expiresAtMs: number | null;
  /** Of a batch that came inline: not shown among its owner's files. */
  isInternal: boolean;
  /** Id of the blob store that has it. */
  store: string;
  pieces: BlobPiece[];
}

export interface FileQuery {
  purpose?: string | undefined;
  /** Id of the last file of the page before. */
  after?: string | undefined;
  limit: number;
  order: 'asc' | 'desc';
}

export interface FileStore {
  insert(file: StoredFile): Promise<void>;
  /** Null for another key's file as for none. */
  find(keyId: string, id: string): Promise<StoredFile | null>;
  /** Those of these that are this key's, in any order. */
  findAll(keyId: string, ids: readonly string[]): Promise<StoredFile[]>;
  /** What its visible files take together, bytes. */
  totalBytes(keyId: string): Promise<number>;
  /** For the broker itself: internal and expired files too. */
  findAny(id: string): Promise<StoredFile | null>;
  /** At most `limit`, by age. */
  list(keyId: string, query: FileQuery): Promise<StoredFile[]>;
  /** False when there is no such file. */
  remove(keyId: string, id: string): Promise<boolean>;
  /** Files of this store whose bytes nobody needs. */
  listDisposable(store: string, limit: number): Promise<StoredFile[]>;
  /** Their bytes are gone. */
  forget(ids: readonly string[]): Promise<void>;
}

export function createFileStore(database: Kysely<Tables>): FileStore {
  const visible = (keyId: string) =>
    database
      .selectFrom('files')
      .selectAll()
      .where('key_id', '=', keyId)
      .where('deleted_at', 'is', null)
      .where('is_internal', '=', 0)
      .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', Date.now())]));

  return {
    async insert(file) {
      await database.insertInto('files').values(fileRow(file)).execute();
    },
    async find(keyId, id) {
      const row = await visible(keyId).where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : readFile(row);
    },
    async findAll(keyId, ids) {
      return (
        await visible(keyId)
          .where('id', 'in', [...ids])
          .execute()
      ).map(readFile);
    },
    async totalBytes(keyId) {
      const { bytes } = await database
        .selectFrom('files')
        .select(({ fn }) => fn.sum('bytes').as('bytes'))
        .where('key_id', '=', keyId)
        .where('deleted_at', 'is', null)
        .where('is_internal', '=', 0)
        .executeTakeFirstOrThrow();
      return asNumber(bytes ?? 0);
    },
    async findAny(id) {
      const row = await database.selectFrom('files').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : readFile(row);
    },
    async list(keyId, { purpose, after, limit, order }) {
      // Ids sort by the time they were made.
      let query = visible(keyId).orderBy('id', order).limit(limit);
      if (purpose !== undefined) query = query.where('purpose', '=', purpose);
      if (after !== undefined) query = query.where('id', order === 'asc' ? '>' : '<', after);
      return (await query.execute()).map(readFile);
    },
    async remove(keyId, id) {
      const result = await database
        .updateTable('files')
        .set({ deleted_at: Date.now() })
        .where('key_id', '=', keyId)
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    async listDisposable(store, limit) {
      const rows = await database
        .selectFrom('files')
        .selectAll()
        .where('store', '=', store)
        .where((row) => row.or([row('deleted_at', 'is not', null), row('expires_at', '<', Date.now())]))
        .where((row) =>
          row.not(
            row.exists(
              row
                .selectFrom('batches')
                .select(sql`1`.as('one'))
                .whereRef('batches.input_file_id', '=', 'files.id')
                .where('batches.status', 'in', [...ACTIVE_STATUSES]),
            ),
          ),
        )
        .limit(limit)
        .execute();
      return rows.map(readFile);
    },
    async forget(ids) {
      if (ids.length > 0) await database.deleteFrom('files').where('id', 'in', ids).execute();
    },
  };
}

export function fileRow(file: StoredFile): Insertable<FilesTable> {
  return {
    id: file.id,
    key_id: file.keyId,
    purpose: file.purpose,
    filename: file.filename,
    bytes: file.bytes,
    created_at: file.createdAtMs,
    expires_at: file.expiresAtMs,
    deleted_at: null,
    is_internal: file.isInternal ? 1 : 0,
    store: file.store,
    pieces: JSON.stringify(file.pieces),
  };
}

function readFile(row: Selectable<FilesTable>): StoredFile {
  return {
    id: row.id,
    keyId: row.key_id,
    purpose: row.purpose,
    filename: row.filename,
    bytes: asNumber(row.bytes),
    createdAtMs: asNumber(row.created_at),
    expiresAtMs: row.expires_at === null ? null : asNumber(row.expires_at),
    isInternal: asNumber(row.is_internal) === 1,
    store: row.store,
    pieces: JSON.parse(row.pieces) as BlobPiece[],
  };
}
