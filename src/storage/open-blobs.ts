// The blob store that the configuration names.
import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import type { Configuration } from '../config/schema.ts';
import type { BlobStore } from './blobs.ts';
import { createLocalBlobStore } from './local-blobs.ts';

export async function openBlobStore({ files }: Configuration, environment: Environment): Promise<BlobStore> {
  if (files.s3 === undefined) return createLocalBlobStore(files.directory ?? join(environment.dataDirectory, 'files'));
  // The SDK takes a third of a second to load: only those who use it wait for it.
  const { createS3BlobStore } = await import('./s3-blobs.ts');
  return createS3BlobStore(files.s3);
}
