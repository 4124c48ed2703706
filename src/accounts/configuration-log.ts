// Writes changes of the configuration file to the audit log. Every process that follows the file reads it on its own; the first
// one writes the entry for all processes with the same old and new content.
import { hostname } from 'node:os';
import type { Reload } from '../contracts/configuration-reload.ts';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type AuditEntry, createAdminKeyStore } from './admin-key-store.ts';

export interface ConfigurationLogOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  database: Database;
  instanceId: string;
  logger: Pick<Logger, 'error'>;
}

/** In place of the HTTP method and path of other entries. */
export const RELOAD_METHOD = 'RELOAD';
export const RELOAD_PATH = '/configuration';

/** Processes on other machines may receive the file later, at most by this. */
const TOLD_MS = 24 * 3_600_000;
const ACCEPTED = 200;
const REFUSED = 400;

/** Never rejects: a failing log does not change whether the configuration is in force or refused. */
export function createConfigurationLog(options: ConfigurationLogOptions): (reload: Reload) => Promise<void> {
  const store = createAdminKeyStore(options.database);
  return async (reload) => {
    try {
      if (await isFirst(options, reload)) await store.note(entryOf(options, reload));
    } catch (error) {
      options.logger.error({ err: error, reload }, 'a configuration change could not be written to the audit log');
    }
  };
}

/** Stores the transition from old to new content. Reverting deletes it, so that the same change is logged again later. */
async function isFirst({ redis, keyspace }: ConfigurationLogOptions, reload: Reload): Promise<boolean> {
  const { kind, former, next } = reload;
  const keyOf = (name: string, hash: string | null) => keyspace.alertTurn(`configuration:${name}:${hash}`);
  if (kind === 'reverted') {
    await redis.del(keyOf('refused', former));
    return false;
  }
  if (kind === 'changed') await redis.del(keyOf('changed', next), keyOf('refused', next));
  return (await redis.set(keyOf(kind, former), String(next), 'PX', TOLD_MS, 'GET')) !== String(next);
}

function entryOf({ instanceId }: ConfigurationLogOptions, reload: Reload): Omit<AuditEntry, 'id'> {
  const { kind, why, file, written, former, next, changed, afterRestart, faults } = reload;
  const owner = written === null ? '' : `, owned by uid ${written.uid}`;
  return {
    atMs: Date.now(),
    actor: `${why} (${file}${owner}; first read by ${instanceId} on ${hostname()})`,
    role: 'configuration',
    method: RELOAD_METHOD,
    path: RELOAD_PATH,
    status: kind === 'refused' ? REFUSED : ACCEPTED,
    request: JSON.stringify({
      file,
      sha256: next,
      written_at: written === null ? null : new Date(written.atMs).toISOString(),
    }),
    before: JSON.stringify({ sha256: former }),
    after: JSON.stringify(
      kind === 'refused' ? { in_force: former, faults } : { in_force: next, changed, after_restart: afterRestart },
    ),
  };
}
