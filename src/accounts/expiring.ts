// Finds keys, projects and organisations that expire soon.
import { sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import { accountPages } from './account-pages.ts';
import { readStoredSettings } from './api-key.ts';

export interface Expiring {
  account: string;
  kind: 'key' | 'project' | 'organisation';
  name: string;
  expiresAtMs: number;
}

const HAS_EXPIRY = sql<boolean>`settings like '%"expiresAtMs":%' and settings not like '%"expiresAtMs":null%'`;

/** Those that expire within this time and have not expired yet. */
export async function* expiringAccounts(database: Database, nowMs: number, withinMs: number): AsyncGenerator<Expiring> {
  for await (const page of accountPages(database, HAS_EXPIRY)) {
    for (const { id, kind, name, settings } of page) {
      const { expiresAtMs } = readStoredSettings(settings);
      if (expiresAtMs === null || expiresAtMs <= nowMs || expiresAtMs > nowMs + withinMs) continue;
      yield { account: id, kind, name, expiresAtMs };
    }
  }
}
