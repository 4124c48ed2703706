// Who administers: a script with an admin key, or a browser with the cookie of a session.
//
// A cookie is sent by the browser whoever made the page that asks, and all ports of a host share it. So whatever changes
// something needs the session's token in a header too, which only a page that may read our answers can know.
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { hashSecret } from '../../accounts/api-key.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { ApiContext } from '../context.ts';
import { LONGEST_MS, type Operator, type Session } from '../guard/sessions.ts';
import { bearerToken, isAdminKey } from './authenticate.ts';
import { rethrow } from './dispatch.ts';

/** The key of the environment, as the log calls it. */
const OWNER: Operator = { name: 'SLUICE_ADMIN_KEY', role: 'owner', keyId: null };

/** By an admin key, or by the cookie of a session. Throws a FailureError for whoever is none. */
export async function findOperator(request: FastifyRequest, context: ApiContext): Promise<Operator> {
  const secret = bearerToken(request.headers);
  const cookie = sessionCookie(request);
  if (secret !== null || cookie === '') return findByKey(secret, context);
  const session = await findSession(cookie, context);
  if (session === null) throw refused('The session has ended. Sign in again.');
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  if (!isReading && !isSame(request.headers['x-csrf-token'], session.csrfToken))
    throw refused('A session changes something only with its x-csrf-token (GET /admin/session tells it).');
  return session.operator;
}

export async function findByKey(secret: string | null, { adminKey, adminKeys }: ApiContext): Promise<Operator> {
  if (adminKey === null) throw refused('Administration is off: start Sluice with SLUICE_ADMIN_KEY set.');
  if (isAdminKey(secret, adminKey)) return OWNER;
  const key = secret === null ? null : await adminKeys.findBySecret(secret);
  if (key === null) throw refused('This needs the admin key.');
  return { name: `${key.name} (${key.id})`, role: key.role, keyId: key.id };
}

/** Null for one that has ended, as it does when its key is revoked. */
export async function findSession(
  cookie: string,
  { sessions, adminKeys, adminKey }: ApiContext,
): Promise<Session | null> {
  const session = adminKey === null ? null : await sessions.find(cookie).catch(rethrow);
  if (session === null || session.operator.keyId === null) return session;
  const key = await adminKeys.findById(session.operator.keyId);
  return key === null || key.revokedAtMs !== null ? null : session;
}

/** Ports of a host share their cookies: two brokers on one machine have names of their own. */
function cookieName({ headers }: FastifyRequest): string {
  return `sluice_console_${/:(\d{1,5})$/.exec(headers.host ?? '')?.[1] ?? 'default'}`;
}

/** Empty when there is none. */
export function sessionCookie(request: FastifyRequest): string {
  const name = cookieName(request);
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

/** @param secret empty: the browser forgets it. */
export function setSessionCookie(request: FastifyRequest, secret: string): string {
  const ends = secret === '' ? '; Max-Age=0' : `; Max-Age=${LONGEST_MS / 1_000}`;
  const secure = request.protocol === 'https' ? '; Secure' : '';
  return `${cookieName(request)}=${secret}; Path=/admin; HttpOnly; SameSite=Strict${ends}${secure}`;
}

function isSame(given: string | string[] | undefined, expected: string): boolean {
  return (
    typeof given === 'string' && timingSafeEqual(Buffer.from(hashSecret(given)), Buffer.from(hashSecret(expected)))
  );
}

function refused(message: string): FailureError {
  return new FailureError(createFailure('key_invalid', message));
}
