// Limits as they are in force: what is configured, what was learned from providers, and how much of it is used. Registered
// within /admin, behind its key.
import type { FastifyInstance } from 'fastify';
import { LIMIT_KINDS, type LimitKind } from '../../contracts/limit-kinds.ts';
import type { Scope } from '../../contracts/scope.ts';
import type { LearnedLimit } from '../../limits/learned-limits.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';

export function registerAdminLimits(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/limits', async () => {
    await context.learned.refresh().catch(rethrow);
    const rows = await Promise.all([...scopesOf(context)].map((scope) => describe(context, scope).catch(rethrow)));
    return { data: rows.flat() };
  });
}

/** Those of the configuration, and those of wildcard models that something was learned of. */
function scopesOf({ catalogue, learned }: ApiContext): Iterable<Scope> {
  const scopes = new Map<string, Scope>();
  for (const { scope, credentials } of catalogue.providers.values()) {
    for (const own of [scope, ...credentials.map((credential) => credential.scope)]) scopes.set(own.name, own);
  }
  for (const { scope } of catalogue.deployments.values()) scopes.set(scope.name, scope);
  for (const { scope } of learned.all()) if (!scopes.has(scope)) scopes.set(scope, { name: scope, limits: {} });
  return scopes.values();
}

async function describe({ limiter, learned }: ApiContext, { name, limits }: Scope) {
  const taught = new Map<string, LearnedLimit>(
    learned.all().flatMap((entry) => (entry.scope === name ? [[entry.kind, entry]] : [])),
  );
  const shown = LIMIT_KINDS.filter((kind) => limits[kind.name] !== undefined || taught.has(kind.name));
  if (shown.length === 0) return [];
  const { used, inFlight } = await limiter.peek(name);
  return shown.map((kind) => ({
    scope: name,
    limit: kind.setting,
    ...sourceOf(limits[kind.name], taught.get(kind.name)),
    used: usedOf(kind, { ...used, concurrency: inFlight }),
  }));
}

function usedOf({ name }: LimitKind, used: Record<string, number>): number | null {
  return used[name] ?? null;
}

function sourceOf(configured: number | undefined, learned: LearnedLimit | undefined) {
  if (configured !== undefined || learned === undefined)
    return { value: configured!, source: 'configured', in_force: true };
  return {
    value: learned.limit,
    source: 'learned',
    in_force: learned.isInForce,
    learned_at: new Date(learned.atMs).toISOString(),
  };
}
