// What limits hold for: a provider, a deployment, a key.
import type { Limits } from './limit-kinds.ts';

export type { Limits } from './limit-kinds.ts';

/** One limited thing, by name: `provider:openai`, `deployment:openai/gpt-4o`, `key:key_…`. */
export interface Scope {
  name: string;
  limits: Limits;
  /** Its calls in flight are counted even where they are not limited. */
  countsCalls?: true;
}
