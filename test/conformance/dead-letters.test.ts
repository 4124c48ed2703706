// One suite for both SQL engines: a dead letter is stored once, with its exact body, and can be found by its properties.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DeadLetter, StoredBody } from '#src/dead-letters/dead-letter.ts';
import { createDeadLetterStore, type DeadLetterStore } from '#src/dead-letters/dead-letter-store.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();

const NOW = Date.UTC(2026, 10, 20, 12);
/** Not text in any encoding. */
const BODY: StoredBody = { form: 'sealed', keyId: '0123456789ab', bytes: Buffer.from([0, 255, 254, 13, 10, 0, 128]) };

function letter(requestId: string, change: { model?: string; code?: string; failedAtMs?: number } = {}) {
  const { model = 'm', code = 'upstream_server_error', failedAtMs = NOW } = change;
  const spec = {
    requestId,
    keyId: 'key_1',
    model,
    lane: 'interactive',
    protocol: 'openai-chat',
    acceptedAtMs: NOW - 5,
  };
  return {
    letter: {
      spec: spec as unknown as DeadLetter['spec'],
      failure: { code, message: 'It fell over.' } as DeadLetter['failure'],
      provider: 'a',
      failedAtMs,
      attempts: 3,
      costPicoUsd: 123_456_789_012_345_678n,
      timeline: [{ kind: 'attempt' as const, untilMs: NOW }],
    },
    body: BODY,
  };
}

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let store: DeadLetterStore;

  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    store = createDeadLetterStore(database);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    await database.deleteFrom('dead_letters').execute();
    await database.deleteFrom('replays').execute();
  });

  const idsOf = (letters: readonly { spec: { requestId: string } }[]) => letters.map(({ spec }) => spec.requestId);

  test('is kept once, with its exact body', async () => {
    await store.insert([letter('req_1')]);
    await store.insert([letter('req_1', { code: 'internal' }), letter('req_2')]);
    const kept = await store.find('req_1');
    expect(kept).toMatchObject({ failure: { code: 'upstream_server_error' }, attempts: 3, replays: [] });
    expect(kept!.costPicoUsd).toBe(123_456_789_012_345_678n);
    expect(kept!.body).toEqual({ form: 'sealed', keyId: '0123456789ab' });
    const body = await store.readBody('req_1');
    expect(Buffer.from(body!.bytes!)).toEqual(BODY.bytes);
    expect(await store.readBody('req_3')).toBeNull();
  });

  test('is listed newest first, in pages', async () => {
    const letters = Array.from({ length: 7 }, (_, index) =>
      letter(`req_${index}`, { failedAtMs: NOW + Math.floor(index / 2) }),
    );
    await store.insert(letters);
    const seen: string[] = [];
    for (let before: { failedAtMs: number; requestId: string } | undefined; seen.length < 7; ) {
      const page = await store.list({}, 3, before);
      seen.push(...idsOf(page));
      const last = page.at(-1)!;
      before = { failedAtMs: last.failedAtMs, requestId: last.spec.requestId };
    }
    expect(seen).toEqual(['req_6', 'req_5', 'req_4', 'req_3', 'req_2', 'req_1', 'req_0']);
  });

  test('can be found by its properties', async () => {
    await store.insert([
      letter('req_1', { model: 'x', failedAtMs: NOW - 1_000 }),
      letter('req_2', { code: 'worker_lost' }),
      letter('req_3', { model: 'x', failedAtMs: NOW + 1_000 }),
    ]);
    await store.addReplay({ requestId: 'req_9', replayOf: 'req_1', model: 'x', createdAtMs: NOW });
    expect(idsOf(await store.list({ model: 'x' }, 9))).toEqual(['req_3', 'req_1']);
    expect(idsOf(await store.list({ code: 'worker_lost' }, 9))).toEqual(['req_2']);
    expect(idsOf(await store.list({ fromMs: NOW, toMs: NOW + 1_000 }, 9))).toEqual(['req_2']);
    expect(idsOf(await store.list({ model: 'x', isReplayed: false }, 9))).toEqual(['req_3']);
    expect(idsOf(await store.list({ isReplayed: true }, 9))).toEqual(['req_1']);
    expect(await store.count({ provider: 'a', keyId: 'key_1' })).toBe(3);
    expect(await store.count({ provider: 'b' })).toBe(0);
  });

  test('is linked with its replays', async () => {
    await store.insert([letter('req_1')]);
    await store.addReplay({ requestId: 'req_2', replayOf: 'req_1', model: 'm', createdAtMs: NOW });
    await store.addReplay({ requestId: 'req_3', replayOf: 'req_1', model: 'n', createdAtMs: NOW + 1 });
    await store.addReplay({ requestId: 'req_4', replayOf: 'req_1', model: 'n', createdAtMs: NOW + 2 });
    await store.removeReplay('req_4');
    expect((await store.find('req_1'))!.replays.map(({ requestId }) => requestId)).toEqual(['req_3', 'req_2']);
    expect(await store.linksOf('req_2')).toEqual({ replayOf: 'req_1', replays: [] });
    expect((await store.linksOf('req_1')).replays).toHaveLength(2);
  });

  test('disappears when it is deleted or too old', async () => {
    await store.insert([
      letter('req_1', { failedAtMs: NOW - 10 }),
      letter('req_2'),
      letter('req_3', { code: 'internal' }),
    ]);
    expect(await store.deleteOlderThan(NOW)).toBe(1);
    expect(await store.delete({ code: 'internal' })).toBe(1);
    expect(await store.delete({ ids: ['req_1'] })).toBe(0);
    expect(idsOf(await store.list({}, 9))).toEqual(['req_2']);
  });
});
