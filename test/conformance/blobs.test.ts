// One suite for both blob stores: files and batches work the same on a disk and in object storage.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BlobStore, BlobTooLarge, readPieces, streamPieces, totalBytes } from '#src/storage/blobs.ts';
import { createLocalBlobStore } from '#src/storage/local-blobs.ts';
import { createS3BlobStore } from '#src/storage/s3-blobs.ts';
import { type ObjectStorage, startObjectStorage } from '#test/support/object-storage.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-blobs-'));
let storage: ObjectStorage;
beforeAll(async () => {
  storage = await startObjectStorage();
});
afterAll(async () => {
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

const s3 = () =>
  createS3BlobStore({
    bucket: 'bucket',
    prefix: 'sluice/',
    region: 'us-east-1',
    endpoint: storage.url,
    force_path_style: true,
    access_key_id: 'id',
    secret_access_key: 'secret',
  });

const STORES = [
  {
    name: 'local disk',
    open: () => createLocalBlobStore(directory),
    names: () => readdirSync(directory).filter((name) => !name.startsWith('.')),
  },
  { name: 'S3', open: s3, names: () => [...storage.objects.keys()] },
];

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function collect(source: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of source) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe.each(STORES)('$name', ({ open, names }) => {
  let store: BlobStore;
  beforeAll(() => {
    store = open();
  });
  afterAll(() => store.close());

  test('a blob can be read whole and in parts', async () => {
    const written = await store.write('a', chunks('hello ', 'world'), 100);
    expect(written).toEqual({
      bytes: 11,
      sha256: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
    });
    expect((await store.read('a', 6, 100)).toString()).toBe('world');
    expect((await store.read('a', 2, 3)).toString()).toBe('llo');
    expect((await store.read('a', 11, 5)).length).toBe(0);
    expect(await collect(await store.stream('a', 1, 5))).toBe('ello');
  });

  test('an empty blob exists', async () => {
    expect((await store.write('empty', chunks(), 100)).bytes).toBe(0);
    expect((await store.read('empty', 0, 10)).length).toBe(0);
  });

  test('a large blob is uploaded in parts', async () => {
    const text = 'x'.repeat(1024 * 1024);
    expect((await store.write('large', chunks(...Array.from({ length: 20 }, () => text)), 1e9)).bytes).toBe(
      20 * 2 ** 20,
    );
    expect((await store.read('large', 19 * 2 ** 20, 2 ** 21)).length).toBe(2 ** 20);
    expect(storage.openUploads()).toBe(0);
  });

  test('a write that fails midway leaves nothing', async () => {
    const before = names();
    async function* broken() {
      for (let i = 0; i < 10; i++) yield Buffer.alloc(1024 * 1024);
      throw new Error('the client went away');
    }
    await expect(store.write('broken', broken(), 1e9)).rejects.toThrow('went away');
    await expect(store.write('long', broken(), 9 * 2 ** 20)).rejects.toThrow(BlobTooLarge);
    expect(names()).toEqual(before);
    expect(storage.openUploads()).toBe(0);
  });

  test('appended parts are read as one blob, over several owners', async () => {
    const first = store.openAppender('log.1');
    await first.append([Buffer.from('one '), Buffer.from('two ')]);
    const committed = await first.append([Buffer.from('three ')]);
    // The first owner appends once more, and dies before it reports that.
    await first.append([Buffer.from('lost ')]);
    const second = store.openAppender('log.2');
    const pieces = [...committed, ...(await second.append([Buffer.from('four')]))];
    await Promise.all([first.close(), second.close()]);
    expect(totalBytes(pieces)).toBe(18);
    expect(await collect(streamPieces(store, pieces))).toBe('one two three four');
    expect((await readPieces(store, pieces, 5, 11)).toString()).toBe('wo three fo');
    await store.delete(pieces.map(({ key }) => key));
    expect(names().filter((name) => name.includes('log.2'))).toEqual([]);
  });

  test('all blobs are listed, with the time of their last change', async () => {
    const startedAtMs = Date.now() - 1_000;
    for (const key of ['listed-1', 'listed-2', 'listed-3']) await store.write(key, chunks('x'), 10);
    const listed = new Map<string, number>();
    for await (const { key, changedAtMs } of store.list()) listed.set(key, changedAtMs);
    expect([...listed.keys()].filter((key) => key.startsWith('listed-')).sort()).toEqual([
      'listed-1',
      'listed-2',
      'listed-3',
    ]);
    expect(listed.size).toBe(names().length);
    expect(listed.get('listed-2')).toBeGreaterThan(startedAtMs);
  });

  test('deleting a missing blob succeeds', async () => {
    await store.delete(['nothing']);
  });
});

test('the same directory is the same store', () => {
  expect(createLocalBlobStore(directory).id).toBe(createLocalBlobStore(directory).id);
});
