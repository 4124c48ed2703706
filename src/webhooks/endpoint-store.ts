// Endpoints: where events are sent, which ones, and what signs them; stored in SQL. Secrets are sealed when they are stored
// and opened only to sign.
import { hash, randomBytes } from 'node:crypto';
import type { Selectable } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import type { WebhookEndpointsTable } from '../storage/webhook-tables.ts';
import { isPlain, type SecretBox } from './secret-box.ts';

export interface WebhookEndpoint {
  id: string;
  /** `config`: from the configuration file, where alone it can be changed. `admin`: registered at run time. */
  origin: 'config' | 'admin';
  /** Null: events of every key. */
  keyId: string | null;
  url: string;
  /** Event types; a `*` at the end stands for the rest. */
  events: readonly string[];
  createdAtMs: number;
  /** Null: it receives. */
  disabledAtMs: number | null;
  disabledReason: string | null;
}

export interface NewEndpoint {
  url: string;
  events: readonly string[];
  keyId: string | null;
  /** Created if absent. */
  secret?: string | undefined;
}

export interface EndpointStore {
  /** The only call that returns the secret. */
  create(endpoint: NewEndpoint): Promise<{ endpoint: WebhookEndpoint; secret: string }>;
  /** Newest first, disabled ones included. */
  list(): Promise<WebhookEndpoint[]>;
  find(id: string): Promise<WebhookEndpoint | null>;
  /** Rejects if there is no such endpoint, or its secret cannot be opened. */
  readSecret(id: string): Promise<string>;
  /** Seals secrets that were stored before a key was set. */
  sealPlain(): Promise<void>;
  /** Returns the removed endpoint. */
  remove(id: string): Promise<WebhookEndpoint | null>;
  /** Keeps the reason of the first call. */
  disable(id: string, reason: string): Promise<void>;
  enable(id: string): Promise<WebhookEndpoint | null>;
  /** Replaces all configured endpoints by these. One that was disabled stays disabled until an operator enables it. */
  replaceConfigured(endpoints: readonly (NewEndpoint & { secret: string })[]): Promise<void>;
}

export function createEndpointStore(database: Database, box: SecretBox): EndpointStore {
  const find = (id: string) =>
    database.selectFrom('webhook_endpoints').selectAll().where('id', '=', id).executeTakeFirst();
  const findEndpoint = async (id: string) => {
    const row = await find(id);
    return row === undefined ? null : readEndpoint(row);
  };
  const rowOf = (id: string, origin: WebhookEndpoint['origin'], endpoint: NewEndpoint, secret: string) => ({
    id,
    origin,
    key_id: endpoint.keyId,
    url: endpoint.url,
    secret: box.seal(secret, id),
    events: JSON.stringify(endpoint.events),
    created_at: Date.now(),
    disabled_at: null,
    disabled_reason: null,
  });

  return {
    async create(endpoint) {
      const secret = endpoint.secret ?? createWebhookSecret();
      const row = rowOf(createEndpointId(), 'admin', endpoint, secret);
      await database.insertInto('webhook_endpoints').values(row).execute();
      return { endpoint: readEndpoint(row), secret };
    },
    async list() {
      const query = database.selectFrom('webhook_endpoints').selectAll();
      return (await query.orderBy('created_at', 'desc').orderBy('id').execute()).map(readEndpoint);
    },
    find: findEndpoint,
    async readSecret(id) {
      const row = await find(id);
      if (row === undefined) throw new Error('its endpoint was removed');
      return box.open(row.secret, id);
    },
    async sealPlain() {
      for (const { id, secret } of await database.selectFrom('webhook_endpoints').select(['id', 'secret']).execute()) {
        if (!isPlain(secret)) continue;
        const sealed = box.seal(box.open(secret, id), id);
        // Only if it is unchanged: the secret may have been replaced meanwhile.
        await database
          .updateTable('webhook_endpoints')
          .set({ secret: sealed })
          .where('id', '=', id)
          .where('secret', '=', secret)
          .execute();
      }
    },
    async remove(id) {
      const endpoint = await findEndpoint(id);
      await database.deleteFrom('webhook_endpoints').where('id', '=', id).execute();
      return endpoint;
    },
    async disable(id, reason) {
      await database
        .updateTable('webhook_endpoints')
        .set({ disabled_at: Date.now(), disabled_reason: reason })
        .where('id', '=', id)
        .where('disabled_at', 'is', null)
        .execute();
    },
    async enable(id) {
      await database
        .updateTable('webhook_endpoints')
        .set({ disabled_at: null, disabled_reason: null })
        .where('id', '=', id)
        .execute();
      return findEndpoint(id);
    },
    async replaceConfigured(endpoints) {
      const rows = endpoints.map((endpoint) =>
        rowOf(configuredEndpointId(endpoint.url, endpoint.keyId), 'config', endpoint, endpoint.secret),
      );
      await database.transaction().execute(async (transaction) => {
        // Two processes that start at the same time write the same rows.
        let gone = transaction.deleteFrom('webhook_endpoints').where('origin', '=', 'config');
        if (rows.length > 0) {
          gone = gone.where(
            'id',
            'not in',
            rows.map(({ id }) => id),
          );
        }
        await gone.execute();
        for (const row of rows) {
          const { secret, events } = row;
          await transaction
            .insertInto('webhook_endpoints')
            .values(row)
            .onConflict((conflict) => conflict.column('id').doUpdateSet({ secret, events }))
            .execute();
        }
      });
    },
  };
}

function readEndpoint(row: Selectable<WebhookEndpointsTable>): WebhookEndpoint {
  return {
    id: row.id,
    origin: row.origin as WebhookEndpoint['origin'],
    keyId: row.key_id,
    url: row.url,
    events: JSON.parse(row.events) as string[],
    createdAtMs: asNumber(row.created_at),
    disabledAtMs: row.disabled_at === null ? null : asNumber(row.disabled_at),
    disabledReason: row.disabled_reason,
  };
}

const SECRET_BYTES = 32;
const CONFIGURED_ID_DIGITS = 20;

/** In the format of Standard Webhooks, which receivers' libraries expect: `whsec_<base64>`. */
export function createWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

export function createEndpointId(): string {
  return `we_${randomBytes(10).toString('hex')}`;
}

/** The same in every process and after every start, so that an endpoint keeps its state and deliveries. */
export function configuredEndpointId(url: string, keyId: string | null): string {
  return `we_${hash('sha256', `${keyId ?? ''}\n${url}`, 'hex').slice(0, CONFIGURED_ID_DIGITS)}`;
}

/** Whether an event is for this endpoint. */
export function wantsEvent({ events, keyId }: WebhookEndpoint, event: { type: string; keyId: string }): boolean {
  return (keyId === null || keyId === event.keyId) && events.some((pattern) => matches(pattern, event.type));
}

function matches(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
