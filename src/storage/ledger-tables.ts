// The SQL tables of API keys, the ledger, refused ledger messages and dead letters: their types and their migrations.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface LedgerTables {
  api_keys: ApiKeysTable;
  ledger_entries: LedgerEntriesTable;
  requests: RequestsTable;
  ledger_rejects: LedgerRejectsTable;
  dead_letters: DeadLettersTable;
  replays: ReplaysTable;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the whole key, hex. The key has 160 random bits, so a slow hash would protect nothing. */
  hash: string;
  /** First characters, so that people can recognise the key. */
  hint: string;
  /** JSON: limits, budget, allowed models. */
  settings: string;
  created_at: Whole;
  revoked_at: OptionalWhole;
  project_id: string | null;
  /** The hash before a rotation, and the time until which it is accepted. */
  former_hash: string | null;
  former_until: OptionalWhole;
}

/** One row per attempt. */
export interface LedgerEntriesTable {
  request_id: string;
  attempt: Whole;
  day: string;
  key_id: string;
  model: string;
  provider: string;
  deployment: string;
  upstream_model: string;
  protocol: string;
  lane: string;
  is_stream: Whole;
  state: string;
  outcome: string;
  started_at: Whole;
  queue_ms: Whole;
  first_byte_ms: OptionalWhole;
  duration_ms: Whole;
  input_tokens: Whole;
  cached_input_tokens: Whole;
  cache_write_tokens: Whole;
  output_tokens: Whole;
  reasoning_tokens: Whole;
  cost_pico_usd: Whole;
  /** JSON: CostDetails, or null. */
  details: string | null;
  /** Null if the provider has no named credentials. */
  credential: string | null;
  project_id: string | null;
  organisation_id: string | null;
  batch_id: string | null;
  session: string | null;
  /** `,one,two,` */
  tags: string | null;
}

/** One row per accepted request, written when it has ended. */
export interface RequestsTable {
  request_id: string;
  day: string;
  key_id: string;
  model: string;
  protocol: string;
  lane: string;
  is_stream: Whole;
  outcome: string;
  provider: string | null;
  upstream_model: string | null;
  accepted_at: Whole;
  finished_at: Whole;
  attempts: Whole;
  cost_pico_usd: Whole;
  charge_units: Whole;
  project_id: string | null;
  organisation_id: string | null;
  batch_id: string | null;
  session: string | null;
  /** `,one,two,` */
  tags: string | null;
  /** Whose credits were charged. */
  credit_account: string | null;
  /** JSON: TimelinePart[]. */
  timeline: string;
}

/** A request that failed for good. Its attempts are in `ledger_entries`. */
export interface DeadLettersTable {
  request_id: string;
  key_id: string;
  model: string;
  /** The provider that failed it; null if none was called. */
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
  /** `none`, `plain`, or `sealed` by the key whose id is in `body_key`. */
  body_form: string;
  body_key: string | null;
  body: Uint8Array | null;
}

/** A later request that replaces a dead letter. */
export interface ReplaysTable {
  request_id: string;
  replay_of: string;
  model: string;
  created_at: Whole;
}

export interface LedgerRejectsTable {
  id: string;
  /** Null if the message does not contain it. */
  request_id: string | null;
  /** What was refused: `ledger`, `dead_letter`, `response`. */
  part: string;
  reason: string;
  rejected_at: Whole;
  /** The message, byte for byte: as binary, because SQL may have refused its text. */
  message: Uint8Array;
}

export const keysAndLedger: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createTable('api_keys')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('hash', 'text', (column) => column.notNull().unique())
      .addColumn('hint', 'text', (column) => column.notNull())
      .addColumn('settings', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at', 'bigint')
      .execute();
    await createLedgerEntries(database);
    await createRequests(database);
  },
};

async function createLedgerEntries(database: Kysely<unknown>): Promise<void> {
  const texts = ['key_id', 'model', 'provider', 'deployment', 'upstream_model', 'protocol', 'lane', 'state', 'outcome'];
  const counts = ['is_stream', 'started_at', 'queue_ms', 'duration_ms', 'input_tokens', 'cached_input_tokens'];
  counts.push('cache_write_tokens', 'output_tokens', 'reasoning_tokens');
  let table = database.schema
    .createTable('ledger_entries')
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('attempt', 'bigint', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull());
  for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
  for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull());
  await table
    .addColumn('first_byte_ms', 'bigint')
    .addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull())
    .addPrimaryKeyConstraint('ledger_entries_key', ['request_id', 'attempt'])
    .execute();
  await database.schema.createIndex('ledger_entries_by_day').on('ledger_entries').columns(['day', 'key_id']).execute();
}

async function createRequests(database: Kysely<unknown>): Promise<void> {
  const texts = ['day', 'key_id', 'model', 'protocol', 'lane', 'outcome', 'timeline'];
  const counts = ['is_stream', 'accepted_at', 'finished_at', 'attempts', 'charge_units'];
  let table = database.schema.createTable('requests').addColumn('request_id', 'text', (column) => column.primaryKey());
  for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull());
  for (const name of counts) table = table.addColumn(name, 'bigint', (column) => column.notNull());
  await table
    .addColumn('provider', 'text')
    .addColumn('upstream_model', 'text')
    .addColumn('cost_pico_usd', sql`numeric`, (column) => column.notNull())
    .execute();
  await database.schema.createIndex('requests_by_day').on('requests').columns(['day', 'key_id']).execute();
}

export const costDetails: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema.alterTable('ledger_entries').addColumn('details', 'text').execute();
  },
};

export const credentialNames: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema.alterTable('ledger_entries').addColumn('credential', 'text').execute();
  },
};

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
      // SQLite accepts any type name and stores bytes unchanged.
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

export const ledgerRejects: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createTable('ledger_rejects')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('request_id', 'text')
      .addColumn('part', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('rejected_at', 'bigint', (column) => column.notNull())
      // SQLite accepts any type name and stores bytes unchanged.
      .addColumn('message', sql`bytea`, (column) => column.notNull())
      .execute();
  },
};

export const labels: Migration = {
  async up(database: Kysely<unknown>) {
    for (const table of ['requests', 'ledger_entries']) {
      for (const column of ['batch_id', 'session', 'tags'])
        await database.schema.alterTable(table).addColumn(column, 'text').execute();
    }
  },
};

/** For pages of requests, newest first, and for the figures of the last hour. */
export const requestsByTime: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createIndex('requests_by_time')
      .on('requests')
      .columns(['accepted_at', 'request_id'])
      .execute();
  },
};
