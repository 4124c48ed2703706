// Roles of the admin API, and its audit log: every call that changes something, with who made it and the state before and
// after.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AdminRole, type AuditEntry, hasRole } from '../../accounts/admin-key-store.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { findOperator } from '../admit/authenticate-operator.ts';
import type { ApiContext } from '../context.ts';
import type { Operator } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The lowest role that may call it. Default: read-only for GET, operator for all other methods. */
    role?: AdminRole;
    /** Bodies contain clients' data: the audit log keeps only who did what to which object. */
    isConfidential?: boolean;
  }
  interface FastifyRequest {
    operator: Operator | null;
    /** What GET on the same address returned before the change. */
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
    if (isChange(request) && !isConfidential(request)) request.stateBefore = await readState(admin, request);
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
  const message = `This admin key has the role ${role}; the role ${needed} is required.`;
  throw new FailureError(createFailure('key_forbidden', message));
}

/** What GET on the same address returns; null if there is no such route or object. */
async function readState(admin: FastifyInstance, request: FastifyRequest): Promise<string | null> {
  const { url } = request.routeOptions;
  if (url === undefined || !url.includes(':') || !admin.hasRoute({ method: 'GET', url })) return null;
  const { authorization = '', cookie = '', host = '' } = request.headers;
  const answer = await admin.inject({ method: 'GET', url: request.url, headers: { authorization, cookie, host } });
  return answer.statusCode === 200 ? withoutSecrets(answer.body) : null;
}

const MAX_CHARS = 64 * 1024;

async function note(context: ApiContext, request: FastifyRequest, status: number, payload: unknown): Promise<void> {
  const isHidden = isConfidential(request);
  const entry = {
    actor: request.operator!.name,
    role: request.operator!.role,
    method: request.method,
    path: request.url.split('?')[0]!,
    status,
    request: isHidden ? null : textOf(request.body),
    before: request.stateBefore,
    after: isHidden ? null : textOf(payload),
  };
  await noteAction(context, entry);
}

type Action = Pick<AuditEntry, 'actor' | 'role' | 'method' | 'path' | 'status'> & Partial<AuditEntry>;

/** Writes to the audit log and the log. Never rejects: the change has been made, and must not be reported as failed. */
export async function noteAction({ logger, adminKeys }: ApiContext, action: Action): Promise<void> {
  const entry = { atMs: Date.now(), request: null, before: null, after: null, ...action };
  logger.info({ audit: { ...entry, request: undefined, before: undefined, after: undefined } }, 'admin action');
  await adminKeys.note(entry).catch((error: unknown) => {
    logger.error({ err: error, audit: entry }, 'an admin action could not be written to the audit log');
  });
}

function isConfidential({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.isConfidential === true;
}

function textOf(payload: unknown): string | null {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
  return isText && payload.length > 0 ? withoutSecrets(String(payload)) : null;
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
