// The two SQL engines, for suites that hold on both: an empty SQLite file and an empty PostgreSQL of the test file's own.
//
//   const ENGINES = await startSqlEngines();
//   describeOnEach(ENGINES, ({ url }) => { … });
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import { startTestPostgres } from './postgres-server.ts';

export interface SqlEngine {
  name: 'SQLite' | 'PostgreSQL' | 'PostgreSQL behind PgBouncer';
  /** Null if there is no such server. */
  url: string | null;
}

/** At the top of a test file; they are stopped at its end. */
export async function startSqlEngines(): Promise<readonly SqlEngine[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
  const postgres = await startTestPostgres();
  afterAll(async () => {
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return [
    { name: 'SQLite', url: `sqlite:${join(directory, 'test.db')}` },
    { name: 'PostgreSQL', url: postgres?.url ?? null },
  ];
}

/** A suite with each engine's name; if an engine is missing it is skipped, with a message about what it requires. */
export function describeOnEach(
  engines: readonly SqlEngine[],
  suite: (engine: { name: SqlEngine['name']; url: string }) => void,
): void {
  for (const { name, url } of engines) {
    describe(name, () => {
      if (url === null) test.skip('needs PostgreSQL: apt-get install postgresql, or a Docker engine', () => undefined);
      else suite({ name, url });
    });
  }
}
