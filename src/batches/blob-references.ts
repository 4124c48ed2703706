// Which blobs anybody still needs. Whoever dies between writing bytes and saying so in SQL leaves a blob that no row
// names: half an upload, results of an owner that had not committed them.
import type { Kysely } from 'kysely';
import type { BlobPiece } from '../storage/blobs.ts';
import type { Tables } from '../storage/tables.ts';

export interface BlobReferences {
  /** Those of the keys that no row names. Keys that are not the broker's own are never among them. */
  withoutOwner(keys: readonly string[]): Promise<string[]>;
}

/** An upload has its file's id; an upload that never ended has a suffix (local-blobs.ts). */
const FILE_KEY = /^(file-[a-z0-9]+)(\.part)?$/i;
/** Results of a batch, by the epoch of their writer (result-log.ts); object storage adds a number. */
const RESULT_KEY = /^((?:batch|msgbatch)_[a-z0-9]+)\.(?:output|error)\.\d+(?:\.\d+)?$/i;

export function createBlobReferences(database: Kysely<Tables>): BlobReferences {
  async function knownFiles(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await database.selectFrom('files').select('id').where('id', 'in', ids).execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** A batch that runs may name any of its pieces tomorrow. */
  async function runningBatches(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const runs = database.selectFrom('batch_runs').select('batch_id').where('batch_id', 'in', ids);
    return new Set((await runs.execute()).map((row) => row.batch_id));
  }

  async function resultPieces(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await database
      .selectFrom('files')
      .innerJoin('batches', (join) =>
        join.on((on) =>
          on.or([
            on('files.id', '=', on.ref('batches.output_file_id')),
            on('files.id', '=', on.ref('batches.error_file_id')),
          ]),
        ),
      )
      .select('files.pieces')
      .where('batches.id', 'in', ids)
      .execute();
    return new Set(rows.flatMap(({ pieces }) => (JSON.parse(pieces) as BlobPiece[]).map(({ key }) => key)));
  }

  return {
    async withoutOwner(keys) {
      const uploads = keys.flatMap((key) => [FILE_KEY.exec(key)].filter((match) => match !== null));
      const results = keys.flatMap((key) => [RESULT_KEY.exec(key)].filter((match) => match !== null));
      const files = await knownFiles([...new Set(uploads.map(([, id]) => id!))]);
      const batches = [...new Set(results.map(([, id]) => id!))];
      // Order matters here: a batch that ends in between has its files when it is no longer among the running.
      const running = await runningBatches(batches);
      const pieces = await resultPieces(batches.filter((id) => !running.has(id)));
      return [
        ...uploads.filter(([, id, unfinished]) => unfinished !== undefined || !files.has(id!)),
        ...results.filter(([key, id]) => !running.has(id!) && !pieces.has(key)),
      ].map(([key]) => key);
    },
  };
}
