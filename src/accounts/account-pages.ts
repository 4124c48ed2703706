// Reads keys, projects and organisations that are in force, for checks that look at many of them.
import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../storage/database.ts';

export interface PagedAccount {
  id: string;
  kind: 'key' | 'project' | 'organisation';
  name: string;
  /** JSON; readStoredSettings (api-key.ts) reads it. */
  settings: string;
}

const PAGE = 500;

/** Organisations and projects first, then keys, in pages, so that memory is bounded. @param condition on the column `settings`. */
export async function* accountPages(
  database: Database,
  condition: RawBuilder<boolean>,
): AsyncGenerator<PagedAccount[]> {
  for (const table of ['accounts', 'api_keys'] as const) {
    const kind = table === 'accounts' ? sql.ref('kind') : sql.lit('key');
    let last = '';
    for (;;) {
      const rows = await database
        .selectFrom(table)
        .where('revoked_at', 'is', null)
        .where(condition)
        .where('id', '>', last)
        .orderBy('id')
        .limit(PAGE)
        .select(['id', 'name', 'settings', sql<PagedAccount['kind']>`${kind}`.as('kind')])
        .execute();
      yield rows;
      if (rows.length < PAGE) break;
      last = rows.at(-1)!.id;
    }
  }
}
