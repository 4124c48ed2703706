// Finds keys, projects and organisations that expire soon.
import { sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import { readStoredSettings } from './api-key.ts';

export interface Expiring {
  account: string;
  kind: 'key' | 'project' | 'organisation';
  name: string;
  expiresAtMs: number;
}

const PAGE = 500;

/** Those that expire within this time and have not expired yet. Read in pages. */
export async function* expiringAccounts(database: Database, nowMs: number, withinMs: number): AsyncGenerator<Expiring> {
  for (const table of ['accounts', 'api_keys'] as const) {
    const kind = table === 'accounts' ? sql.ref('kind') : sql.lit('key');
    let last = '';
    for (;;) {
      const rows = await database
        .selectFrom(table)
        .where('revoked_at', 'is', null)
        .where('settings', 'like', '%"expiresAtMs":%')
        .where('settings', 'not like', '%"expiresAtMs":null%')
        .where('id', '>', last)
        .orderBy('id')
        .limit(PAGE)
        .select(['id', 'name', 'settings', sql<string>`${kind}`.as('kind')])
        .execute();
      for (const row of rows) {
        const { expiresAtMs } = readStoredSettings(row.settings);
        if (expiresAtMs === null || expiresAtMs <= nowMs || expiresAtMs > nowMs + withinMs) continue;
        yield { account: row.id, kind: row.kind as Expiring['kind'], name: row.name, expiresAtMs };
      }
      if (rows.length < PAGE) break;
      last = rows.at(-1)!.id;
    }
  }
}
