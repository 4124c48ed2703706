// Deletes blobs that are not needed: those of deleted and expired files, and orphans, which no row of SQL names because a
// process died between writing bytes and recording them.

import type { Kysely } from 'kysely';
import type { FileStore } from '#src/batches/file-store.ts';
import type { BlobPiece, BlobStore } from '#src/storage/blobs.ts';
import type { Tables } from '#src/storage/tables.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';

const FILE_SWEEP_MS = 30_000;
const FILES_AT_ONCE = 100;

/** Deletes the blobs of deleted and expired files once no batch reads them. Runs in every process: deleting twice is harmless. */
export function startFileSweep(files: FileStore, blobs: BlobStore, logger: Logger): { stop(): void } {
  const sweep = async () => {
    const disposable = await files.listDisposable(blobs.id, FILES_AT_ONCE);
    for (const { pieces } of disposable) await blobs.delete(pieces.map(({ key }) => key));
    await files.forget(disposable.map(({ id }) => id));
  };
  const trouble = createTroubleLog(logger, 'deleting expired files');
  const run = () => void sweep().then(trouble.over, trouble.note);
  const timer = setInterval(run, FILE_SWEEP_MS);
  run();
  return { stop: () => clearInterval(timer) };
}

const ORPHAN_SWEEP_MS = 6 * 3_600_000;
/** Not at once, so that a restart of the fleet is not slowed down. */
const FIRST_SWEEP_MS = 10 * 60_000;
/** Bytes are written before their row: a blob counts as an orphan only when it is older than any upload takes. */
const ORPHAN_AGE_MS = 24 * 3_600_000;
const KEYS_AT_ONCE = 500;

/** Runs in every process: deleting twice is harmless. */
export function startOrphanSweep(references: BlobReferences, blobs: BlobStore, logger: Logger): { stop(): void } {
  const run = () =>
    void sweepOrphans(references, blobs, Date.now() - ORPHAN_AGE_MS).then(
      (removed) => removed > 0 && logger.info({ blobs: removed }, 'orphaned blobs were deleted'),
      (error: Error) => logger.warn({ err: error }, 'orphaned blobs could not be deleted'),
    );
  const first = setTimeout(run, FIRST_SWEEP_MS);
  const timer = setInterval(run, ORPHAN_SWEEP_MS);
  return {
    stop() {
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}

/** Deletes orphans that have not changed since `beforeMs`; returns how many. */
export async function sweepOrphans(references: BlobReferences, blobs: BlobStore, beforeMs: number): Promise<number> {
  let removed = 0;
  let old: string[] = [];
  const sweep = async () => {
    const orphans = await references.withoutOwner(old);
    await blobs.delete(orphans);
    removed += orphans.length;
    old = [];
  };
  for await (const { key, changedAtMs } of blobs.list()) {
    if (changedAtMs < beforeMs) old.push(key);
    if (old.length >= KEYS_AT_ONCE) await sweep();
  }
  await sweep();
  return removed;
}

interface BlobReferences {
  /** The keys that no row refers to. Keys in a format that Sluice does not write are never returned. */
  withoutOwner(keys: readonly string[]): Promise<string[]>;
}

/** An upload is named by its file's id; an unfinished one has a suffix (local-blobs.ts). */
const FILE_KEY = /^(file-[a-z0-9]+)(\.part)?$/i;
/** Results of a batch, by the epoch of their writer (result-log.ts); object storage adds a number. */
const RESULT_KEY = /^((?:batch|msgbatch)_[a-z0-9]+)\.(?:output|error)\.\d+(?:\.\d+)?$/i;

export function createBlobReferences(database: Kysely<Tables>): BlobReferences {
  async function knownFiles(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await database.selectFrom('files').select('id').where('id', 'in', ids).execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** A running batch may still commit any of its pieces. */
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
      // Order matters here: a batch that ends between the queries has its files by the second one.
      const running = await runningBatches(batches);
      const pieces = await resultPieces(batches.filter((id) => !running.has(id)));
      return [
        ...uploads.filter(([, id, unfinished]) => unfinished !== undefined || !files.has(id!)),
        ...results.filter(([key, id]) => !running.has(id!) && !pieces.has(key)),
      ].map(([key]) => key);
    },
  };
}
