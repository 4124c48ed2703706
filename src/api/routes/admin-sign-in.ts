// Sign-in by OpenID Connect: redirect to the provider, and back. The state in between is kept in a cookie, so that nothing is
// stored for people who have not authenticated.
//
// The redirect back starts on the provider's site, so the state cookie is `SameSite=Lax`. The session cookie stays `Strict`: the
// browser stores it on that redirect, and first sends it with the same-site requests of the console page.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { FailureError } from '../../contracts/failure.ts';
import { readCookie, setSessionCookie, signInCookie } from '../admit/authenticate-operator.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { guardAddresses } from '../guard/addresses.ts';
import { noteAction } from '../guard/admin-audit.ts';
import { baseOf, type OidcClient, type SignInAttempt, SignInError } from '../sign-in/oidc.ts';
import { sendRefusal } from '../sign-in/refusal-page.ts';
import { type Claims, groupsOf, nameOf, roleOf } from '../sign-in/role-of.ts';

const CALLBACK = '/admin/sign-in/callback';
/** Failed sign-ins per minute and address: each may cause calls to the provider. */
const FAILURES_PER_MINUTE = 20;
const MAX_ID_TOKEN = 16 * 1024;
const MAX_GROUPS_SHOWN = 20;
const STATUS = { refused: 403, invalid: 400, unreachable: 503 } as const;

const attemptForm = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), to: z.string() });

export function registerAdminSignIn(app: FastifyInstance, context: ApiContext): void {
  const guard = guardAddresses({ wrongKeys: FAILURES_PER_MINUTE });
  /** For browsers only; not part of the API. */
  const pages = { config: { cors: false, isOffered: false } };

  app.get('/admin/sign-in', async () => ({
    object: 'sign_in',
    oidc: context.oidc === null ? null : { name: context.oidc.settings.name, path: '/admin/sign-in/oidc' },
  }));

  app.get<{ Querystring: { to?: unknown } }>('/admin/sign-in/oidc', pages, (request, reply) =>
    withPage(request, reply, async (oidc) => {
      const { url, attempt } = await oidc.begin(baseOf(request, oidc) + CALLBACK, pageOf(request.query.to));
      const cookie = Buffer.from(JSON.stringify(attempt)).toString('base64url');
      return reply.header('set-cookie', signInCookie(request, cookie)).redirect(url, 303);
    }),
  );

  app.get(CALLBACK, pages, (request, reply) =>
    withPage(request, reply, async (oidc) => {
      const attempt = readAttempt(request);
      if (attempt === null) throw new SignInError('invalid', STALE);
      const search = request.url.slice(request.url.indexOf('?'));
      const { claims, idToken } = await oidc.finish(baseOf(request, oidc) + CALLBACK, search, attempt);
      const cookie = await startSession(request, oidc, claims, idToken);
      reply.header('set-cookie', [cookie, signInCookie(request, '')]);
      return reply.header('referrer-policy', 'no-referrer').redirect(pageOf(attempt.to), 303);
    }),
  );

  async function startSession(request: FastifyRequest, oidc: OidcClient, claims: Claims, idToken: string) {
    const role = roleOf(claims, oidc.settings);
    const name = nameOf(claims);
    const note = { actor: name, role: role ?? 'none', method: 'GET', path: CALLBACK };
    if (role === null) {
      await noteAction(context, { ...note, status: 403 });
      throw new SignInError(
        'refused',
        `Your account is ${name} at ${oidc.settings.issuer}. ${explainRefusal(claims, oidc)}`,
      );
    }
    const kept = idToken.length > MAX_ID_TOKEN ? '' : idToken;
    const { secret } = await context.sessions.start({ name, role, keyId: null, idToken: kept }).catch(rethrow);
    await noteAction(context, { ...note, status: 303 });
    return setSessionCookie(request, secret, context);
  }

  /** Failures are shown as pages, since a browser navigates here. */
  async function withPage(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (oidc: OidcClient) => Promise<FastifyReply>,
  ): Promise<FastifyReply> {
    reply.header('cache-control', 'no-store');
    const refusal = guard.refusal(request.ip);
    if (refusal !== null)
      return sendRefusal(reply, 429, ['Too many failed sign-ins from this address. Wait a minute.']);
    const { oidc } = context;
    if (oidc === null)
      return sendRefusal(reply, 404, ['Only the admin key can be used here; sign_in.oidc is not configured.']);
    if (context.adminKey === null)
      return sendRefusal(reply, 401, ['The admin API is off: SLUICE_ADMIN_KEY is not set.']);
    try {
      return await work(oidc);
    } catch (error) {
      if (error instanceof FailureError) return sendRefusal(reply, 503, [error.failure.message]);
      if (!(error instanceof SignInError)) throw error;
      guard.noteWrongKey(request.ip);
      context.logger.warn(
        { err: error, address: request.ip },
        'a sign-in through the OpenID Connect provider has failed',
      );
      reply.header('set-cookie', signInCookie(request, ''));
      const isElse = error.kind === 'unreachable' ? ['You can still sign in with the admin key.'] : [];
      return sendRefusal(reply, STATUS[error.kind], [error.message, ...isElse]);
    }
  }
}

const STALE =
  'This sign-in was started in another browser or tab, at another address, or more than ten minutes ago. Start again.';

function explainRefusal(claims: Claims, { settings }: OidcClient): string {
  const { roles_claim: claim } = settings;
  const groups = groupsOf(claims, claim);
  if (groups.length === 0 && typeof claims._claim_names === 'object')
    return `This account has no role here: it is in so many groups that the provider omits them from '${claim}'. Use application roles instead.`;
  const shown = groups.slice(0, MAX_GROUPS_SHOWN).join(', ');
  const found = groups.length === 0 ? `nothing in '${claim}'` : `in '${claim}': ${shown}`;
  return `This account has no role here: ask the operators of this Sluice for one (sign_in.oidc.roles). The provider sent ${found}.`;
}

/** Accepts console pages only, to prevent open redirects. */
function pageOf(to: unknown): string {
  return typeof to === 'string' && /^\/console(\/[\w\-./]*)?(\?[\w\-.~%&=+*:,]*)?$/.test(to) && !to.includes('//')
    ? to
    : '/console/';
}

/** Null if the cookie is missing or invalid. */
function readAttempt(request: FastifyRequest): SignInAttempt | null {
  try {
    return attemptForm.parse(JSON.parse(Buffer.from(readCookie(request, 'sign_in'), 'base64url').toString()));
  } catch {
    return null;
  }
}
