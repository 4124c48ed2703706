// The way of one request through its plan. First every step in order; a step that was full or out of rotation is left
// for the next one without being asked. When the plan is through and nothing has answered, the steps that were left are
// waited for, the one that expects to be ready first before the others. A failure for which the plan has a detour leads
// to that in place of all that is left.
//
// A position counts the places of this way from 0: it only grows, so a job or a claim of an earlier place is known for
// what it is. Positions up to `endOf` are steps in order; beyond it `progress.revisited` says which step is meant.
import type { Failure } from '../contracts/failure.ts';
import type { RequestProgress } from '../contracts/request-record.ts';
import { allSteps, type DetourCode, type RoutePlan, type RouteStep } from '../contracts/route-plan.ts';

export function stepAt(plan: RoutePlan, position: number, progress: RequestProgress): RouteStep {
  return allSteps(plan)[indexAt(plan, position, progress)]!;
}

/** Among all steps of the plan. */
function indexAt(plan: RoutePlan, position: number, progress: RequestProgress): number {
  if (position >= endOf(plan, progress)) return progress.revisited!;
  const { detour } = progress;
  return detour === undefined ? position : firstOf(plan, detour.codes.at(-1)!) + position - detour.from;
}

/** The position behind the last step that is taken in order. */
function endOf(plan: RoutePlan, { detour }: RequestProgress): number {
  return detour === undefined ? plan.steps.length : detour.from + stepsOf(plan, detour.codes.at(-1)!).length;
}

/** Index of a detour's first step among all. */
function firstOf(plan: RoutePlan, code: DetourCode): number {
  const before = code === 'upstream_content_filter' ? 0 : stepsOf(plan, 'upstream_content_filter').length;
  return plan.steps.length + before;
}

function stepsOf({ detours }: RoutePlan, code: DetourCode): readonly RouteStep[] {
  return detours?.[code] ?? [];
}

/** Whether there is a place after this one. */
export function hasNext(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position + 1 < endOf(plan, progress) || progress.skipped.length > 0;
}

/** Whether this place may be left without having been asked: not once its step has been left so before. */
export function maySkip(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position < endOf(plan, progress) && hasNext(plan, position, progress);
}

/** Remembers that the step was not asked; `readyAtMs` is when it expects to be, Unix ms. */
export function skip(plan: RoutePlan, position: number, progress: RequestProgress, readyAtMs: number): RequestProgress {
  return { ...progress, skipped: [...progress.skipped, { step: indexAt(plan, position, progress), readyAtMs }] };
}

/**
 * Progress with the detour that the plan has for this failure, each once; null where it has none. The next place
 * (`moveOn`) is the first of the detour, and steps that were left waiting are dropped: they would fail in the same way.
 */
export function takeDetour(
  plan: RoutePlan,
  position: number,
  progress: RequestProgress,
  { code }: Pick<Failure, 'code'>,
): RequestProgress | null {
  if (!isDetourCode(code) || stepsOf(plan, code).length === 0) return null;
  const codes = progress.detour?.codes ?? [];
  if (codes.includes(code)) return null;
  return { ...progress, skipped: [], revisited: null, detour: { from: position + 1, codes: [...codes, code] } };
}

function isDetourCode(code: Failure['code']): code is DetourCode {
  return code === 'upstream_content_filter' || code === 'upstream_context_length';
}

/** Progress at the place after this one, which must exist (`hasNext`). */
export function moveOn(plan: RoutePlan, position: number, progress: RequestProgress): RequestProgress {
  const fresh = { ...progress, failuresAtStep: 0 };
  if (position + 1 < endOf(plan, progress)) return fresh;
  const first = progress.skipped.reduce((best, next) => (next.readyAtMs < best.readyAtMs ? next : best));
  return { ...fresh, revisited: first.step, skipped: progress.skipped.filter((other) => other !== first) };
}
