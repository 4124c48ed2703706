// The SQL tables of requests that failed for good and of their replays, as code sees them and as a migration makes them.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Whole } from './columns.ts';

export interface DeadLetterTables {
  dead_letters: DeadLettersTable;
  replays: ReplaysTable;
}

/** One request that failed. Its attempts stand in `ledger_entries`. */
export interface DeadLettersTable {
  request_id: string;
  key_id: string;
  model: string;
  /** Who failed it; null when nobody was asked. */
  provider: string | null;
  code: string;
  lane: string;
  protocol: string;
  accepted_at: Whole;
  failed_at: Whole;
  attempts: Whole;
  cost_pico_usd: Whole;
  /** JSON: RequestSpec, Failure, TimelinePart[]. */
  spec: string;
  failure: string;
  timeline: string;
  /** `none`, `plain`, or `sealed`, by the key whose id stands in `body_key`. */
  body_form: string;
  body_key: string | null;
  body: Uint8Array | null;
}

/** A new request for an old one. */
export interface ReplaysTable {
  request_id: string;
  replay_of: string;
  model: string;
  created_at: Whole;
}

export const deadLetters: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    const texts = ['key_id', 'model', 'code', 'lane', 'protocol', 'spec', 'failure', 'timeline', 'body_form'];
    const counts = ['accepted_at', 'failed_at', 'attempts'];
    let table = schema.createTable('dead_letters').addColumn('request_id', 'text', (column) => column.primaryKey());
    for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
    for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull());
    await table
      .addColumn('provider', 'text')
      .addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull())
      .addColumn('body_key', 'text')
      // SQLite takes any name for a type and leaves bytes as they are.
      .addColumn('body', sql`bytea`)
      .execute();
    await schema.createIndex('dead_letters_by_time').on('dead_letters').columns(['failed_at', 'request_id']).execute();
    await schema
      .createTable('replays')
      .addColumn('request_id', 'text', (column) => column.primaryKey())
      .addColumn('replay_of', 'text', (column) => column.notNull())
      .addColumn('model', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute();
    await schema.createIndex('replays_by_origin').on('replays').column('replay_of').execute();
  },
};
