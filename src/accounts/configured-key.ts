// SLUICE_API_KEY: one client key whose secret is chosen by the environment. It keeps its id, settings, budget and place in
// the ledger when the secret changes; the secret before is worth nothing from then on.
import { createFailure, FailureError } from '../contracts/failure.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Logger } from '../telemetry/logger.ts';
import { announceKeyChange } from './key-cache.ts';
import type { KeyStore } from './key-store.ts';

/** Of the key that the environment chooses; no other key can be called so. */
export const CONFIGURED_KEY_NAME = 'SLUICE_API_KEY';

interface Announcement {
  redis: RedisClient;
  keyspace: Keyspace;
  logger: Pick<Logger, 'info' | 'warn'>;
}

/** Makes the secret valid and those before it invalid, in every process. A key that an operator revoked stays so. */
export async function useConfiguredKey(
  store: KeyStore,
  secret: string,
  { redis, keyspace, logger }: Announcement,
): Promise<void> {
  const { key, isChanged } = await store.replaceSecret(CONFIGURED_KEY_NAME, secret);
  if (key.revokedAtMs !== null) {
    logger.warn({ key_id: key.id }, 'SLUICE_API_KEY is a key that was revoked: nobody can use it; choose another');
  }
  if (!isChanged) return;
  logger.info(
    { key_id: key.id, hint: key.hint },
    'SLUICE_API_KEY has a new secret; the one before is not valid any more',
  );
  await announceKeyChange(redis, keyspace);
}

/** Throws a FailureError for a name that a key cannot be given. */
export function checkKeyName(name: string): void {
  if (name !== CONFIGURED_KEY_NAME) return;
  const message = `'name': ${CONFIGURED_KEY_NAME} is the key that the environment chooses; take another name.`;
  throw new FailureError(createFailure('request_malformed', message, { param: 'name' }));
}
