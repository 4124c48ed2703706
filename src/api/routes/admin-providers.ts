// Providers and deployments as they stand: health, holds, queues, prices, how their calls went in the last hour. Limits and
// their use have an address of their own (/admin/limits). Registered within /admin, behind its key.
import type { FastifyInstance } from 'fastify';
import type { Deployment, Model } from '../../config/catalogue.ts';
import { withoutSecrets } from '../../config/secrets.ts';
import { LANES } from '../../contracts/job.ts';
import { formatUsd } from '../../contracts/money.ts';
import { countOutcomes, type OutcomeCount } from '../../ledger/reports.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';

const HOUR_MS = 3_600_000;
const TOKENS_PER_PRICE = 1_000_000n;

export function registerAdminProviders(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/providers', async () => {
    const { catalogue, holds } = context;
    await holds.refresh().catch(rethrow);
    const [circuits, outcomes] = await Promise.all([
      readCircuits(context).catch(rethrow),
      countOutcomes(context.database, Date.now() - HOUR_MS),
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
        credentials: provider.credentials.map(({ name }) => name),
        hold: describeHold(provider.scope.name),
        queues: await describeQueues(context, provider.name),
        deployments: [...catalogue.deployments.values()]
          .filter((deployment) => deployment.provider === provider)
          .map((deployment) => ({
            ...describeDeployment(context, deployment),
            hold: describeHold(deployment.scope.name),
            circuits: circuits.filter(({ name }) => isOf(name, deployment)),
            last_hour: outcomes.filter((count) => count.deployment === deployment.id).map(describeCount),
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
    /** USD per million tokens; null where nobody knows it. */
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
  /** `half_open`: its cooldown is over, the next call is its trial. */
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

/** A wildcard's circuits are one for each model (contracts/route-plan.ts). */
function isOf(circuit: string, { id }: Deployment): boolean {
  if (!id.includes('*')) return circuit === id || circuit.startsWith(`${id}/`);
  const [before, after] = id.split('*') as [string, string];
  return circuit.startsWith(before) && circuit.endsWith(after);
}

function describeCount({ outcome, attempts }: OutcomeCount) {
  return { outcome, attempts };
}
