// Signing in to the console and out of it. The admin key comes as it does everywhere else, in the Authorization header.
import type { FastifyInstance } from 'fastify';
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
import type { Session } from '../guard/sessions.ts';

/** Wrong keys of one address in a minute. People mistype a few times. */
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
    context.logger.info({ operator: operator.name, address: request.ip }, 'signed in to the console');
    return reply.code(201).header('set-cookie', setSessionCookie(request, secret)).send(describe(session));
  });

  app.get('/admin/session', async (request) => {
    const session = await findSession(sessionCookie(request), context);
    if (session !== null) return describe(session);
    throw new FailureError(createFailure('key_invalid', 'There is no session. Sign in with the admin key.'));
  });

  app.delete('/admin/session', async (request, reply) => {
    await findOperator(request, context);
    await context.sessions.end(sessionCookie(request)).catch(rethrow);
    return reply.header('set-cookie', setSessionCookie(request, '')).send({ deleted: true });
  });
}

function describe({ operator, csrfToken, endsAtMs }: Session) {
  const { name, role } = operator;
  return { object: 'session', operator: name, role, csrf_token: csrfToken, ends_at: new Date(endsAtMs).toISOString() };
}
