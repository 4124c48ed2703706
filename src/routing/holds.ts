// What an operator has taken out of service: a provider, one deployment or one credential of it. While it is held no
// worker calls it; calls in flight end, waiting requests wait or move to another deployment. Kept until it is released.
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface Hold {
  /** `provider:<name>`, `deployment:<id>` or `credential:<provider>/<name>`: the limiter's name of the scope. */
  name: string;
  reason: string;
  /** Unix milliseconds. */
  sinceMs: number;
}

/** What can be held, by the limiter's names of its scopes. */
export interface Holdable {
  scope: { name: string };
  provider: { scope: { name: string } };
}

export interface Holds {
  /** From the snapshot, which is read again after every change; null for a deployment that may be called. */
  find(deployment: Holdable): Hold | null;
  /** The same for one name. */
  get(name: string): Hold | null;
  /** The snapshot. */
  all(): readonly Hold[];
  /** Holding it again changes the reason and keeps the time. */
  hold(name: string, reason: string): Promise<Hold>;
  /** False when it was not held. */
  release(name: string): Promise<boolean>;
  /** Reads the snapshot (rotation.ts says when). */
  refresh(): Promise<void>;
}

/** What is announced when something was held or released. */
export const HOLDS_CHANGED = 'holds';

export function createHolds(redis: RedisClient, keyspace: Keyspace): Holds {
  let held = new Map<string, Hold>();

  async function refresh(): Promise<void> {
    const entries = Object.entries(await redis.hgetall(keyspace.holds));
    held = new Map(entries.map(([name, json]) => [name, { name, ...(JSON.parse(json) as Omit<Hold, 'name'>) }]));
  }

  return {
    find: ({ scope, provider }) =>
      held.size === 0 ? null : (held.get(provider.scope.name) ?? held.get(scope.name) ?? null),
    get: (name) => held.get(name) ?? null,
    all: () => [...held.values()],
    async hold(name, reason) {
      await refresh();
      const sinceMs = held.get(name)?.sinceMs ?? Date.now();
      await redis.hset(keyspace.holds, name, JSON.stringify({ reason, sinceMs }));
      await redis.spublish(keyspace.rotationChannel, HOLDS_CHANGED);
      await refresh();
      return { name, reason, sinceMs };
    },
    async release(name) {
      const wasHeld = (await redis.hdel(keyspace.holds, name)) === 1;
      await redis.spublish(keyspace.rotationChannel, HOLDS_CHANGED);
      await refresh();
      return wasHeld;
    },
    refresh,
  };
}
