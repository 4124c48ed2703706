// The deployments that may answer a request, in order. Made by the API tier, followed by the workers; part of the request record.

/** How the deployments of a model are ordered (src/routing/strategies.ts). */
export const STRATEGY_NAMES = [
  'tiered',
  'weighted',
  'lowest_price',
  'least_busy',
  'lowest_latency',
  'highest_throughput',
  'most_quota_left',
] as const;

export type StrategyName = (typeof STRATEGY_NAMES)[number];

/** Values of a request's `provider.sort`: OpenRouter's, and the names of the strategies. */
export const SORTS = {
  price: 'lowest_price',
  latency: 'lowest_latency',
  throughput: 'highest_throughput',
  ...(Object.fromEntries(STRATEGY_NAMES.map((name) => [name, name])) as { [Name in StrategyName]: Name }),
} as const satisfies Record<string, StrategyName>;

/** One place to try. Names only: limits, credentials and prices are looked up in the worker's own configuration. */
export interface RouteStep {
  /** The deployment's id in the catalogue: the scope of its limits. */
  deployment: string;
  provider: string;
  /** The provider's own model id (for a wildcard model, with the star filled in). */
  upstreamModel: string;
  /** The public model that this step belongs to. Differs from the requested one on a fallback model. */
  model: string;
  /** Set if its deployment stands for many models of the provider. */
  isWildcard?: true;
  /** Names of the provider's credentials in the order of use; absent if it has only one. */
  credentials?: readonly string[];
}

/** Failures that end a request, unless the requested model configures a detour for them. */
export type DetourCode = 'upstream_content_filter' | 'upstream_context_length';

export interface RoutePlan {
  steps: RouteStep[];
  /** Steps after such a failure, in place of the remaining `steps`. Absent: none. */
  detours?: Partial<Record<DetourCode, RouteStep[]>>;
  /** Steps that were moved to the end because they were out of rotation when the plan was made. Absent: none. */
  putBack?: { provider: string; why: 'circuit' | 'hold' }[];
  /** If a provider asks for a longer wait, the next step is tried. Absent: the default (advance.ts). Milliseconds. */
  waitUpToMs?: number;
  /** Terms for calling a second step in parallel with the first. Absent: never. */
  hedge?: HedgeTerms;
  /** Set if its model shares prompt caches: hash of the prompt's beginning, and the longest wait for a cache being written. */
  prefix?: { hash: string; waitMs: number };
}

/** When the next step is called in parallel with one that is slow to begin, and the limits of that. */
export interface HedgeTerms {
  /** The name of the model in the configuration, whose hedges are counted together. */
  pool: string;
  /** Absent: a time typical of the deployment. Milliseconds. */
  afterMs?: number;
  atLeastMs: number;
  /** Largest share of answers with a second attempt, and of their extra cost. */
  sharePercent: number;
  extraCostPercent: number;
  /** This request is only counted; it gets no second attempt. */
  isUnwanted?: true;
  /** A budget has room for only one attempt. */
  isOverBudget?: true;
}

/** All steps that the request may reach. */
export function allSteps({ steps, detours }: RoutePlan): RouteStep[] {
  if (detours === undefined) return steps;
  return [...steps, ...(detours.upstream_content_filter ?? []), ...(detours.upstream_context_length ?? [])];
}

/**
 * The circuit that a call counts towards. A wildcard deployment stands for many models of a provider, any of which may fail or be
 * limited by the provider on its own, so each has its own circuit. Configured limits and prices are the deployment's.
 */
export function circuitOf(step: Pick<RouteStep, 'deployment' | 'upstreamModel' | 'isWildcard'>): string {
  const { deployment, upstreamModel, isWildcard } = step;
  if (deployment.includes('*')) return deployment.replace('*', () => upstreamModel);
  return isWildcard === true ? `${deployment}/${upstreamModel}` : deployment;
}
