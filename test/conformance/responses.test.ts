// The guarantees of the stores of responses and conversations, on SQLite and on PostgreSQL.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { appendEvent } from '#src/batches/event-outbox.ts';
import { appendItems, type ConversationStore, createConversationStore } from '#src/responses/conversations.ts';
import { createResponseStore, type ResponseStore, type StoredResponse } from '#src/responses/response-store.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();

const LATER_MS = Date.now() + 3_600_000;
const nothingElse = async () => undefined;

function response(change: Partial<StoredResponse> = {}): StoredResponse {
  return {
    id: 'resp_1',
    requestId: 'req_1',
    keyId: 'key_1',
    model: 'gpt-4o',
    status: 'completed',
    isBackground: false,
    isStream: true,
    input: [{ role: 'user', content: 'Hello \u0000 there' }],
    response: '{"id":"resp_1","output":[{"type":"message","id":"msg_1"},{"type":"message","id":"msg_2"}],"cost":0.10}',
    createdAtMs: 1_000,
    expiresAtMs: LATER_MS,
    ...change,
  };
}

const message = (content: string) => ({ role: 'user', content });

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let responses: ResponseStore;
  let conversations: ConversationStore;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    responses = createResponseStore(database);
    conversations = createConversationStore(database);
  });
  afterAll(() => database.destroy());
  beforeEach(async () => {
    for (const table of ['responses', 'response_items', 'conversations', 'conversation_items'] as const) {
      await database.deleteFrom(table).execute();
    }
    await database.deleteFrom('events_outbox').execute();
  });

  describe('responses', () => {
    test('are returned unchanged, only to their own key', async () => {
      expect(await responses.insert(response(), true, nothingElse)).toBe(true);
      expect(await responses.find('resp_1', 'key_1')).toEqual(response());
      expect(await responses.find('resp_1', 'key_2')).toBeNull();
      expect(await responses.find('resp_2', 'key_1')).toBeNull();
    });

    test('are written once, with everything that belongs to them', async () => {
      const { id } = await conversations.create('key_1', {}, []);
      const event = { id: 'evt_1', type: 'response.completed', keyId: 'key_1', subjectId: 'resp_1', atMs: 5 };
      const write = () =>
        responses.insert(response(), true, async (transaction) => {
          await appendItems(transaction, id, [message('once')], 5);
          await appendEvent(transaction, event);
        });
      // One after the other, and at the same time: a message that was delivered again.
      expect([await write(), ...(await Promise.all([write(), write()]))]).toEqual([true, false, false]);
      expect(await conversations.allItems(id)).toEqual([message('once')]);
      expect(await database.selectFrom('events_outbox').select('id').execute()).toEqual([{ id: 'evt_1' }]);
    });

    test('are not written at all if a part cannot be written', async () => {
      const failing = responses.insert(response(), true, async () => {
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await responses.find('resp_1', 'key_1')).toBeNull();
      expect((await responses.findOutputItems('key_1', ['msg_1'])).size).toBe(0);
    });

    test('that are not to be stored leave only a mark', async () => {
      expect(await responses.insert(response(), false, nothingElse)).toBe(true);
      expect(await responses.insert(response(), false, nothingElse)).toBe(false);
      expect(await responses.find('resp_1', 'key_1')).toBe('deleted');
      const row = await database.selectFrom('responses').selectAll().executeTakeFirstOrThrow();
      expect([row.input, row.response]).toEqual(['[]', '{}']);
    });

    test('that were deleted stay deleted, even if they are written afterwards', async () => {
      await responses.insert(response(), true, nothingElse);
      await responses.delete('resp_1', 'key_2', 9, LATER_MS);
      expect(await responses.find('resp_1', 'key_1')).toEqual(response());
      await responses.delete('resp_1', 'key_1', 9, LATER_MS);
      expect(await responses.find('resp_1', 'key_1')).toBe('deleted');
      expect((await responses.findOutputItems('key_1', ['msg_1'])).size).toBe(0);
      await responses.delete('resp_3', 'key_1', 9, LATER_MS);
      expect(await responses.insert(response({ id: 'resp_3' }), true, nothingElse)).toBe(false);
      expect(await responses.find('resp_3', 'key_1')).toBe('deleted');
    });

    test('can return their output items by id', async () => {
      await responses.insert(response(), true, nothingElse);
      const found = await responses.findOutputItems('key_1', ['msg_2', 'msg_9']);
      expect([...found]).toEqual([['msg_2', { type: 'message', id: 'msg_2' }]]);
      expect((await responses.findOutputItems('key_2', ['msg_2'])).size).toBe(0);
    });

    test('are deleted after their time, a bounded number at once', async () => {
      for (const id of ['resp_1', 'resp_2', 'resp_3']) {
        await responses.insert(response({ id, expiresAtMs: 5_000 }), true, nothingElse);
      }
      await responses.insert(response({ id: 'resp_4' }), true, nothingElse);
      expect(await responses.find('resp_1', 'key_1')).toBe('deleted');
      expect([await responses.deleteExpired(6_000, 2), await responses.deleteExpired(6_000, 2)]).toEqual([2, 1]);
      expect(await responses.find('resp_4', 'key_1')).not.toBeNull();
      expect(await database.selectFrom('responses').select('id').execute()).toEqual([{ id: 'resp_4' }]);
    });
  });

  describe('conversations', () => {
    test('can be created, changed and deleted by their own key', async () => {
      const { id, createdAtMs } = await conversations.create('key_1', { topic: 'tea' }, [message('a')]);
      expect(await conversations.find(id, 'key_1')).toEqual({ id, metadata: { topic: 'tea' }, createdAtMs });
      expect(await conversations.find(id, 'key_2')).toBeNull();
      expect(await conversations.update(id, 'key_2', {})).toBeNull();
      expect(await conversations.update(id, 'key_1', { topic: 'coffee' })).toMatchObject({
        metadata: { topic: 'coffee' },
      });
      expect(await conversations.delete(id, 'key_2')).toBe(false);
      expect(await conversations.delete(id, 'key_1')).toBe(true);
      expect(await conversations.delete(id, 'key_1')).toBe(false);
      expect(await conversations.allItems(id)).toEqual([]);
    });

    test('keep their items in the order of appending, with several writers too', async () => {
      const { id } = await conversations.create('key_1', {}, [message('first')]);
      const pairs = Array.from({ length: 10 }, (_, index) => [message(`${index} a`), message(`${index} b`)]);
      await Promise.all(pairs.map((pair) => conversations.append(id, pair)));
      const said = (await conversations.allItems(id)).map((item) => String(item.content));
      expect(said).toHaveLength(21);
      expect(said[0]).toBe('first');
      for (const index of pairs.keys()) expect(said[said.indexOf(`${index} a`) + 1]).toBe(`${index} b`);
    });

    test('give ids to items without one, and keep existing ids', async () => {
      const { id } = await conversations.create('key_1', {}, []);
      const appended = await conversations.append(id, [message('x'), { ...message('y'), id: 'msg_own' }]);
      expect(appended.map((item) => item.id)).toEqual([expect.stringMatching(/^msg_/), 'msg_own']);
      expect(await conversations.findItem(id, 'msg_own')).toMatchObject({ content: 'y' });
      expect(await conversations.allItems(id)).toEqual([message('x'), { ...message('y'), id: 'msg_own' }]);
      expect([...(await conversations.findItems('key_1', ['msg_own', 'msg_none'])).keys()]).toEqual(['msg_own']);
      expect((await conversations.findItems('key_2', ['msg_own'])).size).toBe(0);
    });

    test('list their items in pages, in both directions', async () => {
      const items = Array.from({ length: 5 }, (_, index) => ({ ...message(`${index}`), id: `msg_${index}` }));
      const { id } = await conversations.create('key_1', {}, items);
      const page = async (order: 'asc' | 'desc', after?: string) => {
        const query = { limit: 2, order, ...(after === undefined ? {} : { after }) };
        const found = await conversations.listItems(id, query);
        return found === null ? null : [found.items.map((item) => item.id).join(' '), found.hasMore];
      };
      expect(await page('asc')).toEqual(['msg_0 msg_1', true]);
      expect(await page('asc', 'msg_3')).toEqual(['msg_4', false]);
      expect(await page('desc')).toEqual(['msg_4 msg_3', true]);
      expect(await page('desc', 'msg_2')).toEqual(['msg_1 msg_0', false]);
      expect(await page('desc', 'msg_none')).toBeNull();
    });

    test('do not reuse the position of a deleted item', async () => {
      const { id } = await conversations.create('key_1', {}, [{ ...message('a'), id: 'msg_a' }]);
      expect(await conversations.deleteItem(id, 'msg_a')).toBe(true);
      expect(await conversations.deleteItem(id, 'msg_a')).toBe(false);
      await conversations.append(id, [message('b')]);
      expect(await conversations.allItems(id)).toEqual([message('b')]);
    });

    test('accept no items after they are deleted', async () => {
      expect(await conversations.append('conv_none', [message('a')])).toEqual([]);
      expect(await conversations.allItems('conv_none')).toEqual([]);
    });
  });
});
