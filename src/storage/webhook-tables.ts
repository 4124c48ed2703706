// The SQL tables of webhooks and of alerts, which webhooks report: their types and migrations. Events come from `events_outbox`
// (batch-tables.ts).
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { OptionalWhole, Whole } from './columns.ts';

export interface WebhookTables {
  webhook_endpoints: WebhookEndpointsTable;
  webhook_deliveries: WebhookDeliveriesTable;
  alerts: AlertsTable;
}

export interface WebhookEndpointsTable {
  id: string;
  /** `config` or `admin`: where it can be changed. */
  origin: string;
  /** Null: events of every key. */
  key_id: string | null;
  url: string;
  /** Sealed if SLUICE_SECRETS_KEY is set (src/webhooks/secret-box.ts). */
  secret: string;
  /** JSON: event types and patterns. */
  events: string;
  created_at: Whole;
  disabled_at: OptionalWhole;
  disabled_reason: string | null;
}

/** One event for one endpoint. */
export interface WebhookDeliveriesTable {
  id: string;
  /** Also the `webhook-id` header: the same on every attempt and for every endpoint. */
  event_id: string;
  event_type: string;
  endpoint_id: string;
  /** JSON, byte for byte as it is sent. */
  body: string;
  /** pending, delivered, failed. */
  state: string;
  attempts: Whole;
  next_attempt_at: Whole;
  lease_owner: string | null;
  lease_until: Whole;
  created_at: Whole;
  finished_at: OptionalWhole;
  last_status: OptionalWhole;
  /** Error of the last attempt; never contains a body or a secret. */
  last_error: string | null;
}

export interface AlertsTable {
  id: string;
  /** Deduplication key: a threshold of a budget in a period, an hour, a day. Each is reported once. */
  once: string;
  type: string;
  /** Id of the client key concerned; empty if there is none. */
  key_id: string;
  /** JSON: what receivers get in addition to its id. */
  payload: string;
  created_at: Whole;
  /** Null: never deleted, because its subject has no end and it must not be reported again. */
  expires_at: OptionalWhole;
}

export const webhooks: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    await schema
      .createTable('webhook_endpoints')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('origin', 'text', (column) => column.notNull())
      .addColumn('key_id', 'text')
      .addColumn('url', 'text', (column) => column.notNull())
      .addColumn('secret', 'text', (column) => column.notNull())
      .addColumn('events', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('disabled_at', 'bigint')
      .addColumn('disabled_reason', 'text')
      .execute();
    await createDeliveries(schema);
    await markOutbox(schema);
  },
};

type Schema = Kysely<unknown>['schema'];

async function createDeliveries(schema: Schema): Promise<void> {
  await schema
    .createTable('webhook_deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('attempts', 'bigint', (column) => column.notNull())
    .addColumn('next_attempt_at', 'bigint', (column) => column.notNull())
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('lease_owner', 'text')
    .addColumn('finished_at', 'bigint')
    .addColumn('last_status', 'bigint')
    .addColumn('last_error', 'text')
    // One delivery per endpoint, even if an event is fanned out twice.
    .addUniqueConstraint('webhook_deliveries_once', ['event_id', 'endpoint_id'])
    .execute();
  await schema
    .createIndex('webhook_deliveries_due')
    .on('webhook_deliveries')
    .column('next_attempt_at')
    .where(sql.ref('state'), '=', sql.lit('pending'))
    .execute();
  await schema.createIndex('webhook_deliveries_by_time').on('webhook_deliveries').column('created_at').execute();
}

/** Fanned-out events are marked one by one: a position in time would skip events of transactions that commit late. */
async function markOutbox(schema: Schema): Promise<void> {
  await schema.alterTable('events_outbox').addColumn('fanned_out_at_ms', 'bigint').execute();
  await schema
    .createIndex('events_outbox_waiting')
    .on('events_outbox')
    .column('created_at_ms')
    .where(sql.ref('fanned_out_at_ms'), 'is', null)
    .execute();
}

export const alertsOnce: Migration = {
  async up(database: Kysely<unknown>) {
    const { schema } = database;
    let table = schema.createTable('alerts').addColumn('id', 'text', (column) => column.primaryKey());
    for (const name of ['type', 'key_id', 'payload'])
      table = table.addColumn(name, 'text', (column) => column.notNull());
    await table
      .addColumn('once', 'text', (column) => column.notNull().unique())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint')
      .execute();
    await schema.createIndex('alerts_by_expiry').on('alerts').column('expires_at').execute();
  },
};
