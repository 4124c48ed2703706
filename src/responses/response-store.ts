// Ended responses in SQL. Each is written once; its further effects are written in the same transaction and so happen once
// as well.
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { JsonObject } from '../protocols/codec.ts';
import { parseCarried } from '../protocols/wire/exact-json.ts';
import { objectsOf, textOf } from '../protocols/wire/loose-json.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { ResponsesTable } from '../storage/response-tables.ts';
import type { Tables } from '../storage/tables.ts';
import { requestIdOf } from './items.ts';

export interface StoredResponse {
  id: string;
  requestId: string;
  keyId: string;
  model: string;
  status: string;
  isBackground: boolean;
  isStream: boolean;
  /** Every item that the model was given as input, those of earlier turns included. */
  input: readonly JsonObject[];
  /** JSON text, to the byte as its client received it. */
  response: string;
  createdAtMs: number;
  expiresAtMs: number;
}

export interface ResponseStore {
  /**
   * False, without any effect, if it was written or deleted before.
   * @param isKept false: only a marker is written, so that its effects do not happen twice.
   * @param andAlso in the same transaction
   */
  insert(
    response: StoredResponse,
    isKept: boolean,
    andAlso: (transaction: Transaction<Tables>) => Promise<void>,
  ): Promise<boolean>;
  /** `deleted` if its owner deleted it, or it was not to be kept; null if it is not known. */
  find(id: string, keyId: string): Promise<StoredResponse | 'deleted' | null>;
  /** A response that is not written yet can be deleted too: then it never is written. */
  delete(id: string, keyId: string, nowMs: number, expiresAtMs: number): Promise<void>;
  /** Output items of stored responses, by id; missing ones are left out. */
  findOutputItems(keyId: string, itemIds: readonly string[]): Promise<Map<string, JsonObject>>;
  /** At most `limit`; returns how many. */
  deleteExpired(nowMs: number, limit: number): Promise<number>;
}

export function createResponseStore(database: Database): ResponseStore {
  return {
    insert: (response, isKept, andAlso) =>
      database.transaction().execute(async (transaction) => {
        const inserted = await transaction
          .insertInto('responses')
          .values(rowOf(response, isKept))
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returning('id')
          .executeTakeFirst();
        if (inserted === undefined) return false;
        if (isKept) await insertItems(transaction, response);
        await andAlso(transaction);
        return true;
      }),

    async find(id, keyId) {
      const query = database.selectFrom('responses').selectAll().where('id', '=', id).where('key_id', '=', keyId);
      const row = await query.executeTakeFirst();
      if (row === undefined) return null;
      return row.deleted_at === null && asNumber(row.expires_at) > Date.now() ? readRow(row) : 'deleted';
    },

    delete: (id, keyId, nowMs, expiresAtMs) =>
      database.transaction().execute(async (transaction) => {
        const emptied = { input: '[]', response: '{}', deleted_at: nowMs };
        await transaction
          .insertInto('responses')
          .values({ ...emptied, ...nothingOf(id, keyId), created_at: nowMs, expires_at: expiresAtMs })
          .onConflict((conflict) => conflict.column('id').doUpdateSet(emptied).where('responses.key_id', '=', keyId))
          .execute();
        const items = transaction.deleteFrom('response_items').where('response_id', '=', id);
        await items.where('key_id', '=', keyId).execute();
      }),

    async findOutputItems(keyId, itemIds) {
      if (itemIds.length === 0) return new Map();
      const rows = await database
        .selectFrom('response_items')
        .innerJoin('responses', 'responses.id', 'response_items.response_id')
        .select(['responses.id', 'responses.response'])
        .distinct()
        .where('response_items.key_id', '=', keyId)
        .where('response_items.item_id', 'in', [...itemIds])
        .where('responses.deleted_at', 'is', null)
        .execute();
      const items = rows.flatMap(({ response }) => outputOf(response)).map((item) => [textOf(item.id), item] as const);
      return new Map(items.filter(([id]) => itemIds.includes(id)));
    },

    deleteExpired: (nowMs, limit) =>
      database.transaction().execute(async (transaction) => {
        const expired = await transaction
          .selectFrom('responses')
          .select('id')
          .where('expires_at', '<=', nowMs)
          .limit(limit)
          .execute();
        const ids = expired.map(({ id }) => id);
        if (ids.length === 0) return 0;
        await transaction.deleteFrom('response_items').where('response_id', 'in', ids).execute();
        await transaction.deleteFrom('responses').where('id', 'in', ids).execute();
        return ids.length;
      }),
  };
}

export function outputOf(response: string): JsonObject[] {
  return objectsOf((parseCarried(response) as JsonObject).output);
}

/** Rows of one insert; SQLite takes 32,766 parameters. */
const ITEMS_AT_ONCE = 1_000;

async function insertItems(transaction: Kysely<Tables>, { id, keyId, response }: StoredResponse): Promise<void> {
  const itemIds = new Set(outputOf(response).map((item) => textOf(item.id)));
  itemIds.delete('');
  const rows = [...itemIds].map((itemId) => ({ key_id: keyId, item_id: itemId, response_id: id }));
  for (let from = 0; from < rows.length; from += ITEMS_AT_ONCE) {
    await transaction
      .insertInto('response_items')
      .values(rows.slice(from, from + ITEMS_AT_ONCE))
      .onConflict((conflict) => conflict.columns(['key_id', 'item_id']).doNothing())
      .execute();
  }
}

function rowOf(response: StoredResponse, isKept: boolean) {
  return {
    id: response.id,
    request_id: response.requestId,
    key_id: response.keyId,
    model: response.model,
    status: response.status,
    is_background: response.isBackground ? 1 : 0,
    is_stream: response.isStream ? 1 : 0,
    input: isKept ? JSON.stringify(response.input) : '[]',
    response: isKept ? response.response : '{}',
    created_at: response.createdAtMs,
    expires_at: response.expiresAtMs,
    deleted_at: isKept ? null : response.createdAtMs,
  };
}

/** The row of a response that is deleted before it was written. */
function nothingOf(id: string, keyId: string) {
  return {
    id,
    request_id: requestIdOf(id) ?? '',
    key_id: keyId,
    model: '',
    status: 'deleted',
    is_background: 0,
    is_stream: 0,
  };
}

function readRow(row: Selectable<ResponsesTable>): StoredResponse {
  return {
    id: row.id,
    requestId: row.request_id,
    keyId: row.key_id,
    model: row.model,
    status: row.status,
    isBackground: asNumber(row.is_background) === 1,
    isStream: asNumber(row.is_stream) === 1,
    input: parseCarried(row.input) as JsonObject[],
    response: row.response,
    createdAtMs: asNumber(row.created_at),
    expiresAtMs: asNumber(row.expires_at),
  };
}
