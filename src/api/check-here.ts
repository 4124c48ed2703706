// Files that lie on a disk can be read on their machine only.
import type { StoredFile } from '../batches/file-store.ts';
import { createFailure, FailureError } from '../contracts/failure.ts';
import type { ApiContext } from './context.ts';

/** Throws a FailureError (503) for bytes that lie on another machine's disk. */
export function checkHere({ blobs }: Pick<ApiContext, 'blobs'>, file: StoredFile): void {
  if (file.store === blobs.id) return;
  const message =
    'The bytes of this file lie on the disk of another machine. Operators: several machines need files.s3, or one directory that all of them see.';
  throw new FailureError(createFailure('queue_unavailable', message));
}
