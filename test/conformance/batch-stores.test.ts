// Files, batches and their runs, on SQLite and on PostgreSQL: leases, states and events depend on SQL.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BatchStore, createBatchStore } from '#src/batches/batch-store.ts';
import { createFileStore, type FileStore, type StoredFile } from '#src/batches/file-store.ts';
import { START } from '#src/batches/input-lines.ts';
import { NO_TOTALS } from '#src/batches/line-result.ts';
import { createRunStore, LeaseLost, type RunStore } from '#src/batches/run-store.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();
const LEASE_MS = 60_000;
const STEADY = { etaMs: null, isAtRisk: false };

function file(change: Partial<StoredFile> = {}): StoredFile {
  const id = `file-${createSortableId()}`;
  return {
    id,
    keyId: 'key_1',
    purpose: 'batch',
    filename: 'a.jsonl',
    bytes: 5_000_000_000,
    createdAtMs: Date.now(),
    expiresAtMs: null,
    isInternal: false,
    store: 'here',
    pieces: [{ key: id, bytes: 5_000_000_000 }],
    ...change,
  };
}

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let files: FileStore;
  let batches: BatchStore;
  let runs: RunStore;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    files = createFileStore(database);
    batches = createBatchStore(database);
    runs = createRunStore(database);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    for (const table of ['files', 'batches', 'batch_runs', 'events_outbox'] as const) {
      await database.deleteFrom(table).execute();
    }
  });

  let clock = Date.now();
  async function newBatch(prefix = 'batch_', keyId = 'key_1') {
    const input = file({ keyId });
    await files.insert(input);
    clock += 1;
    return batches.insert(
      {
        id: prefix + createSortableId(clock),
        keyId,
        endpoint: '/v1/chat/completions',
        inputFileId: input.id,
        completionWindow: '24h',
        outputExpiresAfterSeconds: null,
        metadata: { a: 'b' },
        createdAtMs: clock,
        expiresAtMs: clock + 86_400_000,
      },
      { store: 'here', replyShards: 1 },
    );
  }
  const events = async () => (await database.selectFrom('events_outbox').selectAll().execute()).map(({ type }) => type);

  test('a file is returned unchanged, and only to its key', async () => {
    const stored = file();
    await files.insert(stored);
    expect(await files.find('key_1', stored.id)).toEqual(stored);
    expect(await files.find('key_2', stored.id)).toBeNull();
    expect(await files.remove('key_2', stored.id)).toBe(false);
    expect(await files.remove('key_1', stored.id)).toBe(true);
    expect(await files.find('key_1', stored.id)).toBeNull();
    expect(await files.remove('key_1', stored.id)).toBe(false);
  });

  test('files are listed in pages, without internal and expired ones', async () => {
    const listed = [];
    for (let i = 0; i < 3; i++) {
      clock += 1;
      const next = file({ id: `file-${createSortableId(clock)}` });
      listed.push(next.id);
      await files.insert(next);
    }
    await files.insert(file({ isInternal: true }));
    await files.insert(file({ expiresAtMs: 1 }));
    await files.insert(file({ purpose: 'evals' }));
    const query = { purpose: 'batch', limit: 2 };
    const newest = await files.list('key_1', { ...query, order: 'desc' });
    expect(newest.map(({ id }) => id)).toEqual([listed[2], listed[1]]);
    const rest = await files.list('key_1', { ...query, order: 'desc', after: listed[1] });
    expect(rest.map(({ id }) => id)).toEqual([listed[0]]);
    const oldest = await files.list('key_1', { ...query, order: 'asc', after: listed[0] });
    expect(oldest.map(({ id }) => id)).toEqual([listed[1], listed[2]]);
  });

  test('bytes are deleted with the file, or when it expires and no batch reads it', async () => {
    const batch = await newBatch();
    await files.remove('key_1', batch.inputFileId);
    const expired = file({ expiresAtMs: 1 });
    await files.insert(expired);
    expect((await files.listDisposable('here', 10)).map(({ id }) => id)).toEqual([expired.id]);
    expect(await files.listDisposable('elsewhere', 10)).toEqual([]);
    await files.forget([expired.id]);
    const claimed = (await runs.claim(batch, 'me', LEASE_MS))!;
    await runs.fail(claimed.lease, []);
    expect((await files.listDisposable('here', 10)).map(({ id }) => id)).toEqual([batch.inputFileId]);
  });

  test('a batch has one owner until its lease ends', async () => {
    const batch = await newBatch();
    const claims = await Promise.all(['a', 'b', 'c'].map((owner) => runs.claim(batch, owner, 50)));
    const won = claims.filter((claim) => claim !== null);
    expect(won).toHaveLength(1);
    expect(won[0]).toMatchObject({ position: START, outputPieces: [], lease: { epoch: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 60));
    const next = (await runs.claim(batch, 'd', LEASE_MS))!;
    expect(next.lease.epoch).toBe(2);
    expect(await runs.renew(won[0]!.lease, LEASE_MS)).toBe(false);
    await expect(runs.begin(won[0]!.lease, { total: 1, model: null })).rejects.toThrow(LeaseLost);
    expect(await runs.renew(next.lease, LEASE_MS)).toBe(true);
    await runs.release(won[0]!.lease);
    expect(await runs.claim(batch, 'e', LEASE_MS)).toBeNull();
    await runs.release(next.lease);
    expect((await runs.claim(batch, 'e', LEASE_MS))?.lease.epoch).toBe(3);
  });

  test('a batch goes from validating to completed, with what was committed', async () => {
    const batch = await newBatch();
    expect(batch).toMatchObject({ status: 'validating', metadata: { a: 'b' }, errors: null, total: 0 });
    const { lease } = (await runs.claim(batch, 'me', LEASE_MS))!;
    expect(await runs.begin(lease, { total: 3, model: 'm' })).toMatchObject({
      status: 'in_progress',
      total: 3,
      model: 'm',
    });
    const totals = { ...NO_TOTALS, completed: 2, failed: 1, costPicoUsd: 123_456_789_012_345_678n };
    const position = { next: { number: 4, offset: 5_000_000_000 }, open: [{ number: 2, offset: 100, length: 9 }] };
    const pieces = [{ key: 'x', bytes: 10 }];
    await runs.commit(lease, { position, outputPieces: pieces, errorPieces: [] }, totals, STEADY);
    await runs.release(lease);
    const again = (await runs.claim(batch, 'you', LEASE_MS))!;
    expect(again).toMatchObject({ position, outputPieces: pieces, errorPieces: [] });
    expect(await runs.beginFinalizing(again.lease)).toBe(true);
    const output = file({ purpose: 'batch_output' });
    await runs.finish(again.lease, 'completed', { output, error: null });
    expect(await batches.find('key_1', batch.id)).toMatchObject({
      status: 'completed',
      outputFileId: output.id,
      errorFileId: null,
      totals,
      completedAtMs: expect.any(Number),
    });
    expect(await files.find('key_1', output.id)).toEqual(output);
    expect(await events()).toEqual(['batch.completed']);
    expect(await runs.listActive()).toEqual([]);
    await expect(runs.commit(again.lease, again, totals, STEADY)).rejects.toThrow(LeaseLost);
  });

  test('a cancelled batch neither starts nor completes', async () => {
    const batch = await newBatch();
    const { lease } = (await runs.claim(batch, 'me', LEASE_MS))!;
    expect(await batches.cancel('key_2', batch.id)).toBeNull();
    expect(await batches.cancel('key_1', batch.id)).toMatchObject({ status: 'cancelling' });
    expect(await runs.begin(lease, { total: 3, model: 'm' })).toMatchObject({ status: 'cancelling', total: 0 });
    expect(await runs.beginFinalizing(lease)).toBe(false);
    await runs.finish(lease, 'cancelled', { output: null, error: null });
    expect(await batches.cancel('key_1', batch.id)).toMatchObject({ status: 'cancelled' });
    expect(await events()).toEqual(['batch.cancelled']);
  });

  test('a batch at risk is reported once', async () => {
    const batch = await newBatch();
    const claimed = (await runs.claim(batch, 'me', LEASE_MS))!;
    await runs.begin(claimed.lease, { total: 3, model: null });
    const late = { etaMs: Date.now() + 1e9, isAtRisk: true };
    for (const forecast of [late, STEADY, late]) await runs.commit(claimed.lease, claimed, NO_TOTALS, forecast);
    expect(await batches.find('key_1', batch.id)).toMatchObject(late);
    expect(await events()).toEqual(['batch.at_risk']);
  });

  test('batches of each kind are listed separately, newest first', async () => {
    const made = [await newBatch(), await newBatch('msgbatch_'), await newBatch(), await newBatch('batch_', 'key_2')];
    const ids = async (query: object) =>
      (await batches.list('key_1', { prefix: 'batch_', limit: 10, ...query })).map(({ id }) => id);
    expect(await ids({})).toEqual([made[2]!.id, made[0]!.id]);
    expect(await ids({ after: made[2]!.id })).toEqual([made[0]!.id]);
    expect(await ids({ before: made[0]!.id })).toEqual([made[2]!.id]);
    expect(await ids({ prefix: 'msgbatch_' })).toEqual([made[1]!.id]);
  });
});
