// Plans of one process: by its configuration, its snapshots of circuits and holds, and what it knows of deployments
// (signals.ts). What is out of rotation or held stands last in a plan, never outside it.
import type { Catalogue } from '../config/catalogue.ts';
import { type Failure, isFailure } from '../contracts/failure.ts';
import type { RoutePlan } from '../contracts/route-plan.ts';
import { findProtocolRoute } from '../protocols/registry.ts';
import type { Circuits } from './circuits.ts';
import type { Holds } from './holds.ts';
import { planRoute, type RouteRequest } from './plan-route.ts';
import type { RequestSize, SignalBoard } from './signals.ts';

/** @param random draws the lots within a tier; the same draws give the same plan while nothing else changes. */
export type Planner = (protocol: string, request: RouteRequest, random?: () => number) => RoutePlan | Failure;

export interface PlannerOptions {
  catalogue: Catalogue;
  circuits: Pick<Circuits, 'isOpen'>;
  holds: Pick<Holds, 'find'>;
  signals: SignalBoard;
}

export function createPlanner({ catalogue, circuits, holds, signals }: PlannerOptions): Planner {
  const isHeld = (deploymentId: string) => {
    const deployment = catalogue.deployments.get(deploymentId);
    return deployment !== undefined && holds.find(deployment) !== null;
  };
  return (protocol, request, random = Math.random) => {
    const plan = planRoute(request, {
      catalogue,
      canServe: (protocols) => findProtocolRoute(protocol, protocols) !== null,
      isCooling: circuits.isOpen,
      isHeld,
      signals: signals.signalsFor(sizeOf(request)),
      random,
    });
    if (!isFailure(plan)) signals.noteChosen(plan.steps[0]!.deployment);
    return plan;
  };
}

/** Assumed of a request that does not say. */
const USUAL_TOKENS = { input: 1_000, output: 300 };

function sizeOf({ estimatedInputTokens, maxOutputTokens }: RouteRequest): RequestSize {
  return {
    inputTokens: estimatedInputTokens ?? USUAL_TOKENS.input,
    outputTokens: maxOutputTokens ?? USUAL_TOKENS.output,
  };
}
