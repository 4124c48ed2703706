// Blobs as files in one directory; and the choice between this store and S3.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import type { Configuration } from '../config/schema.ts';
import { type BlobAppender, type BlobStore, BlobTooLarge, type ListedBlob, type WrittenBlob } from './blobs.ts';

const STORE_ID_FILE = '.store-id';
/** Small appends are cheap on a disk, and lines whose results are not appended run again after a crash. */
const APPEND_POLICY = { bytes: 1024 * 1024, intervalMs: 250 };

/** Creates the directory if it is missing. */
export function createLocalBlobStore(directory: string): BlobStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pathOf = (key: string) => join(directory, key);
  return {
    id: `local:${storeId(directory)}`,
    appendPolicy: APPEND_POLICY,
    write: (key, source, maxBytes) => writeWhole(directory, pathOf(key), source, maxBytes),
    openAppender: (key) => new LocalAppender(key, pathOf(key)),
    async read(key, offset, length) {
      const file = await open(pathOf(key), 'r');
      try {
        const buffer = Buffer.allocUnsafe(length);
        return buffer.subarray(0, await readFully(file, buffer, offset));
      } finally {
        await file.close();
      }
    },
    async stream(key, offset, end) {
      return createReadStream(pathOf(key), { start: offset, end: end - 1 });
    },
    list: () => listFiles(directory),
    async delete(keys) {
      for (const key of keys) await rm(pathOf(key), { force: true });
    },
    close: () => undefined,
  };
}

/** A random id, stored beside the files: processes that share the directory read the same id. */
function storeId(directory: string): string {
  const path = join(directory, STORE_ID_FILE);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, randomBytes(8).toString('hex'));
  try {
    // Unlike a write, a link is atomic: the second process reads the id of the first.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return readFileSync(path, 'utf8');
}

async function* listFiles(directory: string): AsyncGenerator<ListedBlob> {
  for await (const { name } of await opendir(directory)) {
    if (name.startsWith('.')) continue;
    const found = await stat(join(directory, name)).catch(() => null);
    // It may have been deleted in the meantime.
    if (found !== null) yield { key: name, changedAtMs: found.mtimeMs };
  }
}

async function readFully(file: FileHandle, buffer: Buffer, offset: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

async function writeWhole(
  directory: string,
  path: string,
  source: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<WrittenBlob> {
  const draft = `${path}.part`;
  const hash = createHash('sha256');
  const file = await open(draft, 'w', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of source) {
      if (bytes + chunk.length > maxBytes) throw new BlobTooLarge(maxBytes);
      hash.update(chunk);
      await writeFully(file, chunk, bytes);
      bytes += chunk.length;
    }
    await file.sync();
    await file.close();
    await rename(draft, path);
    await syncDirectory(directory);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function writeFully(file: FileHandle, chunk: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < chunk.length) {
    written += (await file.write(chunk, written, chunk.length - written, offset + written)).bytesWritten;
  }
}

/** The name of a new file is part of its directory's data. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

class LocalAppender implements BlobAppender {
  readonly #key: string;
  readonly #path: string;
  #file: FileHandle | null = null;
  #bytes = 0;

  constructor(key: string, path: string) {
    this.#key = key;
    this.#path = path;
  }

  async append(bytes: readonly Buffer[]) {
    this.#file ??= await open(this.#path, 'w', 0o600);
    const joined = Buffer.concat(bytes);
    // By offset: overwrites what a failed append left.
    await writeFully(this.#file, joined, this.#bytes);
    await this.#file.datasync();
    this.#bytes += joined.length;
    return [{ key: this.#key, bytes: this.#bytes }];
  }

  async close() {
    await this.#file?.close();
    this.#file = null;
  }
}

/** The blob store that the configuration names. */
export async function openBlobStore({ files }: Configuration, environment: Environment): Promise<BlobStore> {
  if (files.s3 === undefined) return createLocalBlobStore(files.directory ?? join(environment.dataDirectory, 'files'));
  // Loaded on demand: the SDK takes a third of a second.
  const { createS3BlobStore } = await import('./s3-blobs.ts').catch(explainMissingSdk);
  return createS3BlobStore(files.s3);
}

const S3_PACKAGE = '@aws-sdk/client-s3';

/** The SDK is an optional dependency: an installation without object storage is 22 MB smaller. */
function explainMissingSdk(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes(S3_PACKAGE)) throw error;
  throw new Error(`files.s3 needs the package ${S3_PACKAGE}, which is not installed: npm install ${S3_PACKAGE}`);
}
