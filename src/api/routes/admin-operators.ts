// Admin routes of admin keys and of the audit log.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ADMIN_ROLES, type AdminKey, type AuditEntry } from '../../accounts/admin-key-store.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { checkInput, dayOrMoment, endOf } from '../admit/check-input.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const MAX_PAGE = 500;

export const newAdminKey = z.strictObject({ name: z.string().min(1).max(200), role: z.enum(ADMIN_ROLES) });
export const auditQuery = z.strictObject({
  limit: z.coerce.number().int().positive().max(MAX_PAGE).default(100),
  before: z.string().max(100).optional().describe('Returns older entries: the `next` value of a page.'),
  actor: z.string().min(1).max(300).optional().describe('Part of the actor’s name; case is ignored.'),
  method: z
    .string()
    .max(10)
    .optional()
    .describe('`POST`, `PATCH`, `PUT` or `DELETE`; `GET` for sign-ins; `RELOAD` for the configuration file.'),
  path: z.string().max(300).optional().describe('Prefix of the path.'),
  from: dayOrMoment.optional(),
  to: dayOrMoment.optional().describe('A date includes the whole day.'),
});

type ById = { Params: { id: string } };

export function registerAdminOperators(admin: FastifyInstance, { adminKeys }: ApiContext): void {
  const owner = { config: { role: 'owner' as const } };

  admin.get('/admin-keys', owner, async () => ({ data: (await adminKeys.list()).map(describeAdminKey) }));

  admin.post('/admin-keys', owner, async (request, reply) => {
    const { name, role } = checkInput(newAdminKey, (await readBody(request.body)).value);
    const { key, secret } = await adminKeys.create(name, role);
    return reply.code(201).send({ ...describeAdminKey(key), key: secret });
  });

  admin.get<ById>('/admin-keys/:id', owner, async ({ params: { id } }) => {
    const key = await adminKeys.findById(id);
    if (key === null) throw notFound(id);
    return describeAdminKey(key);
  });

  admin.delete<ById>('/admin-keys/:id', owner, async ({ params: { id } }) => {
    const key = await adminKeys.revoke(id);
    if (key === null) throw notFound(id);
    return describeAdminKey(key);
  });

  admin.get('/audit', async (request) => {
    const { limit, from, to, ...query } = checkInput(auditQuery, request.query);
    const fromMs = from === undefined ? undefined : Date.parse(from);
    const toMs = to === undefined ? undefined : endOf(to);
    const found = await adminKeys.audit({ ...query, fromMs, toMs, limit: limit + 1 });
    const page = found.slice(0, limit);
    const hasMore = found.length > limit;
    return { data: page.map(describeEntry), has_more: hasMore, next: hasMore ? page.at(-1)!.id : null };
  });
}

function describeEntry({ atMs, request, before, after, ...entry }: AuditEntry) {
  return {
    ...entry,
    at: new Date(atMs).toISOString(),
    request: parsed(request),
    before: parsed(before),
    after: parsed(after),
  };
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

function describeAdminKey({ id, name, hint, role, createdAtMs, revokedAtMs }: AdminKey) {
  return {
    id,
    name,
    hint,
    role,
    created_at: new Date(createdAtMs).toISOString(),
    revoked_at: revokedAtMs === null ? null : new Date(revokedAtMs).toISOString(),
  };
}

function notFound(id: string): FailureError {
  return new FailureError(createFailure('request_not_found', `There is no admin key '${id}'.`, { param: 'id' }));
}
