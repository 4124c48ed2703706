// Stores operators' keys with their roles, and the audit log. The key from the environment (SLUICE_ADMIN_KEY) has the role owner.
import { randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { createSortableId, sortableTime } from '../contracts/ids.ts';
import type { AdminKeysTable } from '../storage/account-tables.ts';
import { asNumber, type Database } from '../storage/database.ts';
import { hashSecret } from './api-key.ts';

/** Each includes the rights of those before it. `read-only` reads; `operator` changes; `owner` also manages operators' keys. */
export const ADMIN_ROLES = ['read-only', 'operator', 'owner'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

export function hasRole(role: AdminRole, needed: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed);
}

export interface AdminKey {
  id: string;
  name: string;
  hint: string;
  role: AdminRole;
  createdAtMs: number;
  revokedAtMs: number | null;
}

export interface AuditEntry {
  id: string;
  atMs: number;
  /** Name and id of the operator's key. */
  actor: string;
  role: string;
  method: string;
  path: string;
  status: number;
  /** JSON, without secrets. */
  request: string | null;
  before: string | null;
  after: string | null;
}

export interface AuditQuery {
  limit: number;
  /** Entries older than this one. */
  before?: string | undefined;
  /** Substring of `actor`, in any case. */
  actor?: string | undefined;
  method?: string | undefined;
  /** Prefix of the path. */
  path?: string | undefined;
  fromMs?: number | undefined;
  /** Exclusive. */
  toMs?: number | undefined;
}

export interface AdminKeyStore {
  create(name: string, role: AdminRole): Promise<{ key: AdminKey; secret: string }>;
  /** Whether it was valid when it was last read. */
  isKnown(secret: string): boolean;
  /** Null if it is unknown or revoked. */
  findBySecret(secret: string): Promise<AdminKey | null>;
  findById(id: string): Promise<AdminKey | null>;
  list(): Promise<AdminKey[]>;
  revoke(id: string): Promise<AdminKey | null>;
  note(entry: Omit<AuditEntry, 'id'>): Promise<void>;
  /** Newest first. */
  audit(query: AuditQuery): Promise<AuditEntry[]>;
}

export const ADMIN_KEY_PREFIX = 'sk-admin-';
const HINT_CHARS = 16;
const MAX_REMEMBERED = 1_000;

export function createAdminKeyStore(database: Database): AdminKeyStore {
  const good = new LRUCache<string, true>({ max: MAX_REMEMBERED });

  async function find(column: 'id' | 'hash', value: string): Promise<AdminKey | null> {
    const row = await database.selectFrom('admin_keys').selectAll().where(column, '=', value).executeTakeFirst();
    return row === undefined ? null : readKey(row);
  }

  return {
    async create(name, role) {
      const secret = ADMIN_KEY_PREFIX + randomBytes(24).toString('hex');
      const id = `admin_${randomBytes(8).toString('hex')}`;
      const key: AdminKey = {
        id,
        name,
        hint: `${secret.slice(0, HINT_CHARS)}…`,
        role,
        createdAtMs: Date.now(),
        revokedAtMs: null,
      };
      await database
        .insertInto('admin_keys')
        .values({
          id,
          name,
          hint: key.hint,
          role,
          hash: hashSecret(secret),
          created_at: key.createdAtMs,
          revoked_at: null,
        })
        .execute();
      return { key, secret };
    },
    isKnown: (secret) => good.has(hashSecret(secret)),
    async findBySecret(secret) {
      const hash = hashSecret(secret);
      const key = await find('hash', hash);
      const isGood = key !== null && key.revokedAtMs === null;
      if (isGood) good.set(hash, true);
      else good.delete(hash);
      return isGood ? key : null;
    },
    findById: (id) => find('id', id),
    async list() {
      const rows = await database.selectFrom('admin_keys').selectAll().orderBy('created_at', 'desc').execute();
      return rows.map(readKey);
    },
    async revoke(id) {
      await database
        .updateTable('admin_keys')
        .set({ revoked_at: Date.now() })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .execute();
      return find('id', id);
    },
    async note({ atMs, ...entry }) {
      await database
        .insertInto('audit_log')
        .values({ ...entry, id: `audit_${createSortableId(atMs)}`, at: atMs })
        .execute();
    },
    async audit({ limit, before, actor, method, path, fromMs, toMs }) {
      let query = database.selectFrom('audit_log').selectAll().orderBy('id', 'desc').limit(limit);
      if (before !== undefined) query = query.where('id', '<', before);
      if (fromMs !== undefined) query = query.where('id', '>=', `audit_${sortableTime(fromMs)}`);
      if (toMs !== undefined) query = query.where('id', '<', `audit_${sortableTime(toMs)}`);
      if (actor !== undefined) query = query.where(sql<boolean>`lower(actor) like ${containing(actor)} escape '\\'`);
      if (method !== undefined) query = query.where('method', '=', method);
      if (path !== undefined) query = query.where(sql<boolean>`substr(path, 1, ${path.length}) = ${path}`);
      const rows = await query.execute();
      return rows.map(({ at, status, ...row }) => ({ ...row, atMs: asNumber(at), status: asNumber(status) }));
    },
  };
}

/** A LIKE pattern. */
function containing(text: string): string {
  return `%${text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
}

function readKey(row: Selectable<AdminKeysTable>): AdminKey {
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    role: row.role as AdminRole,
    createdAtMs: asNumber(row.created_at),
    revokedAtMs: row.revoked_at === null ? null : asNumber(row.revoked_at),
  };
}
