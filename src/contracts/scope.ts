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

/** What limits a request wherever it goes, as far as it has limits: its key, then its project and organisation. */
export function accountScopesOf(spec: { keyScope: Scope | null; accountScopes?: readonly Scope[] }): readonly Scope[] {
  const { keyScope, accountScopes = [] } = spec;
  return keyScope === null ? accountScopes : [keyScope, ...accountScopes];
}

/** For a client, which knows its key and not always what is above it. */
export function accountInWords(scopeName: string): string {
  const kind = scopeName.slice(0, scopeName.indexOf(':'));
  return kind === 'key' ? 'This key' : `The ${kind} of this key`;
}

/**
 * What a provider limits when it limits a model, of each of its credentials apart.
 * @param circuit the model, as `circuitOf` names it.
 */
export function modelScopeName(circuit: string, credential?: string): string {
  return `model:${circuit}${credential === undefined ? '' : `@${credential}`}`;
}
