// What limits hold for: a provider, one of its credentials, a deployment, a key.
import type { LimitName, Limits } from './limit-kinds.ts';

export type { Limits } from './limit-kinds.ts';

/** One limited thing, by name: `provider:openai`, `deployment:openai/gpt-4o`, `key:key_…`. */
export interface Scope {
  name: string;
  limits: Limits;
  /** Its calls in flight are counted even where they are not limited. */
  countsCalls?: true;
  /** Those of its limits that a provider has taught: what a call takes of them is what such calls have taken before. */
  learned?: readonly LimitName[];
}

/**
 * What a provider limits when it limits a model, of each of its credentials apart.
 * @param circuit the model, as `circuitOf` names it.
 */
export function modelScopeName(circuit: string, credential?: string): string {
  return `model:${circuit}${credential === undefined ? '' : `@${credential}`}`;
}
