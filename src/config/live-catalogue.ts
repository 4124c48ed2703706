// A catalogue that can be replaced while requests run: whoever holds it sees the newest one.
import { LRUCache } from 'lru-cache';
import type { Catalogue, Deployment, Provider } from './catalogue.ts';

export interface LiveCatalogue extends Catalogue {
  replace(next: Catalogue): void;
}

/** What was removed is still found by its name for so long: by requests that were accepted with it. */
const HOLD = { max: 10_000, ttl: 3_600_000 };

/** A map that also finds what is not listed in it any more. */
class KeptMap<V extends object> extends Map<string, V> {
  readonly #removed: LRUCache<string, V>;

  constructor(current: ReadonlyMap<string, V>, removed: LRUCache<string, V>) {
    super(current);
    this.#removed = removed;
  }

  override get(name: string): V | undefined {
    return super.get(name) ?? this.#removed.get(name);
  }
}

export function createLiveCatalogue(first: Catalogue): LiveCatalogue {
  const formerProviders = new LRUCache<string, Provider>(HOLD);
  const formerDeployments = new LRUCache<string, Deployment>(HOLD);
  let current = first;
  let providers = new KeptMap(first.providers, formerProviders);
  let deployments = new KeptMap(first.deployments, formerDeployments);
  return {
    get providers() {
      return providers;
    },
    get deployments() {
      return deployments;
    },
    get modelNames() {
      return current.modelNames;
    },
    get wildcards() {
      return current.wildcards;
    },
    findModel: (name) => current.findModel(name),
    priceOf: (...args) => current.priceOf(...args),
    batchPriceOf: (...args) => current.batchPriceOf(...args),
    replace(next) {
      for (const [name, provider] of current.providers) formerProviders.set(name, provider);
      for (const [id, deployment] of current.deployments) formerDeployments.set(id, deployment);
      current = next;
      providers = new KeptMap(next.providers, formerProviders);
      deployments = new KeptMap(next.deployments, formerDeployments);
    },
  };
}
