// The models that wildcards cover, and what is known about each model: from the providers' model lists, which workers fetch.
// Cached in memory for a minute; a list older than ten minutes is served while it is refreshed.
import { LRUCache } from 'lru-cache';
import type { Catalogue, Model } from '../../config/catalogue.ts';
import { matchWildcard } from '../../config/wildcard.ts';
import type { ProviderModels, UpstreamModel } from '../../contracts/upstream-model.ts';
import type { ModelLists } from '../../storage/model-lists.ts';

export interface KnownModels {
  /** Public model names covered by wildcards, as far as the providers' lists are known. Never rejects. */
  wildcardNames(): Promise<string[]>;
  /** Facts about a provider's model; null if the list is unknown or does not contain it. Never rejects. */
  find(provider: string, upstreamModel: string): Promise<UpstreamModel | null>;
}

const KEPT_MS = 60_000;
const FRESH_MS = 10 * 60_000;
const MAX_PROVIDERS = 1_000;
const MAX_NAMES = 10_000;
/** How long the first list of a provider is waited for; longer when models are to be listed. */
const PATIENCE_MS = { listed: 3_000, described: 500 } as const;
const POLL_MS = 25;

export function createKnownModels(
  lists: ModelLists,
  catalogue: Catalogue,
  onError: (error: Error) => void,
): KnownModels {
  const kept = new LRUCache<string, Map<string, UpstreamModel>>({ max: MAX_PROVIDERS, ttl: KEPT_MS });
  const reading = new Map<string, Promise<Map<string, UpstreamModel>>>();
  const isListed = (provider: string) =>
    catalogue.wildcards.some(({ candidates }) =>
      candidates.some(({ deployment }) => deployment.provider.name === provider),
    );

  async function read(provider: string): Promise<Map<string, UpstreamModel>> {
    const known = await lists.read(provider);
    const isFresh = known !== null && Date.now() - known.fetchedAtMs < FRESH_MS;
    if (!isFresh) await lists.want(provider);
    const patienceMs = isListed(provider) ? PATIENCE_MS.listed : PATIENCE_MS.described;
    return byId(known ?? (await awaitList(lists, provider, patienceMs)));
  }

  /** Concurrent callers share one read; a failed read is not repeated for a while. */
  function models(provider: string): Promise<Map<string, UpstreamModel>> {
    const known = kept.get(provider);
    if (known !== undefined) return Promise.resolve(known);
    const running = reading.get(provider);
    if (running !== undefined) return running;
    const next = read(provider)
      .catch((error: Error) => {
        onError(error);
        return new Map<string, UpstreamModel>();
      })
      .then((found) => {
        kept.set(provider, found);
        return found;
      })
      .finally(() => reading.delete(provider));
    reading.set(provider, next);
    return next;
  }

  async function namesOf(wildcard: Model): Promise<string[]> {
    const names = await Promise.all(
      wildcard.candidates.map(async ({ deployment }) => {
        if (!deployment.upstreamModel.includes('*')) return [];
        const ids = [...(await models(deployment.provider.name)).keys()];
        const rests = ids.map((id) => matchWildcard(deployment.upstreamModel, id)).filter((rest) => rest !== null);
        return rests.map((rest) => wildcard.name.replace('*', () => rest));
      }),
    );
    return names.flat();
  }

  return {
    async wildcardNames() {
      const names = (await Promise.all(catalogue.wildcards.map(namesOf))).flat();
      return [...new Set(names)].sort().slice(0, MAX_NAMES);
    },
    find: async (provider, upstreamModel) => (await models(provider)).get(upstreamModel) ?? null,
  };
}

async function awaitList(lists: ModelLists, provider: string, patienceMs: number): Promise<ProviderModels | null> {
  const untilMs = Date.now() + patienceMs;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const found = await lists.read(provider);
    if (found !== null || Date.now() > untilMs) return found;
  }
}

function byId(found: ProviderModels | null): Map<string, UpstreamModel> {
  return new Map((found?.models ?? []).map((model) => [model.id, model]));
}
