// Stores client keys in SQL. Only the hash of a secret is stored; the secret is shown once, when it is created. One key can have
// its secret set by the environment (SLUICE_API_KEY): when that changes, the key keeps its id, settings, budget and ledger
// entries, and the old secret becomes invalid.
import { randomBytes } from 'node:crypto';
import type { Selectable } from 'kysely';
import { createFailure, FailureError } from '../contracts/failure.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { ApiKeysTable } from '../storage/ledger-tables.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Logger } from '../telemetry/logger.ts';
import { readAccount, readPaidIn } from './account-store.ts';
import {
  type Account,
  type ApiKey,
  createSecret,
  DEFAULT_KEY_SETTINGS,
  hashSecret,
  hintOf,
  type KeySettings,
  readStoredSettings,
} from './api-key.ts';

export interface KeyStore {
  /** The secret is not stored. */
  create(
    name: string,
    settings?: Partial<KeySettings>,
    projectId?: string | null,
  ): Promise<{ key: ApiKey; secret: string }>;
  /** The key with this secret, created if there is none. */
  ensure(name: string, secret: string): Promise<ApiKey>;
  /**
   * Sets the secret of the key with this name, or creates the key. Other keys of that name are revoked. `isChanged`: a secret
   * that was valid before no longer is.
   */
  replaceSecret(name: string, secret: string): Promise<{ key: ApiKey; isChanged: boolean }>;
  findByHash(hash: string): Promise<ApiKey | null>;
  findById(id: string): Promise<ApiKey | null>;
  /** Newest first, revoked ones included. */
  list(): Promise<ApiKey[]>;
  /** Null if not found. @param name new name, if it changes. */
  update(id: string, settings: Partial<KeySettings>, name?: string): Promise<ApiKey | null>;
  /** Creates a new secret; the old one stays valid for `keepFormerMs`. Null if the key does not exist or is revoked. */
  rotate(id: string, keepFormerMs: number): Promise<{ key: ApiKey; secret: string } | null>;
  /** Null if not found. Revoking again keeps the first date. */
  revoke(id: string): Promise<ApiKey | null>;
}

