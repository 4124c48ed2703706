// Files in SQL: owner, purpose, and the blobs with their bytes. Expired and deleted files are invisible to their owner; the
// bytes are deleted once no batch reads them.
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
  /** Belongs to a batch that was created inline: not shown among its owner's files. */
  isInternal: boolean;
  /** Id of its blob store. */
  store: string;
  pieces: BlobPiece[];
}

export interface FileQuery {
  purpose?: string | undefined;
  /** Id of the last file of the previous page. */
  after?: string | undefined;
  limit: number;
  order: 'asc' | 'desc';
}

export interface FileStore {
  insert(file: StoredFile): Promise<void>;
  /** Null if there is none, or it is another key's. */
  find(keyId: string, id: string): Promise<StoredFile | null>;
  /** Those that belong to this key, in any order. */
  findAll(keyId: string, ids: readonly string[]): Promise<StoredFile[]>;
  /** Bytes of all visible files together. */
  totalBytes(keyId: string): Promise<number>;
  /** For internal use: internal and expired files too. */
  findAny(id: string): Promise<StoredFile | null>;
  /** At most `limit`, ordered by age. */
  list(keyId: string, query: FileQuery): Promise<StoredFile[]>;
  /** False if there is no such file. */
  remove(keyId: string, id: string): Promise<boolean>;
  /** Deleted or expired files of this blob store that no batch reads. */
  listDisposable(store: string, limit: number): Promise<StoredFile[]>;
  /** Deletes the rows, once the bytes are deleted. */
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
      // Ids sort by creation time.
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
