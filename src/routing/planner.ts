// Plans of one process: by its configuration and its snapshots of circuits and holds. What is out of rotation or held stands
// last in a plan, never outside it.
import type { Catalogue } from '../config/catalogue.ts';
import type { Failure } from '../contracts/failure.ts';
import type { RoutePlan } from '../contracts/route-plan.ts';
import { findProtocolRoute } from '../protocols/registry.ts';
import type { Circuits } from './circuits.ts';
import type { Holds } from './holds.ts';
import { planRoute, type RouteRequest } from './plan-route.ts';

/** @param random draws the lots within a tier; the same draws give the same plan while nothing else changes. */
export type Planner = (protocol: string, request: RouteRequest, random?: () => number) => RoutePlan | Failure;

export interface PlannerOptions {
  catalogue: Catalogue;
  circuits: Pick<Circuits, 'isOpen'>;
  holds: Pick<Holds, 'find'>;
}

export function createPlanner({ catalogue, circuits, holds }: PlannerOptions): Planner {
  const isHeld = (deploymentId: string) => {
    const deployment = catalogue.deployments.get(deploymentId);
    return deployment !== undefined && holds.find(deployment) !== null;
  };
  return (protocol, request, random = Math.random) =>
    planRoute(request, {
      catalogue,
      canServe: (protocols) => findProtocolRoute(protocol, protocols) !== null,
      isCooling: circuits.isOpen,
      isHeld,
      random,
    });
}
