// Frees the bytes of files that were deleted or have expired, as soon as no batch reads them.
import type { FileStore } from '#src/batches/file-store.ts';
import type { BlobStore } from '#src/storage/blobs.ts';
import type { Logger } from '#src/telemetry/logger.ts';

const SWEEP_MS = 30_000;
const FILES_AT_ONCE = 100;

/** Every process with the store sweeps: removing twice does no harm. */
export function startFileSweep(files: FileStore, blobs: BlobStore, logger: Logger): { stop(): void } {
  const sweep = async () => {
    const disposable = await files.listDisposable(blobs.id, FILES_AT_ONCE);
    for (const { pieces } of disposable) await blobs.delete(pieces.map(({ key }) => key));
    await files.forget(disposable.map(({ id }) => id));
  };
  const run = () => void sweep().catch((error: Error) => logger.warn({ err: error }, 'files could not be swept'));
  const timer = setInterval(run, SWEEP_MS);
  run();
  return { stop: () => clearInterval(timer) };
}
