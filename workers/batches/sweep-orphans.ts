// Removes blobs that no row of SQL names: what uploads and batches left whose processes died at the wrong moment.
import type { BlobReferences } from '#src/batches/blob-references.ts';
import type { BlobStore } from '#src/storage/blobs.ts';
import type { Logger } from '#src/telemetry/logger.ts';

const SWEEP_MS = 6 * 3_600_000;
/** Not right after the start, when everybody looks for everything. */
const FIRST_SWEEP_MS = 10 * 60_000;
/** Bytes are there before their row is: nothing is an orphan that is younger than any upload takes. */
const ORPHAN_AGE_MS = 24 * 3_600_000;
const KEYS_AT_ONCE = 500;

/** Every process with the store sweeps: removing twice does no harm. */
export function startOrphanSweep(references: BlobReferences, blobs: BlobStore, logger: Logger): { stop(): void } {
  const run = () =>
    void sweepOrphans(references, blobs, Date.now() - ORPHAN_AGE_MS).then(
      (removed) => removed > 0 && logger.info({ blobs: removed }, 'blobs that nobody needs were removed'),
      (error: Error) => logger.warn({ err: error }, 'blobs could not be swept'),
    );
  const first = setTimeout(run, FIRST_SWEEP_MS);
  const timer = setInterval(run, SWEEP_MS);
  return {
    stop() {
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}

/** How many were removed, of those that have not changed since `beforeMs`. */
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
