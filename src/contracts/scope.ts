// What limits apply to: a provider, one of its credentials, a deployment, a key.
import type { LimitName, Limits } from './limit-kinds.ts';

export type { Limits } from './limit-kinds.ts';

/** One limited thing, by name: `provider:openai`, `deployment:openai/gpt-4o`, `key:key_…`. */
export interface Scope {
  name: string;
  limits: Limits;
  /** Its calls in flight are counted even if they are not limited. */
  countsCalls?: true;
  /** Its limits that were learned from the provider. For these, a call counts as much as earlier calls of its kind have used. */
  learned?: readonly LimitName[];
}

/** The scopes that limit a request at every provider: its key, then its project and organisation, if they have limits. */
export function accountScopesOf(spec: { keyScope: Scope | null; accountScopes?: readonly Scope[] }): readonly Scope[] {
  const { keyScope, accountScopes = [] } = spec;
  return keyScope === null ? accountScopes : [keyScope, ...accountScopes];
}

/** Describes a scope to a client, which knows its key but may not know its project or organisation. */
export function accountInWords(scopeName: string): string {
  const kind = scopeName.slice(0, scopeName.indexOf(':'));
  return kind === 'key' ? 'This key' : `The ${kind} of this key`;
}

/**
 * Name of the scope for a provider's limits of a model, separate per credential.
 * @param circuit the model, as named by `circuitOf`.
 */
export function modelScopeName(circuit: string, credential?: string): string {
  return `model:${circuit}${credential === undefined ? '' : `@${credential}`}`;
}
