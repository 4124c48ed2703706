// The state of the whole fleet as Redis has it: queues, limits, circuits, budgets. Read on demand (metrics, an autoscaler), at
// most once a second.
import type { BudgetStanding } from '../accounts/budget-standings.ts';
import type { Catalogue, Deployment, Provider } from '../config/catalogue.ts';
import { LANES, type Lane } from '../contracts/job.ts';
import { LIMIT_KINDS } from '../contracts/limit-kinds.ts';
import { modelScopeName, type Scope } from '../contracts/scope.ts';
import type { LearnedLimits } from '../limits/learned-limits.ts';
import { ownersOf } from '../limits/wait-queue.ts';
import { readScope, readWindow } from '../limits/window.ts';
import type { QueueProducer } from '../queue/producer.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { FleetState } from '../telemetry/metrics.ts';

export interface FleetParts {
  redis: RedisClient;
  keyspace: Keyspace;
  catalogue: Pick<Catalogue, 'providers' | 'deployments'>;
  learned: Pick<LearnedLimits, 'scopeOf'>;
  producer: Pick<QueueProducer, 'depth'>;
  budgets: () => Promise<BudgetStanding[]>;
}

const FRESH_MS = 1_000;

/** Rejects if Redis does not answer. */
export type FleetReader = () => Promise<FleetState>;

export function createFleetReader(parts: FleetParts): FleetReader {
  let known: Promise<FleetState> | null = null;
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (known === null || performance.now() - readAtMs > FRESH_MS) {
      readAtMs = performance.now();
      known = readFleet(parts);
      known.catch(() => undefined);
    }
    return known;
  };
}

async function readFleet(parts: FleetParts): Promise<FleetState> {
  const { providers, deployments } = parts.catalogue;
  const [jobs, waiting, scopes, circuits, budgets] = await Promise.all([
    Promise.all([...providers.keys()].flatMap((provider) => LANES.map((lane) => readJobs(parts, provider, lane)))),
    readWaiting(parts),
    Promise.all(limitedScopes(parts).map((scope) => readLimits(parts, scope))),
    parts.redis.hgetall(parts.keyspace.openCircuits),
    // While the database is unavailable, the state in Redis is still shown.
    parts.budgets().catch(() => []),
  ]);
  return {
    jobs,
    waiting,
    scopes,
    circuits: circuitsOf(circuits, [...deployments.values()]),
    credentials: credentialCircuits(circuits, [...providers.values()]),
    budgets,
  };
}

async function readJobs({ producer }: FleetParts, provider: string, lane: Lane) {
  return { provider, lane, ...(await producer.depth(provider, lane)) };
}

function readWaiting({ redis, keyspace, catalogue }: FleetParts) {
  const now = Date.now();
  const each = [...catalogue.deployments.values()].flatMap((deployment) => LANES.map((lane) => ({ deployment, lane })));
  return Promise.all(
    each.map(async ({ deployment, lane }) => {
      const queue = keyspace.scope(deployment.scope.name).waiting[lane];
      const [requests, tokens, oldest, owners] = await Promise.all([
        redis.zcard(queue),
        redis.hget(keyspace.waitQueueTokens, queue),
        redis.zrange(queue, '0', '0', 'WITHSCORES'),
        redis.hvals(ownersOf(queue)),
      ]);
      const oldestMs = oldest[1] === undefined ? 0 : Math.max(0, now - Number(oldest[1]));
      const place = { provider: deployment.provider.name, deployment: deployment.id, lane };
      const largestKey = owners.reduce((largest, count) => Math.max(largest, Number(count)), 0);
      return { ...place, requests, tokens: Number(tokens ?? 0), oldestMs, keys: owners.length, largestKey };
    }),
  );
}

interface LimitedScope {
  configured: Scope;
  inForce: Scope;
}

/** Everything the configuration names. Not the models that a wildcard has served: clients choose those names. */
function limitedScopes({ catalogue, learned }: FleetParts): LimitedScope[] {
  const ofProviders = [...catalogue.providers.values()].flatMap(({ scope, credentials }) =>
    [scope, ...credentials.map((credential) => credential.scope)].map((own) => ({ configured: own, inForce: own })),
  );
  const ofDeployments = [...catalogue.deployments.values()].flatMap(({ id, scope, provider }) => {
    const own = { configured: scope, inForce: scope };
    if (!provider.learnsLimits) return [own];
    own.inForce = learned.scopeOf(scope, provider.scope.limits);
    const ofCredentials = provider.credentials.map((credential) => {
      const configured = { name: modelScopeName(id, credential.name), limits: {} };
      return { configured, inForce: learned.scopeOf(configured, credential.scope.limits) };
    });
    return [own, ...ofCredentials.filter(({ inForce }) => Object.keys(inForce.limits).length > 0)];
  });
  return [...ofProviders, ...ofDeployments];
}

async function readLimits({ redis, keyspace }: FleetParts, { configured, inForce }: LimitedScope) {
  const { fields, inFlight, redisNowMs } = await readScope(redis, keyspace, inForce.name);
  const { used, blockedMs } = readWindow(fields, redisNowMs);
  const limits = LIMIT_KINDS.flatMap(({ name }) => {
    const limit = inForce.limits[name];
    if (limit === undefined) return [];
    const source = configured.limits[name] === undefined ? ('learned' as const) : ('configured' as const);
    return [{ kind: name, limit, source, used: name === 'concurrency' ? inFlight : used[name] }];
  });
  return { scope: inForce.name, blockedMs, limits };
}

/** Circuit name → Unix ms at which its cooldown ends. */
type OpenCircuits = Readonly<Record<string, string>>;

function circuitsOf(until: OpenCircuits, deployments: readonly Deployment[]): FleetState['circuits'] {
  return deployments.map((deployment) => ({
    provider: deployment.provider.name,
    deployment: deployment.id,
    ...count(until, (name) => isCircuitOf(deployment, name)),
  }));
}

/** Circuits of the credential as a whole and of its deployments. */
function credentialCircuits(until: OpenCircuits, providers: readonly Provider[]): FleetState['credentials'] {
  return providers.flatMap(({ name: provider, credentials }) =>
    credentials.map(({ name, scope }) => ({
      provider,
      credential: name,
      ...count(until, (circuit) => circuit === scope.name || circuit.startsWith(`${scope.name}/`)),
    })),
  );
}

function count(until: OpenCircuits, isIts: (circuit: string) => boolean): { open: number; halfOpen: number } {
  const its = Object.entries(until).filter(([name]) => isIts(name));
  const open = its.filter(([, atMs]) => Number(atMs) > Date.now()).length;
  return { open, halfOpen: its.length - open };
}

/** Names as `circuitOf` (contracts/route-plan.ts) makes them: a wildcard has one for each of its models. */
export function isCircuitOf({ id, upstreamModel }: Pick<Deployment, 'id' | 'upstreamModel'>, circuit: string): boolean {
  if (circuit === id) return true;
  if (!upstreamModel.includes('*')) return false;
  const [before, after] = id.includes('*') ? id.split('*', 2) : [`${id}/`, ''];
  return circuit.startsWith(before!) && circuit.endsWith(after!) && circuit.length > before!.length + after!.length;
}
