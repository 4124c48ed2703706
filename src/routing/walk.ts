// The way of one request through its plan. First every step in order; a step that was full or out of rotation is left
// for the next one without being asked. When the plan is through and nothing has answered, the steps that were left are
// waited for, the one that expects to be ready first before the others.
//
// A position counts the places of this way from 0: it only grows, so a job or a claim of an earlier place is known for
// what it is. Positions within the plan are its steps; beyond it `progress.revisited` says which step is meant.
import type { RequestProgress } from '../contracts/request-record.ts';
import type { RoutePlan, RouteStep } from '../contracts/route-plan.ts';

export function stepAt(plan: RoutePlan, position: number, progress: RequestProgress): RouteStep {
  return plan.steps[indexAt(plan, position, progress)]!;
}

function indexAt(plan: RoutePlan, position: number, progress: RequestProgress): number {
  return position < plan.steps.length ? position : progress.revisited!;
}

/** Whether there is a place after this one. */
export function hasNext(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position + 1 < plan.steps.length || progress.skipped.length > 0;
}

/** Whether this place may be left without having been asked: not once its step has been left so before. */
export function maySkip(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position < plan.steps.length && hasNext(plan, position, progress);
}

/** Remembers that the step was not asked; `readyAtMs` is when it expects to be, Unix ms. */
export function skip(plan: RoutePlan, position: number, progress: RequestProgress, readyAtMs: number): RequestProgress {
  return { ...progress, skipped: [...progress.skipped, { step: indexAt(plan, position, progress), readyAtMs }] };
}

/** Progress at the place after this one, which must exist (`hasNext`). */
export function moveOn(plan: RoutePlan, position: number, progress: RequestProgress): RequestProgress {
  const fresh = { ...progress, failuresAtStep: 0 };
  if (position + 1 < plan.steps.length) return fresh;
  const first = progress.skipped.reduce((best, next) => (next.readyAtMs < best.readyAtMs ? next : best));
  return { ...fresh, revisited: first.step, skipped: progress.skipped.filter((other) => other !== first) };
}
