// Console sessions: a browser signs in once, with an admin key or by OpenID Connect, and gets a cookie with a random id. Redis
// stores the id's digest, so that read access to Redis is not enough to sign in; all API processes share the sessions.
import { createHash, randomBytes } from 'node:crypto';
import type { AdminRole } from '../../accounts/admin-key-store.ts';
import type { SignInSettings } from '../../config/sign-in-schema.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';

/** The operator, as the audit log names them. */
export interface Operator {
  name: string;
  role: AdminRole;
  /** Null for the admin key of the environment and for people. */
  keyId: string | null;
  /** A person signed in by OpenID Connect, with the ID token needed to sign out; absent for an admin key. */
  idToken?: string;
}

export interface Session {
  operator: Operator;
  /** Must be sent as `x-csrf-token` by requests that change something. */
  csrfToken: string;
  /** Unix ms at which it ends even if it is in use. */
  endsAtMs: number;
}

export interface Sessions {
  /** Returns the cookie's value. */
  start(operator: Operator): Promise<{ secret: string; session: Session }>;
  /** Null if it is unknown or has ended. Renews its idle timeout. */
  find(secret: string): Promise<Session | null>;
  end(secret: string): Promise<void>;
}

interface SessionOptions {
  adminKey: string | null;
  settings: SignInSettings;
}

/** Concurrent sessions of one operator; one more ends the one that would expire first. */
const MAX_PER_OPERATOR = 20;
const SECRET_BYTES = 32;
const SECRET = /^[0-9a-f]{64}$/;

interface StoredSession extends Session {
  /** Digest of the settings it was created under: a changed admin key ends all sessions, changed role rules those of people. */
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
