// Where one request may be answered, in order. Made by the API tier, walked by the workers; travels in the request record.

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

/** What a request's `provider.sort` may say: OpenRouter's words, and the strategies' own names. */
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
  /** The provider's own model id (the rest of the name, for a wildcard model). */
  upstreamModel: string;
  /** The public model this step belongs to: differs from the one asked for on a fallback model. */
  model: string;
  /** Its deployment stands for many models of the provider. */
  isWildcard?: true;
  /** Names of the provider's credentials in the order in which they are used; absent where it has no choice of them. */
  credentials?: readonly string[];
}

/** Failures that end a request, unless the model asked for says where else such a request may be answered. */
export type DetourCode = 'upstream_content_filter' | 'upstream_context_length';

export interface RoutePlan {
  steps: RouteStep[];
  /** Where a request goes after such a failure, in place of what is left of `steps`. Absent: nowhere. */
  detours?: Partial<Record<DetourCode, RouteStep[]>>;
  /** Steps that stand at the end because they could not be asked when the plan was made. Absent: none. */
  putBack?: { provider: string; why: 'circuit' | 'hold' }[];
  /** A provider's wait that is longer is left for the next step. Absent: the default (advance.ts). Milliseconds. */
  waitUpToMs?: number;
  /** A second step may be asked beside the first. Absent: never. */
  hedge?: HedgeTerms;
  /** The beginning of its prompt, where its model shares caches by that; and how long it waits for one that is being written. */
  prefix?: { hash: string; waitMs: number };
}

/** When a step that is slow to begin gets the next one beside it, and how much of that there may be. */
export interface HedgeTerms {
  /** What is counted together: the model as the configuration names it. */
  pool: string;
  /** Absent: what is usual for the deployment. Milliseconds. */
  afterMs?: number;
  atLeastMs: number;
  /** Of answers, and of what they cost. */
  sharePercent: number;
  extraCostPercent: number;
  /** This request is only counted: it has no second attempt. */
  isUnwanted?: true;
  /** A budget has room for one attempt only. */
  isOverBudget?: true;
}

/** Every step that the request may come to. */
export function allSteps({ steps, detours }: RoutePlan): RouteStep[] {
  if (detours === undefined) return steps;
  return [...steps, ...(detours.upstream_content_filter ?? []), ...(detours.upstream_context_length ?? [])];
}

/**
 * Whose health a call says something about. A wildcard deployment stands for many models of a provider, and one of them
 * may be down, or limited by the provider, alone; configured limits and prices stay the deployment's.
 */
export function circuitOf(step: Pick<RouteStep, 'deployment' | 'upstreamModel' | 'isWildcard'>): string {
  const { deployment, upstreamModel, isWildcard } = step;
  if (deployment.includes('*')) return deployment.replace('*', () => upstreamModel);
  return isWildcard === true ? `${deployment}/${upstreamModel}` : deployment;
}
