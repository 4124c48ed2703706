// Where one request may be answered, in order. Made by the API tier, walked by the workers; travels in the request record.

/** One place to try. Names only: limits, credentials and prices are looked up in the worker's own configuration. */
export interface RouteStep {
  /** The deployment's id in the catalogue: the scope of its limits and of its circuit. */
  deployment: string;
  provider: string;
  /** The vendor's own model id (the rest of the name, for a wildcard model). */
  upstreamModel: string;
  /** The public model this step belongs to: differs from the one asked for on a fallback model. */
  model: string;
}

export interface RoutePlan {
  steps: RouteStep[];
}

/**
 * Whose health a call says something about. A wildcard deployment stands for many models of a vendor, and one of them
 * may be down alone; limits and prices stay the deployment's.
 */
export function circuitOf(step: Pick<RouteStep, 'deployment' | 'upstreamModel'>): string {
  return step.deployment.replace('*', () => step.upstreamModel);
}
