// Console sessions: sign-in with an admin key in the Authorization header, and sign-out.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { bearerToken } from '../admit/authenticate.ts';
import {
  findByKey,
  findOperator,
  findSession,
  sessionCookie,
  setSessionCookie,
} from '../admit/authenticate-operator.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { guardAddresses } from '../guard/addresses.ts';
import { noteAction } from '../guard/admin-audit.ts';
import type { Operator, Session } from '../guard/sessions.ts';
import { baseOf } from '../sign-in/oidc.ts';

/** Wrong keys per minute and address; people mistype a few times. */
const SIGN_INS_PER_MINUTE = 10;

export function registerAdminSession(app: FastifyInstance, context: ApiContext): void {
  const guard = guardAddresses({ wrongKeys: SIGN_INS_PER_MINUTE });

  app.post('/admin/session', async (request, reply) => {
    const refusal = guard.refusal(request.ip);
    if (refusal !== null) throw new FailureError(refusal);
    const operator = await findByKey(bearerToken(request.headers), context).catch((error: unknown) => {
      guard.noteWrongKey(request.ip);
      throw error;
    });
    const { secret, session } = await context.sessions.start(operator).catch(rethrow);
    await noteSession(context, request, operator, 201);
    return reply
      .code(201)
      .header('set-cookie', setSessionCookie(request, secret, context))
      .send(describe(session));
  });

  app.get('/admin/session', async (request) => {
    const session = await findSession(sessionCookie(request), context);
    if (session !== null) return describe(session);
    throw new FailureError(createFailure('key_invalid', 'There is no session. Sign in.'));
  });

  app.delete('/admin/session', async (request, reply) => {
    const operator = await findOperator(request, context);
    await context.sessions.end(sessionCookie(request)).catch(rethrow);
    await noteSession(context, request, operator, 200);
    const signOutUrl = await signOutUrlOf(context, request, operator);
    return reply
      .header('set-cookie', setSessionCookie(request, '', context))
      .send({ deleted: true, sign_out_url: signOutUrl });
  });
}

function noteSession(context: ApiContext, request: FastifyRequest, { name, role }: Operator, status: number) {
  return noteAction(context, { actor: name, role, method: request.method, path: '/admin/session', status });
}

/** The identity provider's sign-out URL; null for admin keys. */
async function signOutUrlOf({ oidc }: ApiContext, request: FastifyRequest, { idToken }: Operator) {
  if (idToken === undefined || oidc === null) return null;
  return oidc.signOutUrl(idToken, `${baseOf(request, oidc)}/console/`);
}

function describe({ operator, csrfToken, endsAtMs }: Session) {
  const { name, role } = operator;
  return { object: 'session', operator: name, role, csrf_token: csrfToken, ends_at: new Date(endsAtMs).toISOString() };
}
