// Conversations and their items in SQL, and the lock that lets one request at a time work on a conversation. Items are
// numbered in the transaction that appends them, so that two writers never interleave.
import type { Kysely } from 'kysely';
import { createSortableId } from '../contracts/ids.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { JsonObject } from '../protocols/codec.ts';
import { parseCarried } from '../protocols/wire/exact-json.ts';
import { textOf } from '../protocols/wire/loose-json.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Tables } from '../storage/tables.ts';
import { createConversationId, itemIdFor, type Page, type PageQuery } from './items.ts';

export interface Conversation {
  id: string;
  metadata: JsonObject;
  createdAtMs: number;
}

export interface ConversationStore {
  create(keyId: string, metadata: JsonObject, items: readonly JsonObject[]): Promise<Conversation>;
  find(id: string, keyId: string): Promise<Conversation | null>;
  update(id: string, keyId: string, metadata: JsonObject): Promise<Conversation | null>;
  /** Including its items. False if there is none. */
  delete(id: string, keyId: string): Promise<boolean>;
  /** Returns the items with their ids. The conversation must exist. */
  append(id: string, items: readonly JsonObject[]): Promise<JsonObject[]>;
  /** In order, each with its id; null if there is no item `after`. */
  listItems(id: string, query: PageQuery): Promise<Page | null>;
  /** In order. */
  allItems(id: string): Promise<JsonObject[]>;
  findItem(id: string, itemId: string): Promise<JsonObject | null>;
  deleteItem(id: string, itemId: string): Promise<boolean>;
  /** From any conversation of this key; missing ones are left out. */
  findItems(keyId: string, itemIds: readonly string[]): Promise<Map<string, JsonObject>>;
}

/** Rows of one insert; SQLite takes 32,766 parameters. */
const ITEMS_AT_ONCE = 1_000;

/** Returns the items with their ids; none if the conversation was deleted in the meantime. Call it in a transaction. */
export async function appendItems(
  transaction: Kysely<Tables>,
  conversationId: string,
  items: readonly JsonObject[],
  nowMs: number,
): Promise<JsonObject[]> {
  if (items.length === 0) return [];
  // The update also locks the row: other writers wait for the end of this transaction.
  const counted = await transaction
    .updateTable('conversations')
    .set((row) => ({ next_position: row('next_position', '+', items.length) }))
    .where('id', '=', conversationId)
    .returning('next_position')
    .executeTakeFirst();
  if (counted === undefined) return [];
  const first = asNumber(counted.next_position) - items.length;
  const named = items.map((item) => ({
    ...item,
    id: textOf(item.id) || itemIdFor(item.type, createSortableId(nowMs)),
  }));
  const rows = named.map((item, index) => ({
    conversation_id: conversationId,
    position: first + index,
    item_id: item.id,
    item: JSON.stringify(items[index]),
    created_at: nowMs,
  }));
  for (let from = 0; from < rows.length; from += ITEMS_AT_ONCE) {
    await transaction
      .insertInto('conversation_items')
      .values(rows.slice(from, from + ITEMS_AT_ONCE))
      .execute();
  }
  return named;
}

