// Sessions of the console: a browser signs in once, with the admin key or at a provider of OpenID Connect, and gets a cookie.
// The cookie is a random id; Redis has its digest, so that who reads Redis cannot sign in, and every API process knows every
// session.
import { createHash, randomBytes } from 'node:crypto';
import type { AdminRole } from '../../accounts/admin-key-store.ts';
import type { SignInSettings } from '../../config/sign-in-schema.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';

/** Who administers, as the log of what was done calls them. */
export interface Operator {
  name: string;
  role: AdminRole;
  /** Null: the key of the environment, or a person. */
  keyId: string | null;
  /** A person whom a provider vouches for, with the ID token to sign out with; absent: an admin key. */
  idToken?: string;
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
  /** Null for an unknown or ended one. Finding it keeps it alive. */
  find(secret: string): Promise<Session | null>;
  end(secret: string): Promise<void>;
}

interface SessionOptions {
  adminKey: string | null;
  settings: SignInSettings;
}

/** Of one operator at once; one more ends the one that would end first. */
const MAX_PER_OPERATOR = 20;
const SECRET_BYTES = 32;
const SECRET = /^[0-9a-f]{64}$/;

interface StoredSession extends Session {
  /** Of what it was started under: another admin key ends all sessions, other roles those of people. */
  mark: string;
}

export function createSessions(redis: RedisClient, keyspace: Keyspace, options: SessionOptions): Sessions {
  const { session_ms: longestMs, idle_ms: idleMs, oidc } = options.settings;
  const ofKeys = digest(`session ${options.adminKey ?? ''}`);
  const ofPeople = digest(`session ${options.adminKey ?? ''} ${JSON.stringify(oidc)}`);
  const markOf = ({ idToken }: Operator) => (idToken === undefined ? ofKeys : ofPeople);
  const indexOf = ({ name }: Operator) => keyspace.sessionsOf(digest(name));

  async function endOldest(operator: Operator): Promise<void> {
    const index = indexOf(operator);
    await redis.zremrangebyscore(index, 0, Date.now());
    const over = await redis.zrange(index, 0, String(-(MAX_PER_OPERATOR + 1)));
    if (over.length === 0) return;
    await redis.del(...over.map((id) => keyspace.session(id)));
    await redis.zrem(index, ...over);
  }

  return {
    async start(operator) {
      const secret = randomBytes(SECRET_BYTES).toString('hex');
      const csrfToken = randomBytes(SECRET_BYTES).toString('hex');
      const session = { operator, csrfToken, endsAtMs: Date.now() + longestMs };
      const id = digest(secret);
      const stored = JSON.stringify({ ...session, mark: markOf(operator) } satisfies StoredSession);
      await redis.set(keyspace.session(id), stored, 'PX', Math.min(idleMs, longestMs));
      await redis.zadd(indexOf(operator), session.endsAtMs, id);
      await redis.pexpire(indexOf(operator), longestMs);
      await endOldest(operator);
      return { secret, session };
    },
    async find(secret) {
      if (!SECRET.test(secret)) return null;
      const stored = await redis.getex(keyspace.session(digest(secret)), 'PX', idleMs);
      if (stored === null) return null;
      const { mark, ...session } = JSON.parse(stored) as StoredSession;
      return mark === markOf(session.operator) && session.endsAtMs > Date.now() ? session : null;
    },
    async end(secret) {
      if (!SECRET.test(secret)) return;
      const id = digest(secret);
      const stored = await redis.getdel(keyspace.session(id));
      if (stored !== null) await redis.zrem(indexOf((JSON.parse(stored) as StoredSession).operator), id);
    },
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
