// Calls to the admin API of the listener that served the page, authenticated by the session cookie. Requests that change
// something also carry the session's CSRF token, which other sites cannot read.

import { noteServerTime } from '../parts/clock.ts';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

export type Role = 'read-only' | 'operator' | 'owner';

interface Session {
  operator: string;
  role: Role;
  csrf_token: string;
  ends_at: string;
}

/** From least to most: each role includes those before it. */
const ROLES: readonly Role[] = ['read-only', 'operator', 'owner'];

let session: Session | null = null;
let onSignedOut: () => void = () => undefined;

/** Called when the session has ended. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** The signed-in operator; null if nobody is. */
export function whoIsIn(): Pick<Session, 'operator' | 'role'> | null {
  return session;
}

/** Whether the role allows it. Only for showing or disabling controls: the API enforces roles itself. */
export function may(role: Role): boolean {
  return session !== null && ROLES.indexOf(session.role) >= ROLES.indexOf(role);
}

export async function signIn(adminKey: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminKey}` };
  session = await read<Session>(await reach('/admin/session', { method: 'POST', headers }));
}

/** False if there is no session and a sign-in is needed. */
export async function resumeSession(): Promise<boolean> {
  try {
    session = await read<Session>(await reach('/admin/session', {}));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function signOut(): Promise<void> {
  const ended = await call<{ sign_out_url: string | null }>('DELETE', '/session').catch(() => null);
  session = null;
  onSignedOut();
  // People must be signed out of the identity provider as well, or they would be signed in again without a prompt.
  if (ended?.sign_out_url != null) location.href = ended.sign_out_url;
}

export interface OtherSignIn {
  name: string;
  path: string;
}

/** The OpenID Connect sign-in, if one is configured; else null. */
export async function findOtherSignIn(): Promise<OtherSignIn | null> {
  const { oidc } = await read<{ oidc: OtherSignIn | null }>(await reach('/admin/sign-in', {}));
  return oidc;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined | null>>;

export function get<T>(path: string, query: Query = {}): Promise<T> {
  return call<T>('GET', path + toSearch(query));
}

export function post<T>(path: string, body?: unknown): Promise<T> {
  return call<T>('POST', path, body);
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  return read<T>(await send(method, path, body === undefined ? {} : jsonBody(body)));
}

/** Returns the raw response, for streams and uploads. Throws an ApiError for an error status. */
export async function send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), 'x-csrf-token': session?.csrf_token ?? '' };
  const answer = await reach(`/admin${path}`, { ...init, method, headers });
  if (answer.ok) return answer;
  throw await refusal(answer);
}

function jsonBody(body: unknown): RequestInit {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

function toSearch(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    const answer = await fetch(path, { credentials: 'same-origin', ...init });
    noteServerTime(answer.headers.get('date'));
    return answer;
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'Sluice does not respond. It may be restarting; this page will retry.');
  }
}

async function read<T>(answer: Response): Promise<T> {
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as T;
}

async function refusal(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  const error = parseRefusal(text);
  const isOwn = !answer.url.includes('/admin/session') && answer.status === 401;
  if (isOwn && session !== null) {
    session = null;
    onSignedOut();
  }
  return new ApiError(answer.status, error.code ?? 'refused', error.message ?? `refused with ${answer.status}`);
}

function parseRefusal(text: string): { code?: string; message?: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string | null; type?: string; message?: string } };
    const code = error?.code ?? error?.type;
    return { ...(code == null ? {} : { code }), ...(error?.message === undefined ? {} : { message: error.message }) };
  } catch {
    return { message: text.slice(0, 300) };
  }
}
