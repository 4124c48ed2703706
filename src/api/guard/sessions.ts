// Sessions of the console: a browser shows the admin key once and gets a cookie. The cookie is a random id; Redis has its
// digest, so that who reads Redis cannot sign in, and every API process knows every session.
import { createHash, randomBytes } from 'node:crypto';
import type { AdminRole } from '../../accounts/admin-key-store.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';

/** Who administers, as the log of what was done calls them. */
export interface Operator {
  name: string;
  role: AdminRole;
  /** Null: the key of the environment. */
  keyId: string | null;
}

export interface Session {
  operator: Operator;
  /** What requests that change something carry as `x-csrf-token`. */
  csrfToken: string;
  /** Unix ms; its end, however much it is used. */
  endsAtMs: number;
}

export interface Sessions {
  /** Gives the cookie's value. */
  start(operator: Operator): Promise<{ secret: string; session: Session }>;
  /** Null for one that there is not, or not any more. Finding it keeps it alive. */
  find(secret: string): Promise<Session | null>;
  end(secret: string): Promise<void>;
}

const IDLE_MS = 3_600_000;
export const LONGEST_MS = 12 * 3_600_000;
const SECRET_BYTES = 32;
const SECRET = /^[0-9a-f]{64}$/;

interface StoredSession extends Session {
  /** Of the admin key that it was started with: another key ends all sessions. */
  keyMark: string;
}

export function createSessions(redis: RedisClient, keyspace: Keyspace, adminKey: string | null): Sessions {
  const keyMark = digest(`session ${adminKey ?? ''}`);
  const keyOf = (secret: string) => keyspace.session(digest(secret));
  return {
    async start(operator) {
      const secret = randomBytes(SECRET_BYTES).toString('hex');
      const csrfToken = randomBytes(SECRET_BYTES).toString('hex');
      const session = { operator, csrfToken, endsAtMs: Date.now() + LONGEST_MS };
      await redis.set(keyOf(secret), JSON.stringify({ ...session, keyMark } satisfies StoredSession), 'PX', IDLE_MS);
      return { secret, session };
    },
    async find(secret) {
      if (!SECRET.test(secret)) return null;
      const stored = await redis.getex(keyOf(secret), 'PX', IDLE_MS);
      if (stored === null) return null;
      const { keyMark: mark, ...session } = JSON.parse(stored) as StoredSession;
      return mark === keyMark && session.endsAtMs > Date.now() ? session : null;
    },
    async end(secret) {
      if (SECRET.test(secret)) await redis.del(keyOf(secret));
    },
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
