// Chunks of lines at providers, on SQLite and on PostgreSQL: what a new owner of a batch must find, and who may write it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BatchStore, createBatchStore } from '#src/batches/batch-store.ts';
import { createNativeChunkStore, type NativeChunk, type NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import { createRunStore, type Lease, LeaseLost, type RunStore } from '#src/batches/run-store.ts';
import { createSortableId } from '#src/contracts/ids.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let batches: BatchStore;
  let runs: RunStore;
  let chunks: NativeChunkStore;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    batches = createBatchStore(database);
    runs = createRunStore(database);
    chunks = createNativeChunkStore(database);
  });
  afterAll(() => database?.destroy());

  async function claim(owner: string, leaseMs = 60_000): Promise<Lease> {
    const id = `batch_${createSortableId()}`;
    const batch = await batches.insert(
      {
        id,
        keyId: 'key_1',
        endpoint: '/v1/chat/completions',
        inputFileId: 'file-1',
        completionWindow: '24h',
        outputExpiresAfterSeconds: null,
        metadata: null,
        createdAtMs: Date.now(),
        expiresAtMs: Date.now() + 60_000,
      },
      { store: 'here', replyShards: 1 },
    );
    return (await runs.claim(batch, owner, leaseMs))!.lease;
  }

  function chunkOf({ batchId, keyId }: Lease, change: Partial<NativeChunk> = {}): NativeChunk {
    return {
      id: `nb_${createSortableId()}`,
      batchId,
      keyId,
      provider: 'openai',
      deployment: 'openai/m',
      upstreamModel: 'm',
      protocol: 'openai-chat',
      state: 'submitting',
      lines: [
        { number: 1, offset: 0, length: 100 },
        { number: 3, offset: 5_000_000_000, length: 20 },
      ],
      replyShards: 4,
      providerBatchId: null,
      credential: null,
      reservation: { parts: [{ account: 'key_1:month:2026-11-01', amount: '12' }] },
      createdAtMs: 1_700_000_000_123,
      ...change,
    };
  }

  test('a chunk is read as it was written', async () => {
    const lease = await claim('one');
    const [first, second] = [chunkOf(lease), chunkOf(lease, { reservation: null })];
    await chunks.insert(lease, first);
    await chunks.insert(lease, second);
    const found = await chunks.list(lease.batchId);
    expect(found.sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
      [first, second].sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    expect(await chunks.list('batch_other')).toEqual([]);
  });

  test('lines at the provider are counted by credential', async () => {
    const lease = await claim('one');
    const out = { provider: 'counted', credential: 'a' };
    for (const change of [
      out,
      { ...out, credential: 'b' },
      { ...out, state: 'running' as const },
      { provider: 'counted' },
    ])
      await chunks.insert(lease, chunkOf(lease, change));
    const ended = chunkOf(lease, { ...out, state: 'ended' });
    await chunks.insert(lease, ended);
    expect(Object.fromEntries(await chunks.linesOut('counted'))).toEqual({ a: 4, b: 2 });
    await chunks.change(lease, ended.id, { credential: 'c', state: 'running' });
    expect(Object.fromEntries(await chunks.linesOut('counted'))).toEqual({ a: 4, b: 2, c: 2 });
  });

  test('the provider’s id is known once it is stored', async () => {
    const lease = await claim('one');
    const chunk = chunkOf(lease, { provider: 'known' });
    await chunks.insert(lease, chunk);
    expect(await chunks.providerBatchIds('known')).toEqual(new Set());
    await chunks.change(lease, chunk.id, { state: 'running', providerBatchId: 'batch_abc' });
    await chunks.change(lease, chunk.id, { state: 'recalled' });
    expect(await chunks.list(lease.batchId)).toMatchObject([{ state: 'recalled', providerBatchId: 'batch_abc' }]);
    expect(await chunks.providerBatchIds('known')).toEqual(new Set(['batch_abc']));
  });

  test('an owner that was replaced cannot write any more', async () => {
    const lease = await claim('one', -1);
    const chunk = chunkOf(lease);
    await chunks.insert(lease, chunk);
    const batch = (await batches.find('key_1', lease.batchId))!;
    expect(await runs.claim(batch, 'two', 60_000)).not.toBeNull();
    await expect(chunks.insert(lease, chunkOf(lease))).rejects.toThrow(LeaseLost);
    await expect(chunks.change(lease, chunk.id, { state: 'ended' })).rejects.toThrow(LeaseLost);
    expect(await chunks.list(lease.batchId)).toMatchObject([{ id: chunk.id, state: 'submitting' }]);
  });

  test('chunks that outlive their batch stay until they are removed', async () => {
    const lease = await claim('one');
    const chunk = chunkOf(lease);
    await chunks.insert(lease, chunk);
    const isLeft = async () => (await chunks.listOrphaned()).some(({ id }) => id === chunk.id);
    expect(await isLeft()).toBe(false);
    await runs.finish(lease, 'completed', { output: null, error: null });
    expect(await isLeft()).toBe(true);
    await chunks.remove(chunk.id);
    await chunks.remove(chunk.id);
    expect(await isLeft()).toBe(false);
  });
});
