// Admin routes of providers and deployments: health, holds, queues, prices, outcomes of the last hour; and their limits, configured
// and learned, with usage.
import type { FastifyInstance } from 'fastify';
import type { Deployment, Model, Provider } from '../../config/catalogue.ts';
import { withoutSecrets } from '../../config/secrets.ts';
import { LANES } from '../../contracts/job.ts';
import { LIMIT_KINDS, type LimitName } from '../../contracts/limit-kinds.ts';
import { formatUsd } from '../../contracts/money.ts';
import type { Scope } from '../../contracts/scope.ts';
import { countOutcomes, type OutcomeCount } from '../../ledger/request-history.ts';
import type { LearnedLimit } from '../../limits/learned-limits.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { isCircuitOf } from '../fleet-state.ts';

const HOUR_MS = 3_600_000;
const TOKENS_PER_PRICE = 1_000_000n;

export function registerAdminProviders(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/limits', async () => {
    await context.learned.refresh().catch(rethrow);
    const rows = await Promise.all(
      [...scopesOf(context)].map((scope) => describeLimits(context, scope).catch(rethrow)),
    );
    return { data: rows.flat() };
  });
  admin.get('/providers', async () => {
    const { catalogue, holds } = context;
    await holds.refresh().catch(rethrow);
    const [circuits, outcomes] = await Promise.all([
      readCircuits(context).catch(rethrow),
      countOutcomes(context.reports, Date.now() - HOUR_MS),
    ]);
    const held = new Map(holds.all().map((hold) => [hold.name, hold]));
    const describeHold = (name: string) => {
      const hold = held.get(name);
      return hold === undefined ? null : { reason: hold.reason, since: new Date(hold.sinceMs).toISOString() };
    };
    const data = await Promise.all(
      [...catalogue.providers.values()].map(async (provider) => ({
        name: provider.name,
        protocols: provider.protocols,
        base_url: withoutSecrets(provider.baseUrl),
        credentials: describeCredentials(provider, {
          circuits,
          outcomes: outcomes.filter((count) => catalogue.deployments.get(count.deployment)?.provider === provider),
          describeHold,
        }),
        hold: describeHold(provider.scope.name),
        queues: await describeQueues(context, provider.name),
        deployments: [...catalogue.deployments.values()]
          .filter((deployment) => deployment.provider === provider)
          .map((deployment) => ({
            ...describeDeployment(context, deployment),
            hold: describeHold(deployment.scope.name),
            circuits: circuits.filter(({ name }) => isCircuitOf(deployment, name)),
            last_hour: countsOf(outcomes.filter((count) => count.deployment === deployment.id)),
          })),
      })),
    );
    return { data };
  });
}

async function describeQueues({ producer }: ApiContext, provider: string) {
  const entries = LANES.map(async (lane) => {
    const { waiting, delayed, active } = await producer.depth(provider, lane).catch(rethrow);
    return [lane, { waiting: waiting + delayed, running: active }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function describeDeployment({ catalogue, configuration }: ApiContext, deployment: Deployment) {
  const { id, upstreamModel, tier, weight } = deployment;
  const price = catalogue.priceOf(deployment, upstreamModel, 0);
  const usd = (perToken: bigint) => formatUsd(perToken * TOKENS_PER_PRICE);
  const models = Object.keys(configuration.models).filter((name) => hasDeployment(modelOf(catalogue, name), id));
  return {
    id,
    model: upstreamModel,
    tier,
    weight,
    models,
    /** USD per million tokens; null if unknown. */
    price:
      price === null
        ? null
        : { input: usd(price.input), cached_input: usd(price.cachedInput), output: usd(price.output) },
  };
}

function modelOf({ findModel, wildcards }: ApiContext['catalogue'], name: string): Model | null {
  return name.includes('*') ? (wildcards.find((model) => model.name === name) ?? null) : findModel(name);
}

function hasDeployment(model: Model | null, id: string): boolean {
  return model?.candidates.some(({ deployment }) => deployment.id === id) ?? false;
}

interface OpenCircuit {
  name: string;
  /** `half_open`: the cooldown has ended; the next call is the trial. */
  state: 'open' | 'half_open';
  code: string | null;
  until: string;
}

/** Those that are not closed. */
async function readCircuits({ redis, keyspace }: ApiContext): Promise<OpenCircuit[]> {
  const open = Object.entries(await redis.hgetall(keyspace.openCircuits));
  const codes = await Promise.all(open.map(([name]) => redis.hget(keyspace.circuit(name), 'code')));
  return open.map(([name, untilMs], index) => ({
    name,
    state: Number(untilMs) > Date.now() ? 'open' : 'half_open',
    code: codes[index] ?? null,
    until: new Date(Number(untilMs)).toISOString(),
  }));
}

function countsOf(counts: readonly OutcomeCount[]): { outcome: string; attempts: number }[] {
  const sums = new Map<string, number>();
  for (const { outcome, attempts } of counts) sums.set(outcome, (sums.get(outcome) ?? 0) + attempts);
  return [...sums].map(([outcome, attempts]) => ({ outcome, attempts }));
}

interface Known {
  circuits: readonly OpenCircuit[];
  /** Of the provider's deployments. */
  outcomes: readonly OutcomeCount[];
  describeHold: (name: string) => object | null;
}

/** Limits and their usage are in /admin/limits, under `scope`. */
function describeCredentials({ credentials }: Provider, { circuits, outcomes, describeHold }: Known) {
  const weights = credentials.reduce((sum, { weight }) => sum + weight, 0);
  return credentials.map((credential) => ({
    name: credential.name,
    scope: credential.scope.name,
    share: weights === 0 ? 0 : credential.weight / weights,
    hold: describeHold(credential.scope.name),
    circuits: circuits.filter((circuit) => isWithin(circuit.name, credential.scope.name)),
    last_hour: countsOf(outcomes.filter((count) => count.credential === credential.name)),
  }));
}

/** The circuit of the credential as a whole, or for one model. */
function isWithin(name: string, scope: string): boolean {
  return name === scope || name.startsWith(`${scope}/`);
}

/** Configured deployments, and those of wildcard models with learned limits. */
function scopesOf({ catalogue, learned }: ApiContext): Iterable<Scope> {
  const scopes = new Map<string, Scope>();
  for (const { scope, credentials } of catalogue.providers.values()) {
    for (const own of [scope, ...credentials.map((credential) => credential.scope)]) scopes.set(own.name, own);
  }
  for (const { scope } of catalogue.deployments.values()) scopes.set(scope.name, scope);
  for (const { scope } of learned.all()) if (!scopes.has(scope)) scopes.set(scope, { name: scope, limits: {} });
  return scopes.values();
}

async function describeLimits({ limiter, learned }: ApiContext, { name, limits }: Scope) {
  const taught = new Map<string, LearnedLimit>(
    learned.all().flatMap((entry) => (entry.scope === name ? [[entry.kind, entry]] : [])),
  );
  const shown = LIMIT_KINDS.filter((kind) => limits[kind.name] !== undefined || taught.has(kind.name));
  if (shown.length === 0) return [];
  const { used: ofRates, inFlight } = await limiter.peek(name);
  const used: Partial<Record<LimitName, number>> = { ...ofRates, concurrency: inFlight };
  return shown.map((kind) => ({
    scope: name,
    limit: kind.setting,
    ...sourceOf(limits[kind.name], taught.get(kind.name)),
    used: used[kind.name] ?? null,
  }));
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
