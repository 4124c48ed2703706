// Passes providers' lists of models from the workers, which have the providers' keys, to the API processes, which may have
// none. An API process records that it wants a list; one worker claims the wish and writes the list.
import type { ProviderModels, UpstreamModel } from '../contracts/upstream-model.ts';
import type { Keyspace } from './keyspace.ts';
import type { RedisClient } from './redis.ts';

export interface ModelLists {
  /** Null if there is none, or it has expired. */
  read(provider: string): Promise<ProviderModels | null>;
  want(provider: string): Promise<void>;
  /** True for the one worker that has to fetch it. */
  takeWish(provider: string): Promise<boolean>;
  write(provider: string, models: readonly UpstreamModel[]): Promise<void>;
}

/** An old list is better than none while its provider cannot be asked. */
const KEPT_SECONDS = 86_400;
const WISH_SECONDS = 30;

export function createModelLists(redis: RedisClient, keyspace: Keyspace): ModelLists {
  return {
    async read(provider) {
      const text = await redis.get(keyspace.models(provider).list);
      return text === null ? null : (JSON.parse(text) as ProviderModels);
    },
    async want(provider) {
      await redis.set(keyspace.models(provider).wish, '1', 'EX', WISH_SECONDS);
      await redis.spublish(keyspace.modelsChannel, provider);
    },
    takeWish: async (provider) => (await redis.getdel(keyspace.models(provider).wish)) !== null,
    async write(provider, models) {
      const text = JSON.stringify({ models, fetchedAtMs: Date.now() });
      await redis.set(keyspace.models(provider).list, text, 'EX', KEPT_SECONDS);
    },
  };
}
