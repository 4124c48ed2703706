// Stores organisations, projects and payments of credits in SQL. Charges to credits are in the ledger.
import { randomBytes } from 'node:crypto';
import type { Selectable } from 'kysely';
import { createSortableId } from '../contracts/ids.ts';
import type { PicoUsd } from '../contracts/money.ts';
import type { AccountsTable } from '../storage/account-tables.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';
import { readMoney, sumOfMoney } from '../storage/money-sums.ts';
import {
  type Account,
  type AccountKind,
  DEFAULT_KEY_SETTINGS,
  type KeySettings,
  readStoredSettings,
} from './api-key.ts';

export interface NewAccount {
  kind: AccountKind;
  name: string;
  /** The organisation of a project; null for an organisation. */
  parentId: string | null;
  settings?: Partial<KeySettings>;
}

export interface CreditEntry {
  id: string;
  accountId: string;
  amount: PicoUsd;
  note: string | null;
  actor: string;
  createdAtMs: number;
}

export interface AccountStore {
  create(account: NewAccount): Promise<Account>;
  find(id: string): Promise<Account | null>;
  /** Newest first, revoked ones included. */
  list(): Promise<Account[]>;
  /** Null if not found. @param name new name, if it changes. */
  update(id: string, settings: Partial<KeySettings>, name?: string): Promise<Account | null>;
  /** Null if not found. Revoking again keeps the first date. */
  revoke(id: string): Promise<Account | null>;
  addCredits(entry: Pick<CreditEntry, 'accountId' | 'amount' | 'note' | 'actor'>): Promise<CreditEntry>;
  /** Sum of all payments. */
  paidIn(accountId: string): Promise<PicoUsd>;
  /** Newest first. */
  creditEntries(accountId: string, limit: number): Promise<CreditEntry[]>;
}

const PREFIX: Readonly<Record<AccountKind, string>> = { organisation: 'org', project: 'proj' };

export function createAccountStore(database: Database): AccountStore {
  async function find(id: string): Promise<Account | null> {
    const row = await database.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : readAccount(row);
  }

  return {
    async create({ kind, name, parentId, settings = {} }) {
      const account: Account = {
        id: `${PREFIX[kind]}_${randomBytes(8).toString('hex')}`,
        kind,
        parentId,
        name,
        settings: { ...DEFAULT_KEY_SETTINGS, ...settings },
        createdAtMs: Date.now(),
        revokedAtMs: null,
      };
      await database
        .insertInto('accounts')
        .values({
          id: account.id,
          kind,
          parent_id: parentId,
          name,
          settings: JSON.stringify(account.settings),
          created_at: account.createdAtMs,
          revoked_at: null,
        })
        .execute();
      return account;
    },
    find,
    async list() {
      const rows = await database.selectFrom('accounts').selectAll().orderBy('created_at', 'desc').execute();
      return rows.map(readAccount);
    },
    async update(id, change, name) {
      const account = await find(id);
      if (account === null) return null;
      const changed = { name: name ?? account.name, settings: { ...account.settings, ...change } };
      await database
        .updateTable('accounts')
        .set({ name: changed.name, settings: JSON.stringify(changed.settings) })
        .where('id', '=', id)
        .execute();
      return { ...account, ...changed };
    },
    async revoke(id) {
      await database
        .updateTable('accounts')
        .set({ revoked_at: Date.now() })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .execute();
      return find(id);
    },
    async addCredits(entry) {
      const added: CreditEntry = { ...entry, id: `credit_${createSortableId()}`, createdAtMs: Date.now() };
      await database
        .insertInto('credit_entries')
        .values({
          id: added.id,
          account_id: added.accountId,
          amount_pico_usd: added.amount.toString(),
          note: added.note,
          actor: added.actor,
          created_at: added.createdAtMs,
        })
        .execute();
      return added;
    },
    paidIn: (accountId) => readPaidIn(database, accountId),
    async creditEntries(accountId, limit) {
      const rows = await database
        .selectFrom('credit_entries')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        id: row.id,
        accountId: row.account_id,
        amount: asBigint(row.amount_pico_usd),
        note: row.note,
        actor: row.actor,
        createdAtMs: asNumber(row.created_at),
      }));
    },
  };
}

export async function readPaidIn(database: Database, accountId: string): Promise<PicoUsd> {
  const row = await database
    .selectFrom('credit_entries')
    .select(sumOfMoney('amount_pico_usd', 'paid'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return readMoney(row, 'paid');
}

export function readAccount(row: Selectable<AccountsTable>): Account {
  return {
    id: row.id,
    kind: row.kind as AccountKind,
    parentId: row.parent_id,
    name: row.name,
    settings: readStoredSettings(row.settings),
    createdAtMs: asNumber(row.created_at),
    revokedAtMs: row.revoked_at === null ? null : asNumber(row.revoked_at),
  };
}
