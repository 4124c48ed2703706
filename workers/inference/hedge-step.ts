// The second attempt of a race, from the plan to its permit: the next step, if it is healthy, has a free permit, and the model's
// allowance has room. It never waits, and what was taken is returned if no attempt is made.

import { withPrompt } from '#src/accounts/request-cost.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import { isFailure } from '#src/contracts/failure.ts';
import { circuitOf, type RouteStep } from '#src/contracts/route-plan.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { AdmittedHedge } from '#src/limits/hedge-allowance.ts';
import type { Permit } from '#src/limits/limiter.ts';
import { isFree } from '#src/protocols/protocol.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { stepBehind } from '#src/routing/walk.ts';
import { credentialCircuits, inOrder } from './credential-choice.ts';
import type { GatedWriter } from './deciding-gate.ts';
import { type Delivery, type InferenceContext, insist, newCallForm } from './delivery.ts';
import type { ReadyCall } from './perform-attempt.ts';
import { estimatedInputTokens, permitRequest, pricingOf } from './permit-request.ts';
import { prepareStep } from './prepare-step.ts';

export interface HedgeStep {
  /** The request's delivery, at the next step. */
  delivery: Delivery;
  deployment: Deployment;
  ready: ReadyCall;
  permit: Permit;
  admitted: AdmittedHedge;
}

/**
 * Why no second attempt is made: its deployment is on hold, out of rotation or unknown here, cannot take the request, or is full;
 * the model's allowance is used up (`share`, `cost`); a budget has no room (`budget`).
 */
export type HedgeDenial = 'budget' | 'hold' | 'circuit' | 'request' | 'limit' | 'share' | 'cost' | 'error';

/** Null if it is no longer wanted. @param isWanted checked before anything is taken. */
export async function openHedge(
  context: InferenceContext,
  delivery: Delivery,
  writer: GatedWriter,
  isWanted: () => boolean,
): Promise<HedgeStep | HedgeDenial | null> {
  const { spec, job, progress } = delivery;
  const terms = spec.plan.hedge!;
  if (terms.isOverBudget) return 'budget';
  const step = stepBehind(spec.plan, job.step, progress)!;
  const view = besideView(delivery, step, writer);
  const ready = await findReady(context, view);
  if (typeof ready === 'string') return ready;
  if (!isWanted()) return null;
  const admitted = await context.hedges.admit(terms, promptCost(context, view, ready.deployment));
  if (typeof admitted === 'string') return admitted;
  const giveBack = (error: Error): never => {
    context.hedges.correct(admitted, null).catch(context.onTrouble);
    throw error;
  };
  const opened = isWanted() ? await takePermit(context, view, ready, isWanted).catch(giveBack) : null;
  if (opened !== null && opened !== 'limit') return { delivery: view, ...ready, permit: opened, admitted };
  context.hedges.correct(admitted, null).catch(context.onTrouble);
  return opened;
}

/** The delivery as the second attempt sees it: progress and loss are shared with the delivery itself. */
function besideView(delivery: Delivery, step: RouteStep, writer: GatedWriter): Delivery {
  return {
    ...delivery,
    job: { ...delivery.job, step: delivery.job.step + 1 },
    step,
    writer,
    ...newCallForm(),
    granted: null,
    beside: { isHedge: true },
    get progress() {
      return delivery.progress;
    },
    set progress(progress) {
      delivery.progress = progress;
    },
    get isLost() {
      return delivery.isLost;
    },
    set isLost(isLost) {
      delivery.isLost = isLost;
    },
  };
}

interface Ready {
  deployment: Deployment;
  ready: ReadyCall;
  credentials: readonly (Credential | null)[];
}

/** A second attempt is never the trial of a deployment or credential that is out of rotation. */
async function findReady(context: InferenceContext, view: Delivery): Promise<Ready | HedgeDenial> {
  const { spec, step } = view;
  const deployment = context.catalogue.deployments.get(step.deployment);
  const route = deployment && findProtocolRoute(spec.protocol, deployment.provider.protocols);
  if (!deployment || !route) return 'request';
  if (context.holds.find(deployment) !== null) return 'hold';
  const credentials = wellCredentials(context, step, deployment);
  if (context.circuits.isSuspect(circuitOf(step)) || credentials.length === 0) return 'circuit';
  const call = await prepareStep(context, view, deployment, route);
  if (call === null || isFailure(call)) return 'request';
  if (call.dropped.length > 0 && spec.wishes?.preferences?.requireParameters === true) return 'request';
  return { deployment, ready: { route, call }, credentials };
}

function wellCredentials(
  { holds, circuits }: InferenceContext,
  step: RouteStep,
  { provider }: Deployment,
): readonly (Credential | null)[] {
  if (provider.credentials.length === 0) return [null];
  return inOrder(provider.credentials, step.credentials ?? []).filter(
    (credential) =>
      holds.get(credential.scope.name) === null &&
      credential.secret() !== null &&
      !credentialCircuits(credential, step).some(circuits.isSuspect),
  );
}

/** Cost of an attempt that is ended before its answer has begun. */
function promptCost(context: InferenceContext, view: Delivery, deployment: Deployment): bigint {
  if (isFree(view.client)) return 0n;
  const usage = withPrompt(NO_USAGE, estimatedInputTokens(view), view.spec.serviceTier);
  return pricingOf(context, view, deployment).costOfAttempt(usage).cost;
}

/** Takes an attempt number and a permit, which reserves every limit and opens a ledger entry. */
async function takePermit(
  context: InferenceContext,
  view: Delivery,
  { deployment, credentials }: Ready,
  isWanted: () => boolean,
): Promise<Permit | 'limit' | null> {
  const { store, workerId, limiter } = context;
  view.progress = { ...view.progress, hedge: { place: view.job.step } };
  const attempt = await store.numberBeside(view.spec.requestId, workerId, view.progress);
  if (attempt === null || !isWanted()) return null;
  (view.writer as GatedWriter).attempt = attempt;
  for (const credential of credentials) {
    const terms = permitRequest(context, view, deployment, credential);
    const decision = await limiter.acquire({ ...terms, isBeside: true });
    if (decision.kind === 'denied') continue;
    if (isWanted()) return decision.permit;
    await insist(context, () => limiter.settle(decision.permit, { usedTokens: 0, entry: null }));
    return null;
  }
  return 'limit';
}
