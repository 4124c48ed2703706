// Who may do what in the administration, and the log of what was done: every call that changes something, with its author, what
// there was before and what came of it.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AdminRole, hasRole } from '../../accounts/admin-key-store.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { findOperator } from '../admit/authenticate-operator.ts';
import type { ApiContext } from '../context.ts';
import type { Operator } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least that its caller must be. Default: read-only for GET, operator for what changes something. */
    role?: AdminRole;
  }
  interface FastifyRequest {
    operator: Operator | null;
    /** What the same address showed before the change. */
    stateBefore: string | null;
  }
}

export function guardAdministration(admin: FastifyInstance, context: ApiContext): void {
  admin.decorateRequest('operator', null);
  admin.decorateRequest('stateBefore', null);
  admin.addHook('onRequest', async (request) => {
    request.operator = await findOperator(request, context);
    checkRole(request, request.operator.role);
  });
  admin.addHook('preHandler', async (request) => {
    if (isChange(request)) request.stateBefore = await readState(admin, request);
  });
  admin.addHook('onSend', async (request, reply, payload) => {
    if (request.operator !== null && isChange(request)) await note(context, request, reply.statusCode, payload);
    return payload;
  });
}

function isChange({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

function checkRole(request: FastifyRequest, role: AdminRole): void {
  const needed = request.routeOptions.config.role ?? (isChange(request) ? 'operator' : 'read-only');
  if (hasRole(role, needed)) return;
  const message = `This admin key is ${role}; this needs ${needed === 'owner' ? 'an owner' : 'an operator'}.`;
  throw new FailureError(createFailure('key_forbidden', message));
}

/** What GET gives at the same address; null where there is none. */
async function readState(admin: FastifyInstance, request: FastifyRequest): Promise<string | null> {
  const { url } = request.routeOptions;
  if (url === undefined || !url.includes(':') || !admin.hasRoute({ method: 'GET', url })) return null;
  const { authorization = '', cookie = '', host = '' } = request.headers;
  const answer = await admin.inject({ method: 'GET', url: request.url, headers: { authorization, cookie, host } });
  return answer.statusCode === 200 ? withoutSecrets(answer.body) : null;
}

const MAX_CHARS = 64 * 1024;

async function note(context: ApiContext, request: FastifyRequest, status: number, payload: unknown): Promise<void> {
  const entry = {
    atMs: Date.now(),
    actor: request.operator!.name,
    role: request.operator!.role,
    method: request.method,
    path: request.url.split('?')[0]!,
    status,
    request: Buffer.isBuffer(request.body) && request.body.length > 0 ? withoutSecrets(request.body.toString()) : null,
    before: request.stateBefore,
    after: typeof payload === 'string' || Buffer.isBuffer(payload) ? withoutSecrets(String(payload)) : null,
  };
  context.logger.info({ audit: { ...entry, request: undefined, before: undefined, after: undefined } }, 'admin action');
  await context.adminKeys.note(entry).catch((error: unknown) => {
    // The change is made: it must not look as if it had failed.
    context.logger.error({ err: error, audit: entry }, 'an admin action is not in the audit log');
  });
}

const SECRET = /^(key|secret|api_key|secret_access_key|password|token)$/i;

function withoutSecrets(text: string): string | null {
  if (text.length > MAX_CHARS) return JSON.stringify({ omitted: `${text.length} characters` });
  try {
    return JSON.stringify(JSON.parse(text), (name, value: unknown) =>
      SECRET.test(name) && typeof value === 'string' ? '[redacted]' : value,
    );
  } catch {
    return null;
  }
}
