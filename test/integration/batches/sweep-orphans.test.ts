// Files left behind by processes that died at the wrong moment are removed; files that are still needed stay.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBatchStore } from '#src/batches/batch-store.ts';
import { createFileStore, type StoredFile } from '#src/batches/file-store.ts';
import { createRunStore } from '#src/batches/run-store.ts';
import type { BlobStore } from '#src/storage/blobs.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createLocalBlobStore } from '#src/storage/local-blobs.ts';
import { createBlobReferences, sweepOrphans } from '#workers/batches/sweep-blobs.ts';

const LATER = () => Date.now() + 1_000;

let directory: string;
let database: Database;
let blobs: BlobStore;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-sweep-'));
  blobs = createLocalBlobStore(directory);
  database = await openDatabase(`sqlite:${join(directory, '.sluice.db')}`, () => undefined);
});
afterEach(async () => {
  await database.destroy();
  rmSync(directory, { recursive: true, force: true });
});

const names = () => readdirSync(directory).filter((name) => !name.startsWith('.'));
const leave = (...keys: string[]) => {
  for (const key of keys) writeFileSync(join(directory, key), 'x');
};
const sweep = (beforeMs = LATER()) => sweepOrphans(createBlobReferences(database), blobs, beforeMs);

function file(id: string, ...keys: string[]): StoredFile {
  const pieces = (keys.length === 0 ? [id] : keys).map((key) => ({ key, bytes: 1 }));
  return {
    id,
    keyId: 'key_a',
    purpose: 'batch',
    filename: 'a.jsonl',
    bytes: pieces.length,
    createdAtMs: 1,
    expiresAtMs: null,
    isInternal: false,
    store: blobs.id,
    pieces,
  };
}

/** Its input, and a run that has just begun. */
async function startBatch(id: string) {
  const wish = {
    id,
    keyId: 'key_a',
    endpoint: '/v1/chat/completions',
    inputFileId: 'file-input',
    completionWindow: '24h',
    outputExpiresAfterSeconds: null,
    metadata: null,
    createdAtMs: 1,
    expiresAtMs: LATER(),
  };
  const batch = await createBatchStore(database).insert(wish, { store: blobs.id, replyShards: 1 });
  return (await createRunStore(database).claim(batch, 'me', 60_000))!;
}

test('uploads without a row are deleted, those with one stay', async () => {
  leave('file-kept', 'file-lost', 'file-half.part', 'file-kept2.part');
  await createFileStore(database).insert(file('file-kept'));
  expect(await sweep()).toBe(3);
  expect(names()).toEqual(['file-kept']);
});

test('results of a running batch stay; after its end, those that are part of its files', async () => {
  const pieces = ['batch_a.output.1', 'batch_a.output.2', 'batch_a.error.2'];
  leave(...pieces, 'batch_a.error.1', 'batch_a.output.3.7', 'batch_gone.output.1');
  const { lease } = await startBatch('batch_a');
  expect(await sweep()).toBe(1);
  expect(names()).not.toContain('batch_gone.output.1');
  expect(names()).toContain('batch_a.error.1');

  const runs = createRunStore(database);
  await runs.begin(lease, { total: 1, model: null });
  await runs.finish(lease, 'completed', {
    output: file('file-output', pieces[0]!, pieces[1]!),
    error: file('file-error', pieces[2]!),
  });
  expect(await sweep()).toBe(2);
  expect(names().sort()).toEqual([...pieces].sort());
});

test('nothing is deleted that is recent or not the broker’s', async () => {
  leave('file-lost', 'notes.txt', 'batch_plan.xlsx');
  expect(await sweep(Date.now() - 60_000)).toBe(0);
  expect(await sweep()).toBe(1);
  expect(names().sort()).toEqual(['batch_plan.xlsx', 'notes.txt']);
});

test('more than a page of orphans is deleted', async () => {
  leave(...Array.from({ length: 1_203 }, (_, index) => `file-lost${index}`));
  expect(await sweep()).toBe(1_203);
});
