// A file in the shape of the Files API, and which operations it allows. docs/reference/openai-batch.md section 1.
import type { StoredFile } from '../../batches/file-store.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { ApiContext } from '../context.ts';

export const UPLOAD_PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;

/** OpenAI does not let these be downloaded (seen in public tests of the live API). */
const NOT_DOWNLOADABLE = new Set(['assistants', 'user_data']);

export function unixSeconds(unixMs: number | null): number | null {
  return unixMs === null ? null : Math.floor(unixMs / 1_000);
}

export function fileObject(file: StoredFile) {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.createdAtMs),
    ...(file.expiresAtMs === null ? {} : { expires_at: unixSeconds(file.expiresAtMs) }),
    filename: file.filename,
    purpose: file.purpose,
    // Deprecated and still required by the specification.
    status: 'processed',
    status_details: null,
  };
}

export function checkDownloadable({ purpose }: StoredFile): void {
  if (!NOT_DOWNLOADABLE.has(purpose)) return;
  throw new FailureError(createFailure('request_malformed', `Not allowed to download files of purpose: ${purpose}`));
}

/** Throws a FailureError (400). Like OpenAI, checks a batch file's name, not its content. */
export function checkUpload(purpose: string, filename: string): void {
  if (purpose !== 'batch' || filename.toLowerCase().endsWith('.jsonl')) return;
  const message = `Invalid file format for Batch API. Must be .jsonl, but the file is called '${filename}'.`;
  throw new FailureError(createFailure('request_malformed', message));
}

export function noSuchFile(id: string): FailureError {
  return new FailureError(createFailure('request_not_found', `No such File object: ${id}`, { param: 'id' }));
}

// Files stored on a local disk can be read on that machine only.
/** Throws a FailureError (503) if the file is on another machine's disk. */
export function checkHere({ blobs }: Pick<ApiContext, 'blobs'>, file: StoredFile): void {
  if (file.store === blobs.id) return;
  const message =
    'The content of this file is on the disk of another machine. For operators: several machines need files.s3 or a shared directory.';
  throw new FailureError(createFailure('queue_unavailable', message));
}
