// Authenticates operators: a script with an admin key, or a browser with a session cookie.
//
// Browsers send the cookie with requests of any page, and all ports of a host share it. So every call that changes something also
// needs the session's token in a header, which only a page that may read our answers can know.
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ADMIN_KEY_PREFIX } from '../../accounts/admin-key-store.ts';
import { hashSecret } from '../../accounts/api-key.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { ApiContext } from '../context.ts';
import type { Operator, Session } from '../guard/sessions.ts';
import { bearerToken, isAdminKey } from './authenticate.ts';
import { rethrow } from './dispatch.ts';

/** The key from the environment, under its name in the log. */
const OWNER: Operator = { name: 'SLUICE_ADMIN_KEY', role: 'owner', keyId: null };

/** By an admin key, or by a session cookie. Throws a FailureError for anyone else. */
export async function findOperator(request: FastifyRequest, context: ApiContext): Promise<Operator> {
  const secret = bearerToken(request.headers);
  const cookie = sessionCookie(request);
  if (secret !== null || cookie === '') return findByKey(secret, context);
  const session = await findSession(cookie, context);
  if (session === null) throw refused('The session has ended. Sign in again.');
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  if (!isReading && !isSame(request.headers['x-csrf-token'], session.csrfToken))
    throw refused('With a session cookie, a change needs the header x-csrf-token (GET /admin/session returns it).');
  return session.operator;
}

export async function findByKey(secret: string | null, { adminKey, adminKeys }: ApiContext): Promise<Operator> {
  if (adminKey === null) throw refused('The admin API is off: start Sluice with SLUICE_ADMIN_KEY set.');
  if (isAdminKey(secret, adminKey)) return OWNER;
  const isOne = secret?.startsWith(ADMIN_KEY_PREFIX) === true;
  const key = isOne ? await adminKeys.findBySecret(secret).catch(rethrowUnread) : null;
  if (key === null) throw refused('An admin key is required.');
  return { name: `${key.name} (${key.id})`, role: key.role, keyId: key.id };
}

function rethrowUnread(error: Error): never {
  const message = `Admin keys cannot be checked right now (${error.name}). Try again shortly.`;
  throw new FailureError(createFailure('queue_unavailable', message, { retryAfterMs: 1_000 }));
}

/** Whether it is an admin key of any role. Without SQL only the key from the environment is known. */
export async function isOperatorKey(secret: string | null, context: ApiContext): Promise<boolean> {
  if (isAdminKey(secret, context.adminKey)) return true;
  if (secret === null || !secret.startsWith(ADMIN_KEY_PREFIX) || context.adminKey === null) return false;
  return context.adminKeys.findBySecret(secret).then(
    (key) => key !== null,
    () => false,
  );
}

/** Null for a session that has ended, as it does when its key is revoked. */
export async function findSession(
  cookie: string,
  { sessions, adminKeys, adminKey }: ApiContext,
): Promise<Session | null> {
  const session = adminKey === null ? null : await sessions.find(cookie).catch(rethrow);
  if (session === null || session.operator.keyId === null) return session;
  const key = await adminKeys.findById(session.operator.keyId);
  return key === null || key.revokedAtMs !== null ? null : session;
}

/** Cookies of a sign-in in progress, and of a session. */
type CookieKind = 'sign_in' | 'console';

/** Ports of a host share cookies: the port in the name keeps two instances on one machine apart. */
function cookieName({ headers }: FastifyRequest, kind: CookieKind): string {
  return `sluice_${kind}_${/:(\d{1,5})$/.exec(headers.host ?? '')?.[1] ?? 'default'}`;
}

/** Empty if there is none. */
export function readCookie(request: FastifyRequest, kind: CookieKind): string {
  const name = cookieName(request, kind);
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

export function sessionCookie(request: FastifyRequest): string {
  return readCookie(request, 'console');
}

/** @param secret empty to delete the cookie. */
export function setSessionCookie(request: FastifyRequest, secret: string, { configuration }: ApiContext): string {
  const maxAgeMs = secret === '' ? 0 : configuration.sign_in.session_ms;
  return setCookie(request, 'console', secret, `Path=/admin; SameSite=Strict; Max-Age=${Math.ceil(maxAgeMs / 1_000)}`);
}

const SIGN_IN_S = 600;

/** `SameSite=Lax`, so that it is sent when the browser returns from the identity provider's site. */
export function signInCookie(request: FastifyRequest, text: string): string {
  const maxAgeS = text === '' ? 0 : SIGN_IN_S;
  return setCookie(request, 'sign_in', text, `Path=/admin/sign-in; SameSite=Lax; Max-Age=${maxAgeS}`);
}

function setCookie(request: FastifyRequest, kind: CookieKind, value: string, attributes: string): string {
  const secure = request.protocol === 'https' ? '; Secure' : '';
  return `${cookieName(request, kind)}=${value}; ${attributes}; HttpOnly${secure}`;
}

function isSame(given: string | string[] | undefined, expected: string): boolean {
  return (
    typeof given === 'string' && timingSafeEqual(Buffer.from(hashSecret(given)), Buffer.from(hashSecret(expected)))
  );
}

function refused(message: string): FailureError {
  return new FailureError(createFailure('key_invalid', message));
}