export function createConversationStore(database: Database): ConversationStore {
  const itemsOf = (id: string) => database.selectFrom('conversation_items').where('conversation_id', '=', id);

  async function positionOf(id: string, itemId: string): Promise<number | null> {
    const row = await itemsOf(id).select('position').where('item_id', '=', itemId).executeTakeFirst();
    return row === undefined ? null : asNumber(row.position);
  }

  async function find(id: string, keyId: string): Promise<Conversation | null> {
    const query = database.selectFrom('conversations').selectAll().where('id', '=', id).where('key_id', '=', keyId);
    const row = await query.executeTakeFirst();
    if (row === undefined) return null;
    return { id, metadata: parseCarried(row.metadata) as JsonObject, createdAtMs: asNumber(row.created_at) };
  }

  return {
    find,

    async create(keyId, metadata, items) {
      const conversation = { id: createConversationId(), metadata, createdAtMs: Date.now() };
      const { id, createdAtMs } = conversation;
      const row = { id, key_id: keyId, metadata: JSON.stringify(metadata), next_position: 0, created_at: createdAtMs };
      await database.transaction().execute(async (transaction) => {
        await transaction.insertInto('conversations').values(row).execute();
        await appendItems(transaction, id, items, createdAtMs);
      });
      return conversation;
    },

    async update(id, keyId, metadata) {
      const change = database.updateTable('conversations').set({ metadata: JSON.stringify(metadata) });
      await change.where('id', '=', id).where('key_id', '=', keyId).execute();
      return find(id, keyId);
    },

    delete: (id, keyId) =>
      database.transaction().execute(async (transaction) => {
        const gone = await transaction
          .deleteFrom('conversations')
          .where('id', '=', id)
          .where('key_id', '=', keyId)
          .returning('id')
          .executeTakeFirst();
        if (gone === undefined) return false;
        await transaction.deleteFrom('conversation_items').where('conversation_id', '=', id).execute();
        return true;
      }),

    append: (id, items) =>
      database.transaction().execute((transaction) => appendItems(transaction, id, items, Date.now())),

    async listItems(id, { limit, order, after }) {
      const from = after === undefined ? null : await positionOf(id, after);
      if (after !== undefined && from === null) return null;
      let query = itemsOf(id)
        .selectAll()
        .orderBy('position', order)
        .limit(limit + 1);
      if (from !== null) query = query.where('position', order === 'asc' ? '>' : '<', from);
      const rows = await query.execute();
      return { items: rows.slice(0, limit).map(readItem), hasMore: rows.length > limit };
    },

    async allItems(id) {
      const rows = await itemsOf(id).select('item').orderBy('position').execute();
      return rows.map(({ item }) => parseCarried(item) as JsonObject);
    },

    async findItem(id, itemId) {
      const row = await itemsOf(id).selectAll().where('item_id', '=', itemId).executeTakeFirst();
      return row === undefined ? null : readItem(row);
    },

    async deleteItem(id, itemId) {
      const query = database.deleteFrom('conversation_items').where('conversation_id', '=', id);
      return (await query.where('item_id', '=', itemId).returning('item_id').executeTakeFirst()) !== undefined;
    },

    async findItems(keyId, itemIds) {
      if (itemIds.length === 0) return new Map();
      const rows = await database
        .selectFrom('conversation_items')
        .innerJoin('conversations', 'conversations.id', 'conversation_items.conversation_id')
        .select(['conversation_items.item_id', 'conversation_items.item'])
        .where('conversations.key_id', '=', keyId)
        .where('conversation_items.item_id', 'in', [...itemIds])
        .execute();
      return new Map(rows.map(({ item_id: itemId, item }) => [itemId, parseCarried(item) as JsonObject]));
    },
  };
}

/** The id is stored beside the item, because models do not get ids that were assigned here. */
function readItem({ item_id: id, item }: { item_id: string; item: string }): JsonObject {
  return { ...(parseCarried(item) as JsonObject), id };
}

export type LockHolder = Pick<RequestSpec, 'requestId' | 'acceptedAtMs'>;

/** Held from a request's acceptance until its items are stored: the next turn must see them. */
export interface ConversationLock {
  /** Null if this request now holds the lock, else the current holder. */
  take(conversationId: string, holder: LockHolder): Promise<LockHolder | null>;
  /** The current holder; null if there is none. */
  holder(conversationId: string): Promise<LockHolder | null>;
  /** From a holder whose request is gone. False if another request was faster. */
  takeOver(conversationId: string, from: LockHolder, to: LockHolder): Promise<boolean>;
  /** Safe to repeat. */
  release(conversationId: string, holder: LockHolder): Promise<void>;
}

/** In case it is never released: longer than any deadline and the longest outage of SQL that Redis can bridge. */
const LOCK_MS = 3 * 24 * 3_600_000;

const swapScript = loadLuaScript(import.meta.url, './swap-lock.lua');

export function createConversationLock(redis: RedisClient, keyspace: Keyspace): ConversationLock {
  const swap = (conversationId: string, from: LockHolder, to: string) =>
    runScript(redis, swapScript, [keyspace.conversation(conversationId)], [encode(from), to, LOCK_MS]);
  return {
    async take(conversationId, holder) {
      const key = keyspace.conversation(conversationId);
      const other = await redis.set(key, encode(holder), 'PX', LOCK_MS, 'NX', 'GET');
      return other === null || other === encode(holder) ? null : decode(other);
    },
    async holder(conversationId) {
      const holder = await redis.get(keyspace.conversation(conversationId));
      return holder === null ? null : decode(holder);
    },
    takeOver: async (conversationId, from, to) => (await swap(conversationId, from, encode(to))) === 1,
    async release(conversationId, holder) {
      await swap(conversationId, holder, '');
    },
  };
}

function encode({ requestId, acceptedAtMs }: LockHolder): string {
  return `${requestId} ${acceptedAtMs}`;
}

function decode(text: string): LockHolder {
  const [requestId, acceptedAtMs] = text.split(' ');
  return { requestId: requestId!, acceptedAtMs: Number(acceptedAtMs) };
}