export function createKeyStore(database: Database): KeyStore {
  async function insert(
    name: string,
    secret: string,
    settings: Partial<KeySettings>,
    projectId: string | null = null,
  ): Promise<ApiKey> {
    const key: ApiKey = {
      id: `key_${randomBytes(8).toString('hex')}`,
      name,
      hint: hintOf(secret),
      settings: { ...DEFAULT_KEY_SETTINGS, ...settings },
      createdAtMs: Date.now(),
      revokedAtMs: null,
      projectId,
      secretUntilMs: null,
      formerUntilMs: null,
      above: [],
      credits: null,
    };
    await database
      .insertInto('api_keys')
      .values({
        id: key.id,
        name,
        hash: hashSecret(secret),
        hint: key.hint,
        settings: JSON.stringify(key.settings),
        created_at: key.createdAtMs,
        revoked_at: null,
        project_id: projectId,
      })
      .execute();
    return projectId === null && key.settings.credits === null ? key : withAccounts(key);
  }

  async function find(column: 'id' | 'hash', value: string): Promise<ApiKey | null> {
    let query = database.selectFrom('api_keys').selectAll();
    query =
      column === 'id'
        ? query.where('id', '=', value)
        : query.where((where) => where.or([where('hash', '=', value), where('former_hash', '=', value)]));
    const row = await query.executeTakeFirst();
    if (row === undefined) return null;
    const isFormer = column === 'hash' && row.hash !== value;
    const key = { ...readKey(row), secretUntilMs: isFormer ? asNumber(row.former_until) : null };
    return key.projectId === null && key.settings.credits === null ? key : withAccounts(key);
  }

  async function findAccount(id: string | null): Promise<Account[]> {
    if (id === null) return [];
    const row = await database.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? [] : [readAccount(row)];
  }

  /** Adds its project, its organisation and the balance that it is charged to. */
  async function withAccounts(key: ApiKey): Promise<ApiKey> {
    const project = await findAccount(key.projectId);
    const above = [...project, ...(await findAccount(project[0]?.parentId ?? null))];
    const payer = [key, ...above].find(({ settings }) => settings.credits !== null);
    if (payer === undefined) return { ...key, above };
    const paidIn = (await readPaidIn(database, payer.id)).toString();
    return { ...key, above, credits: { account: payer.id, paidIn, terms: payer.settings.credits! } };
  }

  /** Revokes all other keys of this name. Returns whether there were any. */
  async function revokeOthers(name: string, id: string): Promise<boolean> {
    const { numUpdatedRows } = await database
      .updateTable('api_keys')
      .set({ revoked_at: Date.now() })
      .where('name', '=', name)
      .where('id', '!=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async function changeSecret(id: string, secret: string): Promise<void> {
    await database
      .updateTable('api_keys')
      .set({ hash: hashSecret(secret), hint: hintOf(secret) })
      .where('id', '=', id)
      .execute();
  }

  return {
    async create(name, settings = {}, projectId = null) {
      const secret = createSecret();
      return { key: await insert(name, secret, settings, projectId), secret };
    },
    async ensure(name, secret) {
      return (await find('hash', hashSecret(secret))) ?? (await insert(name, secret, {}));
    },
    async replaceSecret(name, secret) {
      const same = await find('hash', hashSecret(secret));
      if (same !== null) return { key: same, isChanged: await revokeOthers(name, same.id) };
      const current = await database
        .selectFrom('api_keys')
        .selectAll()
        .where('name', '=', name)
        .where('revoked_at', 'is', null)
        .orderBy('created_at', 'desc')
        .executeTakeFirst();
      if (current === undefined) return { key: await insert(name, secret, {}), isChanged: false };
      await changeSecret(current.id, secret);
      await revokeOthers(name, current.id);
      return { key: { ...readKey(current), hint: hintOf(secret) }, isChanged: true };
    },
    findByHash: (hash) => find('hash', hash),
    findById: (id) => find('id', id),
    async list() {
      const rows = await database.selectFrom('api_keys').selectAll().orderBy('created_at', 'desc').execute();
      return rows.map(readKey);
    },
    async update(id, settings, name) {
      const key = await find('id', id);
      if (key === null) return null;
      const changed = { name: name ?? key.name, settings: { ...key.settings, ...settings } };
      await database
        .updateTable('api_keys')
        .set({ name: changed.name, settings: JSON.stringify(changed.settings) })
        .where('id', '=', id)
        .execute();
      return { ...key, ...changed };
    },
    async rotate(id, keepFormerMs) {
      const row = await database.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst();
      if (row === undefined || row.revoked_at !== null) return null;
      const secret = createSecret();
      await database
        .updateTable('api_keys')
        .set({
          hash: hashSecret(secret),
          hint: hintOf(secret),
          former_hash: keepFormerMs > 0 ? row.hash : null,
          former_until: keepFormerMs > 0 ? Date.now() + keepFormerMs : null,
        })
        .where('id', '=', id)
        .execute();
      return { key: (await find('id', id))!, secret };
    },
    async revoke(id) {
      await database
        .updateTable('api_keys')
        .set({ revoked_at: Date.now() })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .execute();
      return find('id', id);
    },
  };
}

function readKey(row: Selectable<ApiKeysTable>): ApiKey {
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    settings: readStoredSettings(row.settings),
    createdAtMs: asNumber(row.created_at),
    revokedAtMs: row.revoked_at === null ? null : asNumber(row.revoked_at),
    projectId: row.project_id,
    secretUntilMs: null,
    formerUntilMs: row.former_until === null ? null : asNumber(row.former_until),
    above: [],
    credits: null,
  };
}

/** Reserved name of the key that is set by the environment. */
export const CONFIGURED_KEY_NAME = 'SLUICE_API_KEY';

interface Announcement {
  redis: RedisClient;
  keyspace: Keyspace;
  logger: Pick<Logger, 'info' | 'warn'>;
}

/** Makes this secret valid and earlier ones invalid, in every process. A key that an operator revoked stays revoked. */
export async function useConfiguredKey(
  store: KeyStore,
  secret: string,
  { redis, keyspace, logger }: Announcement,
): Promise<void> {
  const { key, isChanged } = await store.replaceSecret(CONFIGURED_KEY_NAME, secret);
  if (key.revokedAtMs !== null) {
    logger.warn({ key_id: key.id }, 'SLUICE_API_KEY is a revoked key; choose another');
  }
  if (!isChanged) return;
  logger.info({ key_id: key.id, hint: key.hint }, 'SLUICE_API_KEY has changed; the former key is no longer valid');
  await announceKeyChange(redis, keyspace);
}

/** Throws a FailureError if the name is reserved. */
export function checkKeyName(name: string): void {
  if (name !== CONFIGURED_KEY_NAME) return;
  const message = `'name': ${CONFIGURED_KEY_NAME} is reserved for the key of SLUICE_API_KEY; use another name.`;
  throw new FailureError(createFailure('request_malformed', message, { param: 'name' }));
}

/** Notifies every API process that keys have changed. */
export async function announceKeyChange(redis: RedisClient, keyspace: Keyspace): Promise<void> {
  await redis.spublish(keyspace.accountsChannel, 'changed');
}
