// The SQL tables of stored responses and conversations: their types and their migration.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface ResponseTables {
  responses: ResponsesTable;
  response_items: ResponseItemsTable;
  conversations: ConversationsTable;
  conversation_items: ConversationItemsTable;
}

/** An ended response of the Responses API; or a marker that one was deleted or is not to be kept. */
export interface ResponsesTable {
  id: string;
  request_id: string;
  key_id: string;
  model: string;
  status: string;
  is_background: Whole;
  is_stream: Whole;
  /** JSON: all input items, those of earlier turns included. */
  input: string;
  /** JSON, byte for byte as the client received it. */
  response: string;
  created_at: Whole;
  expires_at: Whole;
  deleted_at: OptionalWhole;
}

/** Which response has an output item, for requests that reference the item by its id. */
export interface ResponseItemsTable {
  key_id: string;
  item_id: string;
  response_id: string;
}

export interface ConversationsTable {
  id: string;
  key_id: string;
  /** JSON. */
  metadata: string;
  /** Position of the next item. */
  next_position: Whole;
  created_at: Whole;
}

export interface ConversationItemsTable {
  conversation_id: string;
  position: Whole;
  item_id: string;
  /** JSON, as models get it. */
  item: string;
  created_at: Whole;
}

type Schema = Kysely<unknown>['schema'];

export const responsesAndConversations: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    await createResponses(schema);
    await createConversations(schema);
  },
};

async function createResponses(schema: Schema): Promise<void> {
  let table = schema.createTable('responses').addColumn('id', 'text', (column) => column.primaryKey());
  for (const name of ['request_id', 'key_id', 'model', 'status', 'input', 'response']) {
    table = table.addColumn(name, 'text', (column) => column.notNull());
  }
  for (const name of ['is_background', 'is_stream', 'created_at', 'expires_at']) {
    table = table.addColumn(name, 'bigint', (column) => column.notNull());
  }
  await table.addColumn('deleted_at', 'bigint').execute();
  await schema.createIndex('responses_by_expiry').on('responses').column('expires_at').execute();
  await schema
    .createTable('response_items')
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('item_id', 'text', (column) => column.notNull())
    .addColumn('response_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('response_items_key', ['key_id', 'item_id'])
    .execute();
  await schema.createIndex('response_items_by_response').on('response_items').column('response_id').execute();
}

async function createConversations(schema: Schema): Promise<void> {
  await schema
    .createTable('conversations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('metadata', 'text', (column) => column.notNull())
    .addColumn('next_position', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('conversation_items')
    .addColumn('conversation_id', 'text', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('item_id', 'text', (column) => column.notNull())
    .addColumn('item', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('conversation_items_key', ['conversation_id', 'position'])
    .execute();
  await schema.createIndex('conversation_items_by_id').on('conversation_items').column('item_id').execute();
}
